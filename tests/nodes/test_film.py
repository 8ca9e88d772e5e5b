"""Drag a Film as ComfyUI runs it: a VIDEO goes in, a file and a VIDEO come out."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from . import graphs
from .executor import Comfy

SIDE, COUNT = (64, 96), 5


@pytest.fixture
def film(comfy: Comfy) -> str:
    generator = np.random.default_rng(0)
    picture = np.kron(generator.integers(0, 255, (16, 24, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    path = comfy.base / "input" / "small.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *SIDE, "yuv444p"
        for _ in range(COUNT):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode())
    return path.name


def decoded(path: Path | str) -> list[av.VideoFrame]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


def graph(comfy: Comfy, film: str, pair: dict, strokes: tuple[dict, ...] = (), **more) -> dict:
    points = {"version": 2, "size": [SIDE[1], SIDE[0]], "frame": 0, "pairs": [pair], "mask_points": [], "strokes": [*strokes]}
    return {
        "load": graphs.node("LoadVideo", file=film),
        "points": graphs.node("PrimitiveString", value=json.dumps(points)),
        "film": graphs.defaults(comfy, "DragAVideo_Film", video=["load", 0], points=["points", 0], **more),
        "show": graphs.node("PreviewAny", source=["film", 1]),
    }


ARROW = {"handle": [48, 32], "target": [56, 32]}
STROKES = (
    {"kind": "thing", "radius": 4, "points": [[44, 32], [52, 32]]},
    {"kind": "ground", "radius": 2, "points": [[30, 12], [66, 12], [66, 52], [30, 52], [30, 12]]},
)


def test_a_film_goes_in_and_a_file_with_all_its_frames_comes_out(comfy: Comfy, film: str):
    outcome = comfy.run(graph(comfy, film, ARROW, STROKES, codec="ffv1", save_as="films/one"))
    assert outcome.status == "success", outcome.error
    edited, file = outcome.values["film"]
    assert file.endswith("one_00001.mkv") and str(comfy.base / "output") in file
    assert outcome.ui["film"]["drag_a_video_layer_frame"] == [0] and len(outcome.ui["film"]["drag_a_video_layer"]) == 1
    ((frame, x, y, width, height),) = outcome.ui["film"]["drag_a_video_box"]
    assert frame == 0 and 0 <= x < 48 < x + width <= SIDE[1] and 0 <= y < 32 < y + height <= SIDE[0]
    assert outcome.previews == []  # Nodes 2.0 would take the last one for the film, and say that it failed to load
    *meanwhile, at_last = [data["output"] for data in outcome.of("executed") if data["node"] == "film"]
    assert meanwhile and "animated" not in meanwhile[0] and meanwhile[0]["images"][0]["type"] == "temp"
    assert list(at_last["animated"]) == [True] and at_last["images"][0]["type"] == "output"
    components = edited.get_components()
    assert tuple(components.images.shape) == (COUNT, *SIDE, 3) and components.frame_rate == 10
    again = comfy.run(graph(comfy, film, {**ARROW, "target": [56, 30]}, codec="ffv1", save_as="films/one"))
    assert again.values["film"][1].endswith("one_00002.mkv")  # nothing is overwritten


def test_of_the_pictures_that_are_shown_while_a_film_is_made_only_the_last_ones_are_kept(comfy: Comfy, film: str, monkeypatch):
    monkeypatch.setattr(comfy.module("nodes.comfy.run"), "PREVIEW_SECONDS", 0.0)
    outcome = comfy.run(graph(comfy, film, {**ARROW, "target": [55, 30]}, codec="ffv1"))
    assert outcome.status == "success", outcome.error
    *meanwhile, _ = [data["output"]["images"][0] for data in outcome.of("executed") if data["node"] == "film"]
    kept = [(comfy.base / "temp" / one["subfolder"] / one["filename"]).is_file() for one in meanwhile]
    most = comfy.module("nodes.comfy.messages").KEPT_PICTURES
    assert len(kept) > most and kept == [False] * (len(kept) - most) + [True] * most


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "", "drag_a_video/unfinished/x"])
def test_names_that_lead_out_of_the_output_folder_are_refused(comfy: Comfy, film: str, name: str):
    outcome = comfy.run(graph(comfy, film, ARROW, save_as=name))
    assert outcome.status != "success" and "save_as" in str(outcome.error)


def test_pins_alone_are_refused_in_words(comfy: Comfy, film: str):
    outcome = comfy.run(graph(comfy, film, {"handle": [48, 32], "target": [48, 32]}, save_as="films/pin"))
    assert outcome.status != "success" and "pin" in str(outcome.error)
    assert not list((comfy.base / "output" / "films").glob("pin*"))


def test_a_video_that_was_made_of_frames_is_edited_too(comfy: Comfy, film: str):
    """It has no file; ComfyUI 0.3.75 fails when it is asked for the bytes of one."""
    whole = graph(comfy, film, ARROW, save_as="films/made")
    whole["parts"] = graphs.node("GetVideoComponents", video=["load", 0])
    whole["made"] = graphs.node("CreateVideo", images=["parts", 0], fps=8.0)
    whole["film"]["inputs"]["video"] = ["made", 0]
    outcome = comfy.run(whole)
    assert outcome.status == "success", outcome.error
    components = outcome.values["film"][0].get_components()
    assert tuple(components.images.shape) == (COUNT, *SIDE, 3) and components.frame_rate == 8


def test_an_animated_webp_that_core_cannot_read_is_picked_on_and_edited(comfy: Comfy, film: str):
    """Core's Load Video offers it: it is what core's Save Animated WEBP makes."""
    frames = [frame.to_ndarray(format="rgb24") for frame in decoded(comfy.base / "input" / film)]
    pictures = [Image.fromarray(np.roll(one, i, 1)) for i, one in enumerate(frames)]  # Pillow makes one of two that are the same
    path = comfy.base / "input" / "small.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, lossless=True)
    whole = graph(comfy, path.name, ARROW, STROKES, codec="ffv1", save_as="films/webp")
    picks = {"version": 1, "size": [SIDE[1], SIDE[0]], "frame": 0, "pairs": [ARROW], "mask_points": []}
    whole["pick"] = graphs.node("DragAVideo_Pick", video=["load", 0], points=json.dumps(picks))
    outcome = comfy.run(whole)
    assert outcome.status == "success", outcome.error
    assert outcome.values["pick"][0].size == SIDE and len(outcome.ui["pick"]["drag_a_video_frames"]) == COUNT
    assert len(decoded(outcome.values["film"][1])) == COUNT


def test_pick_points_reads_of_a_long_film_what_it_shows(comfy: Comfy, film: str, monkeypatch):
    module, values = comfy.module("nodes.pick"), comfy.module("nodes.comfy.values")
    monkeypatch.setattr(module, "MOST_SHOWN", 3)
    monkeypatch.setattr(values, "to_clip", None)  # which reads all of it
    points = {"version": 1, "size": [SIDE[1], SIDE[0]], "frame": 4, "pairs": [ARROW], "mask_points": []}
    picking = {
        "load": graphs.node("LoadVideo", file=film),
        "pick": graphs.node("DragAVideo_Pick", video=["load", 0], points=json.dumps(points)),
    }
    outcome = comfy.run(picking)
    assert outcome.status == "success", outcome.error
    assert len(outcome.ui["pick"]["drag_a_video_frames"]) == 3 and outcome.ui["pick"]["drag_a_video_size"] == [[SIDE[1], SIDE[0]]]
    assert outcome.ui["pick"]["drag_a_video_count"] == [COUNT] and outcome.listener.node_texts == []
    assert outcome.ui["pick"]["drag_a_video_first"] == [min(3, COUNT - 3)]  # the picked frame is one of those that are shown
    picks, _, preview = outcome.values["pick"][:3]
    assert picks.frame == 4 and picks.size == SIDE and preview.ndim == 4
    picking["pick"]["inputs"]["points"] = json.dumps({**points, "frame": COUNT})
    assert comfy.run(picking).status != "success"


def test_a_video_that_shows_a_part_of_its_file_is_not_taken_for_all_of_it(comfy: Comfy, film: str):
    values = comfy.module("nodes.comfy.values")

    class Video:
        def __init__(self, file: str):
            self.file = file

        def get_stream_source(self) -> str:
            return self.file

        def get_duration(self) -> float:
            return 10.0

    class Slice(Video):
        def __init__(self, file: str, seconds: float = 10.0):
            super().__init__(file)
            self.seconds = seconds

        def get_duration(self) -> float:
            return self.seconds

    path = str(comfy.base / "input" / film)
    assert not values.is_part(Video(path)) and not values.is_part(Slice(path)) and values.is_part(Slice(path, 4.0))
    assert values.long_film(Slice(path, 4.0), 2) is None and values.long_film(Video(path), 2) is not None
    assert values.long_film(Video(path), COUNT) is None


def test_corrections_of_the_film_are_taken_and_those_of_another_are_refused(comfy: Comfy, film: str):
    whole = graph(comfy, film, ARROW, codec="ffv1", save_as="films/corrected", corrections=["moves", 0])
    for frame, status in ((2, "success"), (COUNT, "error")):
        moves = {"version": 2, "size": [SIDE[1], SIDE[0]], "moves": [{"frame": frame, "pair": 0, "handle": [49, 33]}]}
        whole["moves"] = graphs.node("PrimitiveString", value=json.dumps(moves))
        outcome = comfy.run(whole)
        assert (outcome.status == "success") == (status == "success"), outcome.error
    assert "correction" in str(outcome.error)


def test_a_wired_flow_and_wired_tracks_are_used(comfy: Comfy, film: str, monkeypatch):
    """Tracks stand for what a point tracker makes, a RAFT of random weights for what core's loader makes."""
    whole = graph(comfy, film, ARROW, codec="ffv1", save_as="films/given", given=["tracks", 0])
    for count, status in ((COUNT, "success"), (COUNT - 1, "success"), (COUNT + 1, "error")):
        whole["tracks"] = graphs.node("PrimitiveString", value=json.dumps([[{"x": 48, "y": 32}] * count]))
        outcome = comfy.run(whole)
        assert (outcome.status == "success") == (status == "success"), outcome.error
    assert f"the tracks have {COUNT + 1} frames, the film has {COUNT}" in str(outcome.error)
    whole["tracks"] = graphs.node("PrimitiveString", value="none")
    assert "tracks must be" in str(comfy.run(whole).error)
    del whole["film"]["inputs"]["given"]
    asked: list[tuple[int, ...]] = []
    raft = importlib.import_module("torchvision.models.optical_flow").raft_small(weights=None).eval()
    raft.register_forward_pre_hook(lambda model, pair: asked.append(tuple(pair[0].shape)))

    class Loader:
        RETURN_TYPES, FUNCTION, CATEGORY = ("OPTICAL_FLOW",), "load", "test"

        @classmethod
        def INPUT_TYPES(cls) -> dict:
            return {"required": {}}

        def load(self) -> tuple:
            cpu = torch.device("cpu")
            return (importlib.import_module("comfy.model_patcher").ModelPatcher(raft, load_device=cpu, offload_device=cpu),)

    monkeypatch.setitem(comfy.nodes.NODE_CLASS_MAPPINGS, "SomeFlowLoader", Loader)
    whole["flow"] = graphs.node("SomeFlowLoader")
    whole["film"]["inputs"]["optical_flow"] = ["flow", 0]
    outcome = comfy.run(whole)
    assert outcome.status == "success", outcome.error
    assert set(asked) == {(1, 3, 128, 128)}  # the film of 96 x 64, as large as RAFT needs it
