import math

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.media.drawing import HANDLE, TARGET, draw_paths
from dragvideo_core.media.plots import COLOURS, draw_plot
from dragvideo_core.stages.evaluate import EvaluateSettings, evaluate, plot_drag, plot_smoothness, verdict
from dragvideo_core.temporal import metrics
from dragvideo_core.temporal.smoothing import interpolate
from dragvideo_core.types import DragResult, Score, UserError, VideoClip

QUICK = EvaluateSettings(ensemble=1, recipe="video")


def moving(places, size=64) -> torch.Tensor:
    """A textured square whose left edge is at the given x in each frame: (N, 3, size, size)."""
    torch.manual_seed(0)
    texture = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), size=(24, 24), mode="bilinear")[0]
    frames = torch.full((len(places), 3, size, size), 0.5)
    for i, x in enumerate(places):
        frames[i, :, 20:44, x : x + 24] = texture
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


def test_straight_motion_is_smooth_and_a_jump_is_not():
    straight, jump = moving([12, 16, 20, 24]), moving([12, 19, 13, 24])
    inner = (slice(26, 38), slice(24, 34))
    for i in (1, 2):
        assert metrics.bend_of_motion(straight, i)[inner].median() < 0.5
        assert metrics.bend_of_motion(jump, i)[inner].median() > 2
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
    assert abs(scores["mean_distance"].value - math.hypot(9, 3)) < 3
    assert "not at their targets" in verdict(scores, tracks)


def scored(distance, outside=60.0, smoothness=0.1, per_frame=()):
    return {
        "mean_distance": Score(distance, "px", "lower", "", tuple(per_frame)),
        "outside_psnr": Score(outside, "dB", "higher", ""),
        "smoothness": Score(smoothness, "px", "lower", ""),
    }


@pytest.mark.parametrize(
    "scores, parts, not_said",
    [
        (scored(1.0), ["are at their targets: 1.0 px left of 9.5 px", "by eye"], ["lock", "frame"]),
        (scored(6.0), ["are not at their targets", "shorter arrow"], ["by eye"]),
        (scored(1.0, outside=22.0), ["22 dB", "'lock'"], ["by eye"]),
        (scored(1.0, smoothness=3.0), ["flickers (3.0 px)", "'smoothing'"], ["by eye"]),
        (scored(1.4, per_frame=[0.4, 0.4, 5.0]), ["Look at frame 3"], ["by eye"]),
        (scored(1.0, smoothness=math.nan), ["by eye"], ["flickers"]),
    ],
)
def test_the_verdict_names_what_stands_out_and_what_to_try(scores, parts, not_said):
    said = verdict(scores, tiny_tracks())
    assert all(part in said for part in parts) and not any(part in said for part in not_said), said


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_its_progress_goes_to_the_end(frames):
    reports, clip = [], tiny_clip(frames)
    evaluate(clip, clip, tiny_tracks(frames), tiny_model(), QUICK, lambda done, total, picture: reports.append((done, total)))
    assert reports == sorted(reports) and reports[-1][0] == reports[-1][1] == reports[0][1]


def test_clips_of_different_shape_are_refused():
    with pytest.raises(UserError, match="same shape"):
        evaluate(tiny_clip(2), tiny_clip(3), tiny_tracks(2), tiny_model(), QUICK)


def pixels_of(picture: torch.Tensor, colour) -> torch.Tensor:
    """The (x, y) of the pixels of this colour."""
    near = (picture - torch.tensor(colour)[:, None, None] / 255).abs().amax(0) < 0.02
    return near.nonzero().flip(-1).float()


def test_scores_of_each_frame_belong_to_the_score():
    clip, tracks = VideoClip(moving([12, 19, 13, 24]), torch.arange(4), 8.0), tiny_tracks(4)
    straight = VideoClip(moving([12, 16, 20, 24]), torch.arange(4), 8.0)
    scores = evaluate(straight, clip, tracks, tiny_model(), QUICK)
    distance, smooth = scores["mean_distance"], scores["smoothness"]
    assert len(distance.per_frame) == 4 and sum(distance.per_frame) / 4 == pytest.approx(distance.value, abs=1e-4)
    first, *inner, last = smooth.per_frame
    assert math.isnan(first) and math.isnan(last) and min(inner) <= smooth.value <= max(inner)
    assert plot_smoothness(scores).shape == (3, 384, 640)


def test_a_plots_line_goes_where_its_values_go():
    falling = pixels_of(draw_plot("", {"a": [10.0, 5.0, 0.0]}, "", ""), COLOURS[0])
    left, right = falling[falling[:, 0].argmin()], falling[falling[:, 0].argmax()]
    assert left[1] < right[1]  # y goes down
    gap = pixels_of(draw_plot("", {"a": [1.0, math.nan, 1.0]}, "", ""), COLOURS[0])[:, 0]
    middle = (gap.min() + gap.max()) / 2
    assert (gap - middle).abs().min() > 50
    two = draw_plot("", {"a": [1.0, 2.0], "b": [2.0, 1.0]}, "", "")
    assert all(len(pixels_of(two, colour)) > 100 for colour in COLOURS[:2])


@pytest.mark.parametrize("values", [[], [math.nan], [0.0], [0.0, 0.0], [1e-9], [1e9] * 500])
def test_plots_of_next_to_nothing_are_pictures(values):
    assert draw_plot("t", {"a": values}, "x", "y").isfinite().all()


def test_paths_begin_at_the_handle_and_the_ring_is_at_the_target():
    path = torch.tensor([[[16.0, 16.0]], [[30.0, 20.0]], [[40.0, 40.0]]])
    picture = draw_paths(torch.full((3, 64, 64), 0.5), path, torch.tensor([[48.0, 48.0]]))
    scale = picture.shape[-1] / 64
    assert (pixels_of(picture, HANDLE).mean(0) / scale - 16).abs().max() < 1.5
    assert (pixels_of(picture, TARGET).mean(0) / scale - 48).abs().max() < 1


def test_the_drags_plots_want_the_tracks_that_it_was_made_with():
    clip, tracks = tiny_clip(3), tiny_tracks()
    way = torch.stack([tracks.handles, (tracks.handles + tracks.targets) / 2, tracks.targets])
    edit = DragResult(offsets={}, handle_path=way, losses=torch.zeros(2, 2), arrived=torch.ones(2, dtype=torch.bool))
    paths, distances = plot_drag(clip, tracks, edit)
    assert paths.shape == (3, 384, 384) and distances.shape == (3, 384, 640)
    with pytest.raises(UserError, match="went into this Drag"):
        plot_drag(clip, tiny_tracks(2), edit)
