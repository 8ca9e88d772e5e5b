"""Put Back into Film in ComfyUI: frames that other nodes changed go into the film that they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from core import video_corpus as corpus

from dragvideo_core.media.film import open_film

from . import graphs
from .executor import Comfy

SIDE, COUNT, FIRST = (64, 128), 6, 2


@pytest.fixture
def film(comfy: Comfy) -> str:
    """Blocks of colour that move."""
    coarse = np.random.default_rng(1).integers(0, 255, (8, 16, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    frames = np.stack([np.roll(coarse, 4 * i, 1) for i in range(COUNT)])
    return corpus.write(comfy.base / "input" / "blocks.mkv", frames, codec="ffv1", pixels="yuv444p").name


def graph(comfy: Comfy, film: str, **inputs) -> dict:
    load = {"width": 0, "height": 0, "select_every_nth": 1, "skip_first_frames": FIRST, "frame_load_cap": 2}
    put = {"video": ["film", 0], "original": ["load", 0], "edited": ["edit", 0], "codec": "ffv1", "first_frame": FIRST}
    return {
        "film": graphs.node("LoadVideo", file=film),
        "load": graphs.defaults(comfy, "DragAVideo_LoadVideo", file=film, **load),
        "edit": graphs.node("ImageInvert", image=["load", 0]),
        "mask": graphs.node("SolidMask", value=1.0, width=SIDE[1], height=SIDE[0]),
        "put": graphs.defaults(comfy, "DragAVideo_PutBack", **{**put, **inputs}),
    }


def pictures(path: str | Path) -> list[np.ndarray]:
    return [frame.rgb for frame in open_film(path).frames()]


@pytest.mark.parametrize("masked", [False, True])
def test_changed_frames_are_in_the_film_and_the_others_are_its_own(comfy: Comfy, film: str, masked: bool):
    outcome = comfy.run(graph(comfy, film, **({"mask": ["mask", 0]} if masked else {})))
    assert outcome.status == "success", outcome.error
    edited, file = outcome.values["put"]
    before, after = pictures(comfy.base / "input" / film), pictures(file)
    assert len(after) == COUNT and len(edited.get_components().images) == COUNT
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        wanted = 255 - old.astype(int) if FIRST <= i < FIRST + 2 else old
        assert np.abs(new.astype(int) - wanted).max() <= 3 * (FIRST <= i < FIRST + 2)
    assert list(outcome.ui["put"]["animated"]) == [True]


def test_frames_of_another_place_are_refused(comfy: Comfy, film: str):
    outcome = comfy.run(graph(comfy, film, first_frame=0))
    assert outcome.status == "error" and "first_frame" in str(outcome.error)
    outcome = comfy.run(graph(comfy, film, first_frame=COUNT - 1))
    assert outcome.status == "error" and f"the film has {COUNT} frames" in str(outcome.error)
    outcome = comfy.run(graph(comfy, film, save_as="../out"))
    assert outcome.status == "error" and "save_as" in str(outcome.error)
