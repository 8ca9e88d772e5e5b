"""Pieces of ground over a smooth fill: they go on in what is around, are sharp, and are never taken from anything else."""

import numpy as np
import pytest

from dragvideo_core.ground.smooth import best_weights, smooth_fill
from dragvideo_core.ground.stamp import stamped

HOLE = np.s_[40:64, 50:80]


def texture(height: int = 110, width: int = 140, seed: int = 0, light: float = 0.5) -> np.ndarray:
    """Grey noise, (H, W, 3)."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 1)).astype(np.float32)
    return np.repeat((light + 0.1 * noise).clip(0, 1), 3, 2)


def holed(ground: np.ndarray, hole=HOLE) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A picture with magenta over the ground there, what is known, the hole, and the picture with a smooth fill."""
    mask = np.zeros(ground.shape[:2], bool)
    mask[hole] = True
    picture = np.where(mask[..., None], np.float32([1, 0, 1]), ground)
    return picture, ~mask, mask, smooth_fill(picture, ~mask, mask, best_weights(picture, ~mask)[0])


def steps(picture: np.ndarray, hole=HOLE) -> float:
    """Mean step from pixel to pixel in the hole."""
    return float(np.abs(np.diff(picture[hole], axis=1)).mean())


def test_what_repeats_comes_back():
    tile = texture(22, 14, 3)
    ground = np.tile(tile, (5, 10, 1))
    picture, known, hole, smooth = holed(ground)
    made = stamped(picture, known, hole, smooth)
    assert np.abs(smooth - ground)[hole].mean() > 0.05 and np.abs(made - ground)[hole].mean() < 0.005


def test_a_fence_goes_on_behind_the_hole():
    """Posts and a rail, on plain ground."""
    ground = texture(seed=1) * 0.2 + 0.5
    ground[:, ::12] = ground[:, 1::12] = 0.1
    ground[50:54] = 0.9
    picture, known, hole, smooth = holed(ground)
    made = stamped(picture, known, hole, smooth)
    assert np.square(made - ground)[hole].mean() < 0.1 * np.square(smooth - ground)[hole].mean()


@pytest.mark.parametrize("seed", range(3))
def test_the_fill_is_as_sharp_as_what_is_around(seed: int):
    ground = texture(seed=seed)
    made, smooth = stamped(*holed(ground)), holed(ground)[-1]
    assert steps(smooth) < 0.3 * steps(ground) and steps(made) > 0.8 * steps(ground)


def test_nothing_else_changes_and_only_known_ground_is_taken():
    ground = texture()
    picture, known, hole, smooth = holed(ground)
    known[10:30, 20:120] = False  # another thing, which nobody is to see again
    picture[10:30, 20:120] = [0, 1, 0]
    made = stamped(picture, known, hole, smooth)
    assert np.array_equal(made[~hole], smooth[~hole])
    assert np.ptp(made[hole], axis=-1).max() < 0.26  # grey but for the light, which is changed by 0.12 at most


def test_plain_ground_keeps_its_smooth_fill():
    x, y = np.meshgrid(np.linspace(0.2, 0.8, 140), np.linspace(0, 0.1, 110))
    ground = np.stack([x + y, x, 1 - x], -1).astype(np.float32)
    picture, known, hole, smooth = holed(ground)
    assert np.abs(stamped(picture, known, hole, smooth) - ground)[hole].max() <= np.abs(smooth - ground)[hole].max() + 0.01


def test_ground_of_other_colours_is_not_taken():
    ground = texture()
    ground[:, :44] *= np.float32([1, 0.1, 0.1])
    ground[:, 44:] *= np.float32([0.1, 0.1, 1])
    inside = np.s_[:, 0:40]  # all of the red but a strip: nothing red is as large as a tile
    picture, known, hole, smooth = holed(ground, inside)
    made = stamped(picture, known, hole, smooth)
    assert (made[hole][:, 2] < 0.35).all()


def test_a_thin_hole_stays_as_it_is():
    picture, known, hole, smooth = holed(texture(), np.s_[40:45, 20:120])
    assert stamped(picture, known, hole, smooth) is smooth


def test_nothing_known_around_changes_nothing():
    picture, known, hole, smooth = holed(texture())
    assert np.array_equal(stamped(picture, np.zeros_like(known), hole, smooth), smooth)


def test_a_hole_as_large_as_the_picture_is_left():
    picture, known, hole, _ = holed(texture(), np.s_[:, 4:])
    smooth = np.full_like(picture, 0.5)
    assert np.isfinite(stamped(picture, known, hole, smooth)).all()
