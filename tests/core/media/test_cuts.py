"""Cuts: found where shots are spliced, and nowhere else."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from dragvideo_core.media.cuts import cuts, shot_around


def shot(seed: int, count: int = 12, speed: tuple[float, float] = (3.0, 1.0), dtype: type = np.uint8) -> list[np.ndarray]:
    """A camera that pans over a scene of its own: blotches of a few colours, some of them with edges."""
    rng = np.random.default_rng(seed)
    palette = rng.uniform(0, 255, (6, 3))
    coarse = rng.integers(0, 6, (16, 24))
    scene = palette[coarse].repeat(16, 0).repeat(16, 1) + rng.normal(0, 4, (256, 384, 3))
    frames = []
    for i in range(count):
        top, left = round(i * speed[1]), round(i * speed[0])
        frames.append(np.clip(scene[top : top + 144, left : left + 256], 0, 255).astype(np.uint8))
    return [frame.astype(dtype) * (257 if dtype is np.uint16 else 1) for frame in frames]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_splice_is_found_and_nothing_else(seed, dtype):
    parts = [shot(10 * seed + i, length, dtype=dtype) for i, length in enumerate((9, 6, 14))]
    assert list(cuts(chain(*parts))) == [9, 15]


def test_a_cut_beside_either_end_and_one_beside_another_are_found():
    parts = [shot(1, 1), shot(2, 10), shot(3, 2), shot(4, 10), shot(5, 1)]
    assert list(cuts(chain(*parts))) == [1, 11, 13, 23]


@pytest.mark.parametrize("speed", [(0.0, 0.0), (4.0, 2.0), (10.0, 0.0)])
def test_no_cut_in_a_pan(speed):
    assert list(cuts(shot(3, 12, speed))) == []


def test_no_cut_in_fades_flashes_and_noise():
    frames = shot(4, 16)
    fade = [(frame * (1 - i / 16)).astype(np.uint8) for i, frame in enumerate(frames)]
    flash = [np.clip(frame.astype(int) + (90 if i == 8 else 0), 0, 255).astype(np.uint8) for i, frame in enumerate(frames)]
    rng = np.random.default_rng(0)
    noisy = [np.clip(frame + rng.normal(0, 20, frame.shape), 0, 255).astype(np.uint8) for frame in frames]
    assert [list(cuts(clip)) for clip in (fade, flash, noisy)] == [[], [], []]


def test_a_cut_is_told_before_the_film_ends():
    seen = []

    def frames():
        for frame in shot(5, 8) + shot(6, 30):
            seen.append(1)
            yield frame

    assert next(cuts(frames())) == 8 and len(seen) < 20


@pytest.mark.parametrize("clip", [[], shot(1, 1), shot(1, 2)])
def test_short_films_have_none(clip):
    assert list(cuts(clip)) == []


def test_the_shot_around_a_frame_ends_at_the_cuts_beside_it():
    film = [*shot(1), *shot(2), *shot(3)]
    assert [shot_around(film, index) for index in (0, 11, 12, 20, 35)] == [
        range(12),
        range(12),
        range(12, 24),
        range(12, 24),
        range(24, 36),
    ]
    assert shot_around(film[:1], 0) == range(1)
