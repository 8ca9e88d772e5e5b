"""Ground that no frame of a film shows keeps its look over all of its windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from core.test_film_edit import LOSSLESS, SIDE, points, read, write

from dragvideo_core import film_window
from dragvideo_core.film_edit import drag_a_film
from dragvideo_core.stages.segment import segment

COUNT, PICKED = 16, 7
GROUND = np.s_[45:60, 32:48]  # behind the disc once it is dragged upward


def trembling() -> tuple[list[np.ndarray], torch.Tensor]:
    """A disc that trembles by a pixel over a still, grainy ground, so that no frame shows what is behind it; the disc in each."""
    rng = np.random.default_rng(0)
    ground = 70 + 30 * rng.normal(size=(*SIDE, 1)) * np.ones(3)
    y, x = np.mgrid[: SIDE[0], : SIDE[1]]
    masks = [np.hypot(x - 40 - i % 2, y - 50 - i // 2 % 2) <= 14 for i in range(COUNT)]
    thing = np.array([210.0, 160, 90]) + 20 * rng.normal(size=(*SIDE, 1))
    film = [np.where(mask[..., None], thing, ground) + rng.normal(0, 3, (*SIDE, 3)) for mask in masks]
    return [picture.clip(0, 255).astype(np.uint8) for picture in film], torch.from_numpy(np.stack(masks)).float()


def jump(folder: Path, name: str, masks: torch.Tensor) -> float:
    """Of the ground behind the disc: the largest of the mean steps from one window to the next."""
    drag_a_film(folder / "film.mkv", points(target=(40.0, 18.0)), folder / name, LOSSLESS, segment(mask=masks[:1]))
    shown = np.stack([frame[GROUND] for frame in read(folder / name)]).astype(float)
    steps = np.abs(np.diff(shown, axis=0)).mean((1, 2, 3))
    between = np.isin(np.arange(1, COUNT), np.arange(LOSSLESS.window, COUNT, LOSSLESS.window))
    return float(steps[between].max())


def test_what_no_frame_shows_does_not_change_from_window_to_window(tmp_path: Path, monkeypatch):
    film, masks = trembling()
    write(tmp_path / "film.mkv", film)
    between = jump(tmp_path, "with.mkv", masks)
    monkeypatch.setattr(film_window, "first_plate", lambda drawing: None)
    without = jump(tmp_path, "without.mkv", masks)
    assert between < 0.2 and without > 1  # grey levels of 255


def strangeness(folder: Path, name: str, masks: torch.Tensor, ground: np.ndarray) -> float:
    """How far the ground behind the disc, in the first frame of the third window, is from what it truly is: mean, grey levels."""
    drag_a_film(folder / "film.mkv", points(target=(40.0, 18.0)), folder / name, LOSSLESS, segment(mask=masks[:1]))
    part = np.s_[45:60, 96:103]  # hidden in all frames of this window, seen in the middle one of the window before
    return float(np.abs(read(folder / name)[10].astype(float) - ground)[part].mean())


def test_ground_that_a_thing_has_covered_is_taken_from_the_window_before(tmp_path: Path, monkeypatch):
    rng = np.random.default_rng(0)
    ground = (90 + 30 * rng.normal(size=(*SIDE, 1)) * np.ones(3)).clip(0, 255)
    thing = np.array([210.0, 160, 90]) + 20 * rng.normal(size=(2 * SIDE[0], 2 * SIDE[1], 1))
    y, x = np.mgrid[: SIDE[0], : SIDE[1]]
    masks = [np.hypot(x - 40 - 5 * i, y - 50) <= 14 for i in range(15)]
    film = [
        np.where(mask[..., None], np.roll(thing, 5 * i, 1)[: SIDE[0], : SIDE[1]], ground).clip(0, 255)
        for i, mask in enumerate(masks)
    ]
    write(tmp_path / "film.mkv", [picture.astype(np.uint8) for picture in film])
    found = strangeness(tmp_path, "with.mkv", torch.from_numpy(np.stack(masks)).float(), ground)
    monkeypatch.setattr(film_window.FilmWork, "_ground_of", lambda *inputs: ())
    without = strangeness(tmp_path, "without.mkv", torch.from_numpy(np.stack(masks)).float(), ground)
    assert found < 3 and without > 15
