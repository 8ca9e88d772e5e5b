"""HDR and interlaced films in ComfyUI: every node shows the same picture, and it is the one that was filmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core import video_corpus as corpus
from PIL import Image

from . import graphs
from .executor import Comfy

SIZE = (192, 128)
PEAK, WHITE, GAMMA = 1000.0, 203.0, 2.4  # cd/m2 of an HLG display, and of SDR white shown on it (BT.2408); of an SDR display
LEVELS = np.linspace(0, 0.6, 6)  # of an SDR picture: darker than what the tone curve bends


def filmed() -> np.ndarray:
    """(128, 192, 3) in [0, 1]: an SDR picture of greys, with a bright thing on them."""
    picture = np.repeat(LEVELS, SIZE[0] // len(LEVELS))[None, :, None].repeat(SIZE[1], 0).repeat(3, 2)
    picture[52:76, 84:108] = np.arange(24)[:, None, None] // 3 % 4 / 5
    return picture


def hlg(picture: np.ndarray) -> np.ndarray:
    """The signal whose display shows the light of an SDR picture: greys alone (BT.2100, reference display)."""
    scene = (WHITE * picture**GAMMA / PEAK) ** (1 / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-6)) + c)


def pq(picture: np.ndarray) -> np.ndarray:
    """The same for PQ."""
    light = (WHITE * picture**GAMMA / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * light) / (1 + 18.6875 * light)) ** 78.84375


def write_hdr(path: Path, transfer: int, signal: Callable[[np.ndarray], np.ndarray]) -> None:
    frames = np.rint(signal(filmed()) * 255).astype(np.uint8)[None].repeat(4, 0)
    corpus.write(path, frames, codec="ffv1", pixels="yuv444p10le", tags=(9, 1, 9, transfer))


def write_interlaced(path: Path) -> None:
    """The picture moves to the side by 4 px a field: plainly decoded, every edge is a comb."""
    picture = np.rint(filmed() * 255).astype(np.uint8)
    fields = [np.roll(picture, 4 * number, 1) for number in range(8)]
    frames = np.stack(
        [np.where(np.arange(SIZE[1])[:, None, None] % 2, late, soon) for soon, late in zip(fields[::2], fields[1::2], strict=True)]
    )
    corpus.write(path, frames, options={"x264-params": "tff=1", "qp": "2"}, interlaced=True)


def shown(comfy: Comfy, name: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """The first frame (128, 192, 3) in [0, 1] as each node gives it, the film's outside of the edit alone; and what was said."""
    pair = {"handle": [96, 64], "target": [104, 64]}
    picks = {"version": 2, "size": list(SIZE), "frame": 0, "pairs": [pair], "mask_points": []}
    outcome = comfy.run(
        {
            "core": graphs.node("LoadVideo", file=name),
            "load": graphs.defaults(comfy, "DragAVideo_LoadVideo", file=name, width=SIZE[0], height=SIZE[1], select_every_nth=1),
            "pick": graphs.node("DragAVideo_Pick", video=["core", 0], points=json.dumps(picks)),
            "film": graphs.defaults(comfy, "DragAVideo_Film", video=["core", 0], points=["pick", 1], codec="ffv1"),
            "show": graphs.node("PreviewImage", images=["load", 0]),
        }
    )
    assert outcome.status == "success", outcome.error
    page = outcome.ui["pick"]["drag_a_video_frames"][0]
    with Image.open(comfy.base / page["type"] / page["subfolder"] / page["filename"]) as picture:
        pictures = {"pick": np.asarray(picture.convert("RGB"), np.float32) / 255}
    pictures["load"] = outcome.values["load"][0][0].numpy()
    pictures["film"] = outcome.values["film"][0].get_components().images[0].numpy()
    return pictures, [text for _, text in outcome.listener.node_texts]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("transfer, signal", [(18, hlg), (16, pq)], ids=["hlg", "pq"])
def test_hdr_shows_what_was_filmed(comfy: Comfy, transfer: int, signal: Callable[[np.ndarray], np.ndarray]):
    write_hdr(comfy.base / "input" / f"{transfer}.mkv", transfer, signal)
    pictures, _ = shown(comfy, f"{transfer}.mkv")
    for node, picture in pictures.items():
        assert np.abs(picture - filmed())[:24].max() < 0.02, node


@pytest.mark.filterwarnings("error")  # what is said of a VIDEO that is read goes into the log
def test_interlaced_film_has_no_combs(comfy: Comfy):
    write_interlaced(comfy.base / "input" / "combed.mp4")
    pictures, said = shown(comfy, "combed.mp4")
    for node, picture in pictures.items():
        assert np.abs(np.diff(picture[:24, :, 0], axis=0)).max() < 0.05, node
    assert any("interlaced" in text for text in said)
