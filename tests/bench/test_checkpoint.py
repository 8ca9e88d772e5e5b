"""The drawn clips at a checkpoint's size, and back."""

import json

import pytest
import torch
from bench import checkpoint
from core.tiny import tiny_tracks
from torch.nn.functional import interpolate

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.stages.pick import pick
from dragvideo_core.temporal import metrics
from dragvideo_core.types import VideoClip

pytestmark = pytest.mark.bench


def test_enlarged_and_reduced_is_the_clip():
    clip = demo_clip("flower", 100, 2).clip
    large = checkpoint.enlarged(clip, 4)
    assert large.size == (512, 512) and large.fps == clip.fps and large.frames.min() >= 0 and large.frames.max() <= 1
    assert metrics.psnr(checkpoint.reduced(large, 4).frames, clip.frames) > 35


def test_reduced_is_the_mean_of_each_square():
    frames = torch.rand(1, 3, 128, 256)
    small = checkpoint.reduced(VideoClip(frames, torch.arange(1), 8.0), 2)
    torch.testing.assert_close(small.frames[0, :, 5, 7], frames[0, :, 10:12, 14:16].mean((1, 2)))


def test_points_of_the_clip_are_picked_where_the_enlarged_clip_has_them():
    frames = torch.zeros(1, 3, 64, 128)
    frames[..., 20, 90] = 1
    large = checkpoint.enlarged(VideoClip(frames, torch.arange(1), 8.0), 4).frames[0, 0]
    x, y = (large.sum(axis) @ torch.arange(float(large.shape[1 - axis])) / large.sum() for axis in (0, 1))
    drawn = {"size": [128, 64], "pairs": [{"handle": [90, 20], "target": [0, 63]}], "mask_points": [[5, 5]]}
    picks = pick(json.dumps({"version": 1, "frame": 0} | drawn), (256, 512), 1)
    assert picks.handles[0].tolist() == pytest.approx([float(x), float(y)], abs=1e-3)


def test_reduced_tracks_are_where_they_were():
    tracks = tiny_tracks(2)
    large = {name: (getattr(tracks, name) + 0.5) * 4 - 0.5 for name in ("handles", "targets", "mask_points")}
    large["edit_mask"] = interpolate(tracks.edit_mask.float(), scale_factor=4).bool()
    small = checkpoint.reduced_tracks(type(tracks)(**vars(tracks) | large), 4)
    for name, value in vars(tracks).items():
        torch.testing.assert_close(getattr(small, name), value)
