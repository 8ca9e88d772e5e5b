"""The loader in ComfyUI: what it hands on, what it reads again, and what a VIDEO carries through the edit."""

from __future__ import annotations

import os
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from . import graphs
from .executor import Comfy


@pytest.fixture
def film(comfy: Comfy):
    """input/film.mp4: 12 frames of 160 x 120 at 24 per second, each of another grey, and a tone."""
    path = comfy.base / "input" / "film.mp4"
    write_film(path)
    return path


def write_film(path, greys=range(40, 160, 10)) -> None:
    with av.open(str(path), "w") as file:
        video, sound = file.add_stream("mpeg4", rate=24), file.add_stream("aac", rate=48000)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        for grey in greys:
            picture = np.full((120, 160, 3), grey, np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(video.encode())
        tone = np.sin(np.arange(24000) / 20).astype(np.float32)[None]
        samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        samples.sample_rate = 48000
        file.mux(sound.encode(samples))
        file.mux(sound.encode())


def load(comfy: Comfy, **inputs) -> dict:
    return {
        "load": graphs.defaults(comfy, "DragAVideo_LoadVideo", file="film.mp4", **{"width": 128, "height": 64, **inputs}),
        "show": graphs.node("PreviewImage", images=["load", 0]),
    }


def test_frames_rate_sound_and_count(comfy: Comfy, film):
    outcome = comfy.run(load(comfy))
    images, video, audio, fps, count = outcome.values["load"]
    assert images.shape == (4, 64, 128, 3) and count == 4 and fps == 8.0
    greys = (images.mean(dim=(1, 2, 3)) * 255).round()
    assert torch.allclose(greys, torch.tensor([40.0, 70, 100, 130]), atol=4)
    parts = video.get_components()
    assert torch.equal(parts.images, images) and parts.frame_rate == Fraction(8)
    assert audio["waveform"].shape[::2] == (1, 24000) and audio["sample_rate"] == 48000
    assert parts.audio is audio
    assert outcome.previews == []  # the node shows the file; Nodes 2.0 would keep a preview below it


def test_the_list_holds_the_videos_of_the_input_folder(comfy: Comfy, film):
    (comfy.base / "input" / "notes.txt").write_text("x")
    kind, options = comfy.node_classes["DragAVideo_LoadVideo"].INPUT_TYPES()["required"]["file"]
    assert kind == "COMBO" and options["video_upload"]
    assert "film.mp4" in options["options"] and "notes.txt" not in options["options"]


def test_a_file_is_read_again_only_when_it_changes(comfy: Comfy, film):
    graph = load(comfy)
    comfy.run(graph)
    assert comfy.run(graph).executed == set()
    write_film(film, greys=range(100, 220, 10))
    os.utime(film, ns=(1, 1))
    changed = comfy.run(graph)
    assert "load" in changed.executed
    assert float(changed.values["load"][0][0].mean()) * 255 == pytest.approx(100, abs=4)


def test_files_of_the_output_folder_can_be_named(comfy: Comfy):
    write_film(comfy.base / "output" / "made.mp4")
    graph = load(comfy)
    graph["load"]["inputs"]["file"] = "made.mp4 [output]"
    assert comfy.run(graph).status == "success"


def test_a_video_brings_its_rate_and_sound_through_the_edit(comfy: Comfy, film, random_weights):
    graph = graphs.whole_edit(comfy, iterations=1)
    graph["load"] = load(comfy, width=64, height=64, frame_load_cap=2)["load"]
    for name in ("pick", "propagate", "tune", "invert", "decode"):
        graph[name]["inputs"]["video"] = ["load", 1]
    graph["evaluate"]["inputs"] |= {"original": ["load", 1], "edited": ["decode", 1]}
    graph["decode"]["inputs"]["fps"] = 99.0
    del graph["pick"]["inputs"]["other_points"]
    graph["pick"]["inputs"]["points"] = graphs.picks(handle=(20, 20), target=(30, 20), mask_points=[(25, 20)], size=(64, 64))
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    parts = outcome.values["decode"][1].get_components()
    assert parts.frame_rate == 8 and parts.audio["waveform"].shape[::2] == (1, 12000)


@pytest.mark.parametrize("fps, rate", [(24000 / 1001, Fraction(24000, 1001)), (8.0, Fraction(8)), (10 / 3, Fraction(10, 3))])
def test_frame_rates_are_exact(comfy: Comfy, fps: float, rate: Fraction):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    clip = types.VideoClip(torch.zeros(1, 3, 64, 64), torch.zeros(1, dtype=torch.int64), fps)
    assert convert.to_video(clip).get_components().frame_rate == rate
