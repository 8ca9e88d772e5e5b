"""Key frames: as many as were asked for, closest together where the points move most."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from core.tiny import tiny_tracks

from dragvideo_core.dragging.key_frames import key_frames
from dragvideo_core.types import PointTracks


def moving(ways: list[float], turns: list[float] | None = None) -> PointTracks:
    """Points that go so many px to the right, and turn about their middle by so many radians, from each frame to the next."""
    still, count = tiny_tracks(1), len(ways) + 1
    tracks = still.each(lambda values: values.expand(count, *values.shape[1:]))
    way, turn = (torch.tensor([0.0, *steps]).cumsum(0) for steps in (ways, turns or [0.0] * len(ways)))
    shift = torch.stack([way, torch.zeros(count)], -1)[:, None, None]
    matrix = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], -1).view(count, 1, 1, 2, 2)
    middle = tracks.handles.mean(2, keepdim=True)
    handles = (matrix @ (tracks.handles - middle)[..., None])[..., 0] + middle + shift
    return replace(tracks, handles=handles, targets=tracks.targets + shift)


@pytest.mark.parametrize("count", [1, 2, 7, 16])
@pytest.mark.parametrize("every", [1, 2, 3, 16])
@pytest.mark.parametrize("step", [0.0, 0.1, 3.0])
def test_of_an_even_motion_they_are_every_nth_frame(count: int, every: int, step: float):
    assert key_frames(moving([step] * (count - 1)), every) == list(range(0, count, every))


def test_they_are_close_where_the_points_are_fast():
    keys = key_frames(moving([1.0] * 8 + [7.0] * 8), 4)
    assert len(keys) == 5 and keys[0] == 0 and sum(key > 8 for key in keys) >= 3 and max(b - a for a, b in pairwise(keys)) > 4


def test_a_turn_in_one_place_is_a_motion():
    keys = key_frames(moving([0.0] * 16, [0.0] * 8 + [0.2] * 8), 4)
    assert len(keys) == 5 and sum(key > 8 for key in keys) == 4


@pytest.mark.parametrize("at", [0, 7, 14])
def test_a_jump_takes_no_frame_twice(at: int):
    ways = [0.0] * 15
    ways[at] = 50.0
    keys = key_frames(moving(ways), 3)
    assert len(keys) == 6 and keys == sorted({*keys}) and keys[0] == 0 and keys[-1] < 16


def test_points_that_cannot_be_seen_do_not_count():
    tracks = moving([1.0] * 8 + [50.0] + [1.0] * 7)
    visible = tracks.visible.clone()
    visible[9:] = False
    tracks = replace(tracks, visible=visible)
    assert key_frames(tracks, 4) == key_frames(moving([1.0] * 8 + [0.0] * 8), 4)
    assert key_frames(replace(tracks, visible=torch.zeros_like(visible)), 4) == [0, 4, 8, 12, 16]
