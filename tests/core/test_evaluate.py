import math

import pytest
import torch

from core.tiny import tiny_clip, tiny_model, tiny_tracks
from dragvideo_core.parts import metrics
from dragvideo_core.parts.flow import optical_flow
from dragvideo_core.parts.smoothing import interpolate
from dragvideo_core.stages.evaluate import EvaluateSettings, evaluate
from dragvideo_core.types import UserError, VideoClip

QUICK = EvaluateSettings(ensemble=1, recipe="video")


def moving(places, size=64) -> torch.Tensor:
    """A textured square whose left edge is at the given x in each frame: (N, 3, size, size)."""
    torch.manual_seed(0)
    texture = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), size=(24, 24), mode="bilinear")[0]
    frames = torch.full((len(places), 3, size, size), 0.5)
    for i, x in enumerate(places):
        frames[i, :, 20:44, x:x + 24] = texture
    return frames


def test_psnr_by_hand_and_its_limits():
    black = torch.zeros(1, 3, 4, 4)
    assert metrics.psnr(black + 0.1, black) == pytest.approx(20.0, abs=1e-4)
    assert metrics.psnr(black, black) == 100.0
    where = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert math.isnan(metrics.psnr(black, black, where))
    where[..., 0, 0] = True
    changed = black.clone()
    changed[..., 3, 3] = 1
    assert metrics.psnr(changed, black, where) == 100.0


def test_flow_points_where_the_picture_went():
    frames = moving([16, 20])
    flow = optical_flow(frames[0], frames[1])
    assert (flow[0, 26:38, 20:36].median() - 4).abs() < 0.7 and flow[1, 26:38, 20:36].median().abs() < 0.7


def test_straight_motion_is_smooth_and_a_jump_is_not():
    straight, jump = moving([12, 16, 20, 24]), moving([12, 19, 13, 24])
    inner = (slice(None), slice(26, 38), slice(24, 34))
    assert metrics.bend_of_motion(straight)[inner].median() < 0.5
    assert metrics.bend_of_motion(jump)[inner].median() > 2
    assert metrics.smoothness(straight, straight) == 0.0
    assert metrics.smoothness(jump, straight) > 1.0
    assert math.isnan(metrics.smoothness(straight[:2], straight[:2]))


def test_interpolation_is_half_way():
    frames = moving([12, 16, 20])
    made = interpolate(frames[0], frames[2])
    assert metrics.psnr(made[None], frames[1:2]) > metrics.psnr(frames[0:1], frames[1:2]) + 5


def test_an_unchanged_clip_scores_the_whole_drag_as_missing():
    clip, tracks = tiny_clip(3), tiny_tracks()
    scores = evaluate(clip, clip, tracks, tiny_model(), QUICK)
    assert scores["outside_psnr"].value == 100.0 and scores["smoothness"].value == 0.0
    assert scores["dragged_distance"].value == pytest.approx(math.hypot(9, 3), abs=1e-3)
    assert abs(scores["mean_distance"].value - scores["dragged_distance"].value) < 3


def test_clips_of_different_shape_are_refused():
    with pytest.raises(UserError, match="same shape"):
        evaluate(tiny_clip(2), tiny_clip(3), tiny_tracks(2), tiny_model(), QUICK)
