"""Laws of the tracks of windows that follow one another."""

from dataclasses import fields, replace

import torch

from dragvideo_core.region.windows import joined, turned_round
from dragvideo_core.types import PointTracks

from ..tiny import tiny_tracks


def with_layer(frames: int) -> PointTracks:
    generator = torch.Generator().manual_seed(frames)
    return replace(tiny_tracks(frames), layer=torch.rand(frames, 1, 64, 64, generator=generator))


def assert_same(one: PointTracks, other: PointTracks) -> None:
    for field in fields(PointTracks):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert (a is None and b is None) or torch.equal(a, b), field.name


def test_the_parts_of_tracks_joined_are_the_tracks():
    whole = with_layer(5)
    assert_same(joined(whole.of_frames(slice(0, 2)), whole.of_frames(slice(2, 5))), whole)


def test_what_one_part_does_not_know_the_whole_does_not():
    assert joined(with_layer(2), tiny_tracks(3)).layer is None


def test_turned_round_twice_is_as_it_was():
    whole = with_layer(4)
    once = turned_round(whole)
    assert torch.equal(once.handles[0], whole.handles[-1]) and not torch.equal(once.handles, whole.handles)
    assert_same(turned_round(once), whole)
