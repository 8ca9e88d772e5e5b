"""Laws of rounds: a handle that both have goes on from where it was left."""

from dataclasses import replace

import torch
from core.tiny import tiny_tracks

from dragvideo_core.dragging import rounds
from dragvideo_core.dragging.settings import DragSettings
from dragvideo_core.types import DragResult


def edit_of(tracks, moves: list[float]) -> DragResult:
    """Every handle goes to the right, iteration by iteration."""
    path = torch.stack([tracks.handles + torch.tensor([x, 0.0]) for x in moves])
    return DragResult({3: torch.ones(3, 4, 16, 16)}, path, torch.zeros(len(moves) - 1, 2), torch.zeros(2, dtype=torch.bool))


def test_the_first_round_takes_over_nothing():
    tracks = tiny_tracks()
    earlier = rounds.earlier(None, tracks)
    assert torch.equal(earlier.path, tracks.handles[None]) and len(earlier.losses) == 0
    assert earlier.offsets == {} and earlier.rounds == () and not earlier.has_moved.any()


def test_an_old_handle_brings_its_path_and_a_new_one_was_always_there():
    tracks = tiny_tracks()
    start = edit_of(tracks, [0.0, 2.0, 5.0])
    handles = tracks.handles.clone()
    handles[:, 1] += 3
    earlier = rounds.earlier(start, replace(tracks, handles=handles))
    assert torch.equal(earlier.path[:, :, 0], start.handle_path[:, :, 0])
    assert torch.equal(earlier.path[:, :, 1], handles[None, :, 1].expand(3, -1, -1, -1))
    assert earlier.has_moved.tolist() == [True, False] and earlier.offsets is start.offsets


def test_a_handle_within_half_a_pixel_is_the_same():
    tracks = tiny_tracks()
    start = edit_of(tracks, [0.0, 4.0])
    near, far = (rounds.earlier(start, replace(tracks, handles=tracks.handles + by)) for by in (0.3, 0.4))  # times sqrt(2)
    assert near.has_moved.all() and not far.has_moved.any()


def test_tracks_of_other_sets_take_over_no_path():
    tracks = tiny_tracks()
    single = replace(
        tracks, **{name: getattr(tracks, name)[:, :, 4:5] for name in ("handles", "targets", "visible", "is_foreground")}
    )
    earlier = rounds.earlier(edit_of(tracks, [0.0, 4.0]), single)
    assert torch.equal(earlier.path, single.handles.expand(2, *single.handles.shape))


def test_the_record_says_what_was_left_before_and_after():
    handles = torch.zeros(2, 1, 4, 2)
    targets = handles + torch.tensor([3.0, 4.0])
    record = rounds.record(DragSettings(), 7, handles, targets - torch.tensor([0.0, 1.0]), targets)
    assert (record.iterations, record.left_before, record.left_after) == (7, 5.0, 1.0)
    assert '"iterations": 60' in record.settings
