"""Laws of the tracks of windows that follow one another."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from dragvideo_core.ground.plate import Plate
from dragvideo_core.region.windows import Found, Start, Window, joined, later_start, turned_round, window_from
from dragvideo_core.types import Box, PointPicks, PointTracks

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


def start(layer: bool = True) -> Start:
    picks = PointPicks(torch.rand(2, 2), torch.rand(2, 2), torch.rand(3, 2), 0, (64, 64))
    return Start(5, np.full((64, 64, 3), 9, np.uint8), picks, torch.rand(1, 64, 64) if layer else None)


def window(**more) -> Window:
    tracks = with_layer(2)
    tracks = replace(tracks, handles=tracks.handles[:, :2], mask_points=torch.rand(2, 3, 2))
    for name in ("handles", "targets", "is_foreground", "visible"):
        value = getattr(tracks, name)[:, :1].expand(-1, 2, *[-1] * (getattr(tracks, name).ndim - 2)).clone()
        tracks = replace(tracks, **{name: value})
    copies = [np.full((64, 64, 3), i, np.uint8) for i in range(2)]
    ground = Plate(Box(slice(3, 11), slice(20, 32)), np.full((8, 12, 3), 7, np.uint8), np.eye(8, 12) > 0)
    return replace(Window(4, False, False, None, start(), copies, tracks, (ground, ground)), **more)


def read(tensors: dict, most: int = 6) -> Window | None:
    members = window().tracks.handles.shape[2]
    return window_from(tensors, most, start(), 2, members, (128, 128), np.dtype(np.uint8))


@pytest.mark.parametrize("layer", [True, False])
def test_a_window_comes_back_from_its_tensors(layer: bool):
    made = window(start=start(layer))
    back = read(made.as_tensors())
    assert back is not None and (back.count, back.is_last, back.is_lost) == (4, False, False)
    assert_same(back.tracks, made.tracks)
    assert torch.equal(back.start.picks.handles, made.start.picks.handles) and back.start.index == 5
    assert (back.start.layer is None) == (not layer)
    assert all(np.array_equal(*pair) for pair in zip(back.copies, made.copies, strict=True))
    assert len(back.earlier) == 2
    for one, other in zip(back.earlier, made.earlier, strict=True):
        assert one.box == other.box and np.array_equal(one.picture, other.picture) and np.array_equal(one.known, other.known)


@pytest.mark.parametrize(
    "name, value",
    [
        ("window.count", torch.tensor(7)),
        ("window.count", torch.tensor(-1)),
        ("window.count", torch.tensor(0)),  # only the last one may be empty
        ("window.is_last", torch.tensor(1)),
        ("start.handles", torch.full((2, 2), float("inf"))),
        ("start.picture", torch.zeros(32, 64, 3, dtype=torch.uint8)),
        ("tracks.handles", torch.zeros(2, 1, 9, 2)),
        ("tracks.layer", torch.full((2, 1, 64, 64), float("nan"))),
        ("window.copies", torch.zeros(2, 64, 64, 3)),
        ("patch.box", torch.zeros(4, dtype=torch.int64)),
        ("0.plate.box", torch.tensor([3, 11, 120, 132])),  # beyond the frame
        ("1.plate.picture", torch.zeros(8, 12, 6, dtype=torch.uint8)),
        ("1.plate.known", torch.zeros(8, 12)),
    ],
)
def test_tensors_that_are_no_window_are_refused(name: str, value: torch.Tensor):
    tensors = window().as_tensors()
    assert read(tensors) is not None
    assert read(tensors | {name: value}) is None


def test_the_next_window_starts_where_the_layer_is_still_known():
    """It is lost in the last two of four frames; in the second a pair is hidden. Where it is lost in all, the last frame serves."""
    tracks = with_layer(4)
    tracks.layer[2:], tracks.visible[1, 0] = 1.0, False
    pictures = [np.full((64, 64, 3), i, np.uint8) for i in range(4)]
    first = start()
    ways, holds = torch.arange(16.0).reshape(4, 2, 2), torch.eye(64)[None, None].repeat(4, 1, 1, 1) > 0

    def later(now: PointTracks) -> Start:
        return later_start(first, pictures, [7, 8, 9, 10], Found(now, ways, holds))

    made = later(tracks)
    assert made.index == 7 and made.picture is pictures[0] and torch.equal(made.layer, tracks.layer[0])
    assert torch.equal(made.picks.targets - made.picks.handles, ways[0]) and torch.equal(made.holds, holds[0, 0])
    tracks.layer[:] = 1.0
    assert later(tracks).index == 10
    assert later(replace(tracks, layer=None)).index == 10
    tracks.visible[:] = False
    assert later(tracks) is first
