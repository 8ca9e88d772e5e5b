"""Mistakes that people make: each gives one clear error on its node, before any long work, and the next run works."""

from __future__ import annotations

import json

import pytest
import torch

from . import graphs
from .executor import Comfy, Outcome

PICKS = json.loads(graphs.picks())


def pick_on_demo_clip(comfy: Comfy, points: str) -> dict:
    return {
        "clip": graphs.defaults(comfy, "DragAVideo_DemoClip", frames=2),
        "pick": graphs.node("DragAVideo_Pick", video=["clip", 0], points=points),
    }


def refused_on(outcome: Outcome, node: str, *words: str) -> None:
    assert outcome.status == "error" and outcome.error["node_id"] == node, outcome.error
    message = outcome.error["exception_message"]
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "points, words",
    [
        ("{", ["JSON"]),
        (json.dumps({**PICKS, "version": 4}), ["version"]),
        (json.dumps({**PICKS, "pairs": [{"handle": [3, 4]}]}), ["pair 1", "target"]),
        (graphs.picks(handle=(400, 3)), ["handle 1", "128 x 128"]),
        ('[{"x": 1, "y": 2}]', ["1 handles, 0 targets"]),
    ],
)
def test_wrong_points_are_refused_before_anything_runs(comfy: Comfy, points: str, words: list[str]):
    (text,) = comfy.validate(pick_on_demo_clip(comfy, points))["pick"]
    assert all(word in text for word in words), text


def test_good_points_pass_validation(comfy: Comfy):
    assert comfy.validate(pick_on_demo_clip(comfy, graphs.picks())) == {}


@pytest.mark.parametrize("points", ["", json.dumps({**PICKS, "pairs": []})])
def test_a_blank_canvas_gets_its_frame_before_it_is_refused(comfy: Comfy, points: str):
    graph = pick_on_demo_clip(comfy, points)
    assert comfy.validate(graph) == {}
    outcome = comfy.run(graph)
    refused_on(outcome, "pick", "at least one pair")
    assert len(outcome.ui["pick"]["drag_a_video_frames"]) == 2


def test_points_on_a_frame_that_is_not_there(comfy: Comfy):
    refused_on(comfy.run(pick_on_demo_clip(comfy, graphs.picks(frame=5))), "pick", "frame from 1 to 2", "6")


def test_points_of_another_size_are_rescaled(comfy: Comfy):
    outcome = comfy.run(pick_on_demo_clip(comfy, graphs.picks((10, 20), (30, 20), size=(64, 64), mask_points=[])))
    assert outcome.values["pick"][0].handles.tolist() == [[20.5, 40.5]]


def test_frames_whose_size_is_no_multiple_of_64_name_the_node_that_helps(comfy: Comfy, random_weights):
    graph = {
        "image": graphs.node("EmptyImage", width=100, height=64, batch_size=1, color=0),
        "model": graphs.defaults(comfy, "DragAVideo_EmbeddedModel"),
        "tune": graphs.defaults(comfy, "DragAVideo_Tune", video=["image", 0], model=["model", 0]),
        "show": graphs.node("PreviewAny", source=["tune", 0]),
    }
    refused_on(comfy.run(graph), "tune", "multiples of 64", "100 x 64", "Load Video")


def test_an_unreadable_video(comfy: Comfy):
    (comfy.base / "input" / "broken.mp4").write_bytes(b"not a video at all" * 50)
    graph = {
        "load": graphs.defaults(comfy, "DragAVideo_LoadVideo", file="broken.mp4"),
        "show": graphs.node("PreviewImage", images=["load", 0]),
    }
    refused_on(comfy.run(graph), "load", "broken.mp4", "cannot be read")


@pytest.mark.parametrize(
    "name", ["nowhere.mp4", "../secret.mp4", "/etc/hostname", "../../etc/hostname [output]", "\0", "x" * 5000, "..", "", "link.mp4"]
)
def test_a_video_is_only_read_from_comfyuis_folders(comfy: Comfy, name: str):
    secret, link = comfy.base / "secret.mp4", comfy.base / "input" / "link.mp4"
    secret.write_bytes(b"x")
    if not link.is_symlink():
        link.symlink_to(secret)
    graph = {
        "load": graphs.defaults(comfy, "DragAVideo_LoadVideo", file=name),
        "show": graphs.node("PreviewImage", images=["load", 0]),
    }
    (text,) = comfy.validate(graph)["load"]
    assert "was not found in ComfyUI's input folder" in text


def test_a_missing_sam_file_says_where_to_put_it(comfy: Comfy):
    graph = graphs.whole_edit(comfy)
    graph["sam"]["inputs"]["checkpoint"] = "sam_vit_x.pth"
    (text,) = comfy.validate(graph)["sam"]
    assert "sam_vit_x.pth" in text and "models/sams" in text and "sam_vit_b_01ec64.pth" in text


@pytest.mark.parametrize("steps", ["", "42; 41", "forty", "1.5"])
def test_steps_that_are_no_numbers(comfy: Comfy, steps: str):
    graph = graphs.whole_edit(comfy)
    graph["drag"]["inputs"]["steps"] = steps
    (text,) = comfy.validate(graph)["drag"]
    assert "42, 41, 35, 30" in text


def test_steps_that_the_inversion_did_not_reach(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy)
    graph["drag"]["inputs"]["steps"] = "9"
    refused_on(comfy.run(graph), "drag", "9")


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("place", ["sam", "propagate", "follow"])
def test_a_mask_of_another_count_than_the_clip_is_refused_before_the_work(comfy: Comfy, random_weights, count: int, place: str):
    graph = graphs.whole_edit(comfy, frames=3)
    graph["batch"] = graphs.node("EmptyImage", width=128, height=128, batch_size=count, color=0)
    graph["masks"] = graphs.node("ImageToMask", image=["batch", 0], channel="red")
    graph["follow"] = use_tracks(comfy, frames=3)
    graph[place]["inputs"]["mask" if place == "sam" else "edit_mask"] = ["masks", 0]
    refusing = "propagate" if place == "sam" else place
    outcome = comfy.run(graphs.up_to(graph, refusing))
    what = "thing" if place == "sam" else "edit"
    refused_on(outcome, refusing, f"one mask of the {what}, or one for each frame", f"{count} masks")
    assert not [data for data in outcome.of("progress") if data["node"] == refusing]


def use_tracks(comfy: Comfy, frames: int) -> dict:
    """Use Tracks with one track that stands still."""
    given = json.dumps([[{"x": 60, "y": 60}] * frames])
    return graphs.defaults(comfy, "DragAVideo_UseTracks", video=["clip", 0], picks=["pick", 0], given=given)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_tracks_of_another_length_than_the_clip(comfy: Comfy, frames: int):
    graph = graphs.whole_edit(comfy, frames=3) | {"follow": use_tracks(comfy, frames)}
    refused_on(comfy.run(graphs.up_to(graph, "follow")), "follow", f"{frames} frames", "3")


def test_frames_of_another_size_into_one_of_the_nodes(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy)
    graph["smaller"] = graphs.node("ImageScale", image=["clip", 0], upscale_method="bilinear", width=64, height=64, crop="disabled")
    for node, input_name, words in [
        ("propagate", "video", ["128 x 128", "64 x 64"]),
        ("decode", "video", ["128 x 128", "64 x 64"]),
        ("evaluate", "original", ["same shape"]),
    ]:
        wrong = graphs.up_to(graph, node)
        wrong[node]["inputs"][input_name] = ["smaller", 0]
        wrong["smaller"] = graph["smaller"]
        refused_on(comfy.run(wrong), node, *words)


@pytest.mark.parametrize("shape", [(1, 4, 32, 32), (2, 16, 32, 32), (2, 4, 8, 8)])
def test_latents_of_another_shape_than_the_clips(comfy: Comfy, random_weights, shape: tuple[int, ...]):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    stage, host = comfy.module("dragvideo_core.stages.invert"), comfy.module("nodes.comfy.run")
    outcome = comfy.run(graphs.up_to(graphs.whole_edit(comfy), "model"))
    model, clip = outcome.values["model"][0], convert.to_clip(torch.zeros(2, 128, 128, 3))
    given = convert.from_latent({"samples": torch.zeros(shape)}, model)
    with pytest.raises(types.UserError, match="latents must have the shape"):
        host.run(stage.invert, clip, model, stage.InvertSettings(until=1), lambda *ignored: None, given)


def test_a_target_outside_every_mask_square_is_a_warning_on_the_node_before_the_work(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy)
    del graph["pick"]["inputs"]["other_points"]
    graph["pick"]["inputs"]["points"] = graphs.picks(handle=(20, 20), target=(100, 100), mask_points=[(20, 20)])
    graph["propagate"]["inputs"]["guess_layer"] = False  # else people read that there is nothing to guess
    outcome = comfy.run(graphs.up_to(graph, "propagate"))
    assert outcome.status == "success"
    ((node, text),) = outcome.listener.node_texts
    assert node == "propagate" and "target 1 lies outside the edit mask" in text
    assert outcome.ui["propagate"]["drag_a_video_warnings"]
    kinds = [kind for kind, data in outcome.listener.messages if kind == "text" or (kind == "progress" and data["node"] == node)]
    assert kinds[0] == "text" and "progress" in kinds


def test_a_warning_reaches_the_node_at_once_and_those_of_others_do_not(comfy: Comfy, monkeypatch):
    import threading
    import warnings

    messages, warning = comfy.module("nodes.comfy.messages"), comfy.module("dragvideo_core.warning")
    written = []
    monkeypatch.setattr(messages, "write_on_node", lambda text, node: written.append((text, node)))
    before = warnings.showwarning, list(warnings.filters)
    with messages.warnings_on_node("7") as texts:
        warning.warn("look here")
        assert written == [("Warning: look here", "7")]
        with pytest.warns(UserWarning) as others:
            warnings.warn("of a library", stacklevel=1)
            thread = threading.Thread(target=warning.warn, args=("of another thread",))
            thread.start()
            thread.join()
        warning.warn("and here")
    assert texts == ["look here", "and here"] and len(others) == 2
    assert written[1:] == [("Warning: look here\nand here", "7")]
    assert (warnings.showwarning, warnings.filters) == before


@pytest.mark.parametrize("place", ["propagate", "follow"])
@pytest.mark.parametrize("color, words", [(0, "largest value is 0.00"), (0x4F4F4F, "largest value is 0.31")])
def test_a_mask_that_is_nowhere_white_is_refused_before_the_work(comfy: Comfy, random_weights, place: str, color: int, words: str):
    graph = graphs.whole_edit(comfy, frames=2)
    graph["batch"] = graphs.node("EmptyImage", width=128, height=128, batch_size=1, color=color)
    graph["masks"] = graphs.node("ImageToMask", image=["batch", 0], channel="red")
    graph["follow"] = use_tracks(comfy, frames=2)
    graph[place]["inputs"]["edit_mask"] = ["masks", 0]
    outcome = comfy.run(graphs.up_to(graph, place))
    refused_on(outcome, place, "nowhere white", words, "0.5")
    assert not [data for data in outcome.of("progress") if data["node"] == place]


def test_a_wired_mask_is_judged_and_the_squares_are_not(comfy: Comfy, random_weights):
    """White everywhere, with squares that the target is not in: it was warned of all the same."""
    graph = graphs.whole_edit(comfy, frames=2)
    graph["propagate"]["inputs"] |= {"mask_radius": 1.0, "guess_layer": False}
    graph["batch"] = graphs.node("EmptyImage", width=128, height=128, batch_size=1, color=0xFFFFFF)
    graph["masks"] = graphs.node("ImageToMask", image=["batch", 0], channel="red")
    squares = comfy.run(graphs.up_to(graph, "propagate"))
    graph["propagate"]["inputs"]["edit_mask"] = ["masks", 0]
    wired = comfy.run(graphs.up_to(graph, "propagate"))
    assert wired.status == squares.status == "success"
    assert squares.ui["propagate"]["drag_a_video_warnings"] and not wired.ui["propagate"]["drag_a_video_warnings"]
    assert wired.values["propagate"][1].all()


def test_clips_that_do_not_belong_together(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy)
    graph["other"] = graphs.defaults(comfy, "DragAVideo_DemoClip", frames=3)
    graph["invert"]["inputs"]["video"] = ["other", 0]
    refused_on(comfy.run(graph), "drag", "3 frames", "2")


def test_nan_in_the_frames(comfy: Comfy):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    with pytest.raises(types.UserError, match="NaN"):
        convert.to_clip(torch.full((1, 64, 64, 3), float("nan")))


def test_nan_in_a_mask(comfy: Comfy):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    clip = convert.to_clip(torch.zeros(1, 64, 64, 3))
    with pytest.raises(types.UserError, match="NaN"):
        convert.to_edit_mask(torch.full((1, 64, 64), float("nan")), clip)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(0, 64, 64, 3),
        torch.zeros(64, 64, 3),
        torch.zeros(1, 64, 64, 2),
        torch.zeros(1, 0, 64, 3),
        {"samples": 0},
        [torch.zeros(1, 64, 64, 3), torch.zeros(1, 128, 64, 3)],  # of mixed size
    ],
)
def test_values_that_are_no_frames(comfy: Comfy, value):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    with pytest.raises(types.UserError):
        convert.to_clip(value)


def test_the_server_is_healthy_after_all_that(comfy: Comfy, random_weights):
    assert comfy.run(graphs.whole_edit(comfy, iterations=1)).status == "success"
