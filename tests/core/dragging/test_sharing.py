import math
from dataclasses import replace

import pytest
import torch

from dragvideo_core.dragging.sharing import Sharing, frames_of
from dragvideo_core.types import PointTracks

CELLS, SIDE = (16, 16), 64
STEP = 8.0  # px that the point goes to the right from frame to frame


def travelling(frames: int = 5) -> PointTracks:
    """One pair that goes to the right by two cells a frame, and whose target is above it."""
    x = 10 + STEP * torch.arange(frames)
    handles = torch.stack([x, torch.full_like(x, 34)], -1)[:, None, None]
    always = torch.ones(frames, 1, 1, dtype=torch.bool)
    mask = torch.ones(frames, 1, SIDE, SIDE, dtype=torch.bool)
    return PointTracks(handles, handles - torch.tensor([0.0, 12.0]), always, always, mask, torch.zeros(frames, 0, 2))


def spot(keys: int, key: int, column: int) -> torch.Tensor:
    """A correction that is 1 in one cell of one key frame."""
    corrections = torch.zeros(keys, 4, *CELLS)
    corrections[key, :, 8, column] = 1
    return corrections


def test_without_reach_every_frame_keeps_its_own():
    corrections, sharing = torch.randn(5, 4, *CELLS), Sharing(travelling(), CELLS, range(5), 0.0)
    assert torch.equal(sharing.to_keys(corrections), corrections)
    assert torch.equal(sharing.to_all(corrections), corrections)


def test_a_correction_goes_with_the_points():
    shared = Sharing(travelling(), CELLS, range(5), 1.0).to_keys(spot(5, 2, 6))
    for frame, column in enumerate((2, 4, 6, 8, 10)):
        assert int(shared[frame, 0].argmax()) == 8 * 16 + column
    shares = shared[:, 0].amax((1, 2))
    assert shares[2] > shares[1] > shares[0] > 0


@pytest.mark.parametrize("keys", [range(7), [0, 2, 4, 6], [0, 3, 6], [0, 1, 5], [0]])
@pytest.mark.parametrize("reach", [0.0, 1.0, 2.5])
def test_what_all_frames_share_stays(keys: list[int], reach: float):
    """The weights add up to one, in every frame."""
    sharing = Sharing(travelling(7), CELLS, keys, reach)
    torch.testing.assert_close(sharing.to_all(torch.ones(len(keys), 4, *CELLS)), torch.ones(7, 4, *CELLS))
    torch.testing.assert_close(sharing.moves_to_all(torch.ones(len(keys), 3, 1, 9, 2)), torch.ones(7, 3, 1, 9, 2))


def test_a_frame_between_counts_by_its_part_of_the_way_between_its_key_frames():
    """Key frames 0, 4 and 6: frame 3 is three quarters of the way to the second, frame 5 half-way to the third."""
    moves = Sharing(travelling(7), CELLS, [0, 4, 6], 0.0).moves_to_all(torch.tensor([0.0, 1.0, 0.0])[:, None])
    near, far = math.exp(-(0.25**2) / 0.5), math.exp(-(0.75**2) / 0.5)
    assert float(moves[3, 0]) == pytest.approx(near / (near + far)) and float(moves[5, 0]) == pytest.approx(0.5)


def test_a_rank_makes_the_frames_from_its_key_frames_to_the_next_ones():
    keys = [0, 1, 5, 6]
    assert [frames_of(slice(*ends), keys, 9) for ends in ((0, 2), (2, 3), (3, 4), (4, 4))] == [
        slice(0, 5),
        slice(5, 6),
        slice(6, 9),
        slice(9, 9),
    ]
    whole = Sharing(travelling(9), CELLS, keys, 1.0)
    assert Sharing(travelling(9), CELLS, keys, 1.0, mine=slice(1, 3)).own_keys == [0, 4] and whole.own_keys == keys
    moves = torch.randn(4, 2)
    parts = [Sharing(travelling(9), CELLS, keys, 1.0, mine=slice(*ends)).moves_to_all(moves) for ends in ((0, 2), (2, 4))]
    torch.testing.assert_close(torch.cat(parts), whole.moves_to_all(moves))


def test_frames_between_are_served_by_both_sides():
    shared = Sharing(travelling(), CELLS, [0, 2, 4], 1.0).to_all(spot(3, 1, 6))
    for frame, column in ((1, 4), (2, 6), (3, 8)):
        assert int(shared[frame, 0].argmax()) == 8 * 16 + column
    moves = torch.tensor([0.0, 4.0, 8.0])[:, None].expand(3, 2)
    between = Sharing(travelling(), CELLS, [0, 2, 4], 0.0).moves_to_all(moves)
    assert torch.equal(between[::2], moves) and 0 < float(between[1, 0]) < 4 < float(between[3, 0]) < 8


def test_a_frame_that_shows_no_point_is_not_served():
    tracks, corrections = travelling(), torch.ones(5, 4, *CELLS)
    visible = tracks.visible.clone()
    visible[2] = False
    corrections[2] = 0
    shared = Sharing(replace(tracks, visible=visible), CELLS, range(5), 1.0).to_keys(corrections)
    torch.testing.assert_close(shared, corrections)
