"""The matte: where an edge runs through a pixel, the colours say how far."""

from unittest.mock import patch

import cv2
import numpy as np

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.layers import matte as matte_file
from dragvideo_core.layers.matte import matte
from dragvideo_core.layers.pixels import as_picture


def disc(radius: float, size: int = 64) -> np.ndarray:
    """A disc's true coverage (H, W), by 8 x 8 samples a pixel."""
    fine = (np.arange(size * 8) + 0.5) / 8 - 0.5
    inside = np.hypot(fine[:, None] - 31.3, fine[None] - 30.7) <= radius
    return inside.reshape(size, 8, size, 8).mean((1, 3)).astype(np.float32)


def test_the_edge_of_a_plain_disc_is_found_to_a_few_hundredths_of_a_pixel():
    true = disc(17.4)
    picture = (255 * (true[..., None] * [0.9, 0.3, 0.1] + (1 - true[..., None]) * [0.1, 0.4, 0.7])).round().astype(np.uint8)
    hard = (true >= 0.5).astype(np.float32)
    assert np.abs(matte(picture, hard) - true).max() < 0.06 < 0.4 < np.abs(hard - true).max()


def test_an_edge_that_is_a_pixel_off_is_moved_towards_the_colours():
    true = disc(17.4)
    picture = (255 * (true[..., None] * [0.9, 0.3, 0.1] + (1 - true[..., None]) * [0.1, 0.4, 0.7])).round().astype(np.uint8)
    wide = (disc(18.4) >= 0.5).astype(np.float32)
    assert np.abs(matte(picture, wide) - true).mean() < 0.65 * np.abs(wide - true).mean()


def test_in_a_large_picture_the_lines_are_fitted_on_a_smaller_one_and_the_edge_is_found_as_well():
    true = cv2.resize(disc(24.0), (640, 640), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    picture = true[..., None] * [0.9, 0.3, 0.1] + (1 - true[..., None]) * [0.1, 0.4, 0.7]
    picture = (255 * picture + np.random.default_rng(0).normal(0, 3, picture.shape)).round().clip(0, 255).astype(np.uint8)
    hard = (np.roll(true, 2, 0) >= 0.5).astype(np.float32)
    errors = []
    for coarse in (3, 10**9):
        with patch.object(matte_file, "COARSE", coarse):
            errors.append(np.abs(matte(picture, hard) - true).sum())
    assert errors[0] < 1.05 * errors[1] and errors[0] < 0.8 * np.abs(hard - true).sum()


def test_on_drawn_things_a_third_of_the_error_of_the_hard_edge_is_left_at_most():
    errors = {"hard": [], "matte": []}
    for kind in ("creature", "crocodile", "balloon"):
        drawn = demo_clip(kind, 100, 1)
        true, picture = drawn.layer[0, 0].numpy(), as_picture(drawn.clip.frames[0])
        hard = (true >= 0.5).astype(np.float32)
        errors["hard"].append(np.abs(hard - true).mean())
        errors["matte"].append(np.abs(matte(picture, hard) - true).mean())
    assert np.mean(errors["matte"]) <= np.mean(errors["hard"]) / 3


def test_away_from_the_edge_nothing_changes_and_nothing_is_changed_in_place():
    region = np.zeros((64, 64), np.float32)
    region[20:40, 20:40] = 1
    kept, picture = region.copy(), np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    soft = matte(picture, region)
    assert np.array_equal(region, kept) and (soft[24:36, 24:36] == 1).all() and (soft[:16] == 0).all()
    assert soft.min() >= 0 and soft.max() <= 1 and soft.dtype == np.float32


def test_an_empty_and_a_full_region_stay_as_they_are():
    picture = np.zeros((64, 64, 3), np.uint8)
    for value in (0.0, 1.0):
        region = np.full((64, 64), value, np.float32)
        assert np.array_equal(matte(picture, region), region)
