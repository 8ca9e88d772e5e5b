"""Points on a filmed animal that turns its head: the tip of an ear, one frame in three. Needs the films beside the repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from scipy import ndimage

from dragvideo_core.stages.load import LoadSettings, load
from dragvideo_core.stages.pick import pick
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment

WOLF = Path(__file__).resolve().parents[4] / "shared" / "assets" / "clips" / "mp4" / "wolf.mp4"
TIPS = [(270, 60), (240, 61), (213, 60), (196, 64), (181, 67), (154, 67), (122, 68), (95, 67)]  # of the left ear, by eye
HANDLE = (268.0, 66.0)  # just below the first
NEAR = 10.0  # px of 512; the ear, which is 60 px wide, turns to a third of that


@pytest.mark.skipif(not WOLF.is_file(), reason=f"no {WOLF.name}")
def test_the_points_stay_on_the_ears_tip_and_the_mask_in_one_piece():
    clip = load(WOLF, LoadSettings(frame_load_cap=len(TIPS)))
    around = [[HANDLE[0] + x, HANDLE[1] + y] for x in (-40, 0, 40) for y in (-40, 0, 40)]  # on the ground, too
    pair = {"handle": list(HANDLE), "target": [HANDLE[0] - 25, HANDLE[1] - 25]}
    picks = {"version": 2, "size": [512, 512], "frame": 0, "pairs": [pair], "mask_points": around, "strokes": []}
    picked = pick(json.dumps(picks), clip.size, len(clip))
    tracks = propagate(clip, picked, segment(), None, PropagateSettings(tracker="flow"))
    below = torch.tensor(HANDLE) - torch.tensor(TIPS[0])
    gaps = (tracks.handles[:, 0].mean(1) - torch.tensor(TIPS) - below).norm(dim=-1)
    assert float(gaps.max()) < NEAR, gaps
    assert bool(tracks.visible[:, 0].any(1).all())
    for mask, points in zip(tracks.edit_mask[:, 0].numpy(), tracks.mask_points, strict=True):
        assert ndimage.label(mask)[1] == 1
        x, y = points.round().long().unbind(-1)
        seen = (x >= 0) & (y >= 0) & (x < 512) & (y < 512)
        assert mask[y[seen], x[seen]].all() and float((points - points.mean(0)).abs().max()) < 60
