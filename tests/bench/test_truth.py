"""Laws of the scores: a perfect edit and no edit at all get what they deserve, and what lies between lies between."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from bench import flip, rows, truth
from torch import Tensor

from dragvideo_core.temporal import metrics

SIZE = 64


def scene() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A striped square on noisy ground, moved 20 px to the right by the true edit: clip, true edit, and the layers of both."""
    generator = torch.Generator().manual_seed(0)
    ground = 0.3 + 0.2 * torch.rand(2, 3, SIZE, SIZE, generator=generator)
    layer, true_layer = torch.zeros(2, 1, SIZE, SIZE), torch.zeros(2, 1, SIZE, SIZE)
    layer[..., 20:44, 8:24], true_layer[..., 20:44, 28:44] = 1, 1
    look = torch.zeros(2, 3, SIZE, SIZE)
    look[:, 0, :, ::2] = 1
    moved = look.roll(20, -1)
    return ground * (1 - layer) + look * layer, ground * (1 - true_layer) + moved * true_layer, layer, true_layer


def test_freed_is_what_the_layer_covers_no_more():
    _, _, layer, true_layer = scene()
    freed = truth.freed_ground(layer, true_layer)
    assert freed.sum() == 2 * 24 * 16 and not (freed & (true_layer > 0)).any()
    assert not truth.freed_ground(layer, layer).any()
    pole = torch.zeros_like(layer)
    pole[..., :16] = 1
    assert not (truth.freed_ground(layer, true_layer, pole) & (pole > 0)).any()


def test_ground_is_seen_elsewhere_where_another_frame_shows_it_bare():
    """A thing at one place of the screen, over ground that goes 10 px to the right from each frame to the next."""
    layer = torch.zeros(2, 1, SIZE, SIZE)
    layer[..., 20:44, 20:36] = 1
    y, x = np.mgrid[:SIZE, :SIZE]
    first, second = truth.seen_elsewhere(layer, lambda i, j: np.stack([x + 10.0 * (j - i), y], -1))[:, 0, 30]
    assert not first[20:26].any() and first[26:36].all(), "16 px wide: most of it comes out on the right"
    assert second[20:30].all() and not second[30:36].any()
    assert not truth.seen_elsewhere(layer, lambda i, j: np.full((SIZE, SIZE, 2), np.nan)).any()


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_ghost_is_the_share_of_the_old_look(share):
    clip, true, layer, true_layer = scene()
    freed = truth.freed_ground(layer, true_layer)
    assert truth.ghost(share * clip + (1 - share) * true, true, clip, freed) == pytest.approx(share, abs=1e-5)


def test_ghost_hardly_sees_what_a_fill_gets_wrong_by_itself():
    clip, true, layer, true_layer = scene()
    noise = 0.1 * torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    assert abs(truth.ghost(true + noise, true, clip, truth.freed_ground(layer, true_layer))) < 0.02
    assert math.isnan(truth.ghost(true, true, clip, torch.zeros_like(layer).bool()))


def test_hole_of_the_unedited_clip_is_far_from_the_true_ground():
    clip, true, layer, true_layer = scene()
    freed = truth.freed_ground(layer, true_layer)
    assert metrics.psnr(true, true, freed) == 100 and metrics.psnr(clip, true, freed) < 10


def test_sharpness_is_one_for_the_true_edit_and_falls_with_blur():
    _, true, _, true_layer = scene()
    where = true_layer >= 0.5
    assert truth.sharpness(true, true, where) == 1
    blurred = torch.nn.functional.avg_pool2d(true, 3, 1, 1)
    assert truth.sharpness(blurred, true, where) < 0.5
    assert truth.sharpness(0.5 * true, true, where) == pytest.approx(0.25, abs=1e-5)
    assert math.isnan(truth.sharpness(true, torch.zeros_like(true), where))


@pytest.mark.skipif(not flip.available(), reason="flip-evaluator is not installed")
def test_flip_is_nothing_between_equal_pictures_and_grows_with_the_difference():
    clip, true, layer, true_layer = scene()
    mask = (layer + true_layer) > 0
    assert flip.inside(true, true, mask) == 0
    half = (clip + true) / 2
    assert 0 < flip.inside(half, true, mask) < flip.inside(clip, true, mask)
    assert flip.outside(true, clip, mask) == 0  # what differs lies inside
    assert flip.outside(true, clip, torch.zeros_like(mask)) > 0


def test_medians_have_the_same_keys_for_every_variant_and_ratios_to_the_baseline():
    base = {"clip": "a", "distance_ratio": 0.1, "seconds": 1.0}
    ours = [
        base | {"clip": clip, "variant": "ours", "smoothness_px": value, "distance_spread_px": 0.5}
        for clip, value in (("a", 1.0), ("b", 3.0), ("special", 99.0))
    ]
    slow = [base | {"variant": "baseline", "smoothness_px": 2.0, "distance_spread_px": math.nan}]
    found = rows.median_by_variant([*ours, *slow], {"a", "b"}, "baseline")
    assert found["ours"].keys() == found["baseline"].keys()
    assert found["ours"]["clips"] == 2 and found["ours"]["smoothness_px"] == 2 and found["ours"]["smoothness_ratio"] == 1
    assert found["baseline"]["distance_spread_px"] is None and found["ours"]["spread_ratio"] is None


def test_ratios_are_over_the_clips_that_the_variant_edited():
    row = {"clip": "a", "variant": "x", "smoothness_px": 1.0, "distance_spread_px": 1.0}
    others = [row | {"variant": "base", "smoothness_px": 4.0}, row | {"variant": "base", "clip": "b", "smoothness_px": 100.0}]
    assert rows.median_by_variant([row, *others], {"a", "b"}, "base")["x"]["smoothness_ratio"] == 0.25


def test_json_holds_no_nan():
    assert rows.without_nan({"a": [math.nan, 1.0, (math.inf, "b")]}) == {"a": [None, 1.0, [None, "b"]]}
