"""Laws of targets that change over time."""

import math
from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from dragvideo_core.points.moves import full_ways, in_window, weakened
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import PointPicks, TargetKey


def picks(keys=(), strength=(), frame=0, pairs=2) -> PointPicks:
    handles = torch.tensor([[20.0, 24.0], [44.0, 40.0]])[:pairs]
    made = tuple(TargetKey(at, pair, torch.tensor(move)) for at, pair, move in keys)
    return PointPicks(handles, handles + torch.tensor([8.0, -4.0]), torch.zeros(0, 2), frame, (64, 64), (), made, tuple(strength))


def test_without_keys_the_way_is_the_same_in_all_frames():
    assert torch.equal(full_ways(picks(), 5), torch.tensor([8.0, -4.0]).expand(5, 2, 2))


@given(at=st.integers(1, 30), frame=st.integers(0, 30), x=st.floats(-20, 20), y=st.floats(-20, 20))
@settings(max_examples=40, deadline=None)
def test_keys_are_met_the_way_between_is_monotonic_and_beyond_it_stays(at, frame, x, y):
    if at == frame:
        return
    ways = full_ways(picks([(at, 1, (x, y))], frame=frame), 31)
    assert torch.allclose(ways[at, 1], torch.tensor([x, y])) and torch.equal(ways[frame, 1], torch.tensor([8.0, -4.0]))
    assert torch.equal(ways[:, 0], torch.tensor([8.0, -4.0]).expand(31, 2)), "another pair's key"
    low, high = sorted((at, frame))
    steps = ways[low : high + 1, 1].diff(dim=0)
    assert (steps.sign() * (steps.sum(0)).sign() >= -1e-6).all()
    assert torch.equal(ways[:low, 1], ways[low : low + 1, 1].expand(low, 2))
    assert torch.equal(ways[high:, 1], ways[high : high + 1, 1].expand(31 - high, 2))


QUARTER = torch.polar(torch.ones(7), torch.arange(7) * math.pi / 2)[:, None].repeat(1, 2)  # a quarter turn from frame to frame


def test_behind_the_last_key_and_before_the_first_the_way_turns_with_the_thing():
    ways = full_ways(picks([(4, 1, (2.0, 0.0))], frame=2), 7, QUARTER / QUARTER[2])
    expected = torch.tensor([[-8.0, 4.0], [-4.0, -8.0], [8.0, -4.0], [4.0, 8.0], [-8.0, 4.0], [-4.0, -8.0], [8.0, -4.0]])
    torch.testing.assert_close(ways[:, 0], expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(ways[:3, 1], expected[:3], atol=1e-4, rtol=0)
    assert ways[3, 1].tolist() == [5.0, -2.0] and ways[4, 1].tolist() == [2.0, 0.0], "between keys it is eased"
    torch.testing.assert_close(ways[5:, 1], torch.tensor([[0.0, 2.0], [-2.0, 0.0]]), atol=1e-4, rtol=0)


def test_windows_of_a_film_go_on_where_the_last_one_ended():
    """Frames 2 to 6 in two windows, the key in the second; and backward, behind the first key."""
    whole = picks([(4, 1, (2.0, 0.0))], frame=2)
    wanted = full_ways(whole, 7, QUARTER / QUARTER[2])
    for numbers in ([2, 3], [3, 4, 5, 6], [5, 6], [2, 1], [1, 0]):
        first = numbers[0]
        start = replace(picks(), targets=picks().handles + wanted[first])
        turns = torch.stack([QUARTER[i] / QUARTER[first] for i in numbers])
        ways = full_ways(in_window(start, whole, numbers), len(numbers), turns)
        torch.testing.assert_close(ways, wanted[numbers], atol=1e-4, rtol=0)


def test_the_strength_multiplies_and_is_eased():
    weak = picks(strength=[(0, 0.0), (4, 1.0)])
    ways = weakened(full_ways(weak, 6), weak)
    shares = ways[:, 0, 0] / 8.0
    assert shares.tolist() == pytest.approx([0, 0.15625, 0.5, 0.84375, 1, 1])


def test_the_picture_obeys():
    """Where the strength is 0 nothing moves; where a key asks for another way the part goes there."""
    clip = tiny_clip(3)
    flow = PropagateSettings(tracker="flow")
    half = picks(strength=[(0, 1.0), (2, 0.0)], pairs=1)
    tracks = propagate(clip, half, segment(), None, flow)
    whole = propagate(clip, replace(half, strength=()), segment(), None, flow)
    ways, full = ((one.targets - one.handles)[:, 0].mean(1) for one in (tracks, whole))
    assert torch.allclose(full[0], torch.tensor([8.0, -4.0]), atol=1e-4)
    assert torch.allclose(ways, full * torch.tensor([[1.0], [0.5], [0.0]]), atol=1e-4)
    moved = (displace(clip, tracks).frames - clip.frames).abs().flatten(1).amax(1) > 0
    assert moved.tolist() == [True, True, False]
    keyed = propagate(clip, picks([(2, 0, (-6.0, 0.0))], pairs=1), segment(), None, flow)
    assert torch.allclose((keyed.targets - keyed.handles)[2, 0].mean(0), torch.tensor([-6.0, 0.0]), atol=1e-4)
