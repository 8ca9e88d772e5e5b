"""Laws of the measures of an edit."""

import math

import pytest
import torch

from dragvideo_core.points.flow import Flow
from dragvideo_core.temporal.metrics import bend_of_motion, mean_bend, psnr, worse_bend


def test_equal_pictures_have_100_db_and_a_tenth_of_error_20():
    picture = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert psnr(picture, picture) == 100
    assert psnr(picture + 0.1, picture) == pytest.approx(20, abs=1e-3)


def test_only_the_chosen_pixels_count():
    picture, where = torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    other = picture.clone()
    other[..., :8] = 1
    assert math.isnan(psnr(picture, other, where))
    where[..., 8:] = True
    assert psnr(picture, other, where) == 100


def moved_by(*steps: tuple[float, float]) -> tuple[torch.Tensor, Flow]:
    """Frames that only carry their numbers, and the flow between them when frame i is shifted by steps[i]."""
    frames = torch.arange(len(steps), dtype=torch.float32)[:, None, None, None].expand(-1, 3, 16, 16)
    at = torch.tensor(steps)

    def between(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        shift = at[int(second[0, 0, 0])] - at[int(first[0, 0, 0])]
        return shift[:, None, None].expand(-1, 16, 16)

    return frames, Flow("known", between)


def test_straight_motion_does_not_bend_and_a_jump_bends_by_its_length():
    straight, by = moved_by((0, 0), (2, 1), (6, 3))
    assert bend_of_motion(straight, 1, by).max() < 1e-5
    jumping, by = moved_by((0, 0), (3, 4), (0, 0))
    assert bend_of_motion(jumping, 1, by) == pytest.approx(torch.full((16, 16), 5.0))


def test_where_the_original_bends_as_much_nothing_counts():
    frames, by = moved_by((0, 0), (3, 4), (0, 0))
    assert worse_bend(frames, frames, by).isnan().all() and mean_bend(worse_bend(frames, frames, by)) == 0
    assert math.isnan(mean_bend(worse_bend(frames[:2], frames[:2], by)))
