"""Sets that hold together, and mask points that go with them."""

import math

import torch

from dragvideo_core.points.pieces import as_pieces, carry_with_sets
from dragvideo_core.points.sets import square_set

START = square_set(torch.tensor([[40.0, 30.0], [90.0, 60.0]]), 3, 8.0)
ALL = torch.ones(2, 9, dtype=torch.bool)


def turned(sets: torch.Tensor, angle: float, size: float, shift) -> torch.Tensor:
    c, s = size * math.cos(angle), size * math.sin(angle)
    return sets @ torch.tensor([[c, s], [-s, c]]) + torch.tensor(shift)


def test_a_piece_that_moves_turns_and_grows_is_left_as_it_was_found():
    followed = turned(START, 0.6, 1.3, [12.0, -5.0])
    places, seen = as_pieces(START, followed, ALL, 2.0)
    assert torch.equal(places, followed) and torch.equal(seen, ALL)


def test_members_that_stayed_on_the_ground_go_with_the_piece_and_are_not_seen():
    moved = turned(START, 0.2, 1.0, [15.0, 4.0])
    followed = moved.clone()
    followed[0, :3] = START[0, :3]  # the upper row lies on the ground
    places, seen = as_pieces(START, followed, ALL, 2.0)
    torch.testing.assert_close(places, moved, atol=1e-3, rtol=0)
    assert not seen[0, :3].any() and seen[0, 3:].all() and seen[1].all()


def test_the_handle_decides_between_two_halves():
    followed = START.clone()
    followed[0, [3, 4, 5, 6]] += torch.tensor([20.0, 0.0])  # four with the handle, five stayed
    places, seen = as_pieces(START[:1], followed[:1], ALL[:1], 2.0)
    assert seen[0].nonzero().flatten().tolist() == [3, 4, 5, 6]
    torch.testing.assert_close(places[0], START[0] + torch.tensor([20.0, 0.0]), atol=1e-3, rtol=0)


def test_a_single_seen_member_takes_the_others_along():
    followed = START + 99.0
    followed[:, 7] = START[:, 7] + torch.tensor([3.0, -2.0])
    seen = torch.zeros_like(ALL)
    seen[:, 7] = True
    places, still_seen = as_pieces(START, followed, seen, 2.0)
    torch.testing.assert_close(places, START + torch.tensor([3.0, -2.0]))
    assert torch.equal(still_seen, seen)


def test_what_is_wholly_hidden_or_a_single_point_is_left_alone():
    followed = START + torch.randn(START.shape, generator=torch.Generator().manual_seed(0))
    places, seen = as_pieces(START, followed, ~ALL, 2.0)
    assert torch.equal(places, followed) and not seen.any()
    places, seen = as_pieces(START[:, :1], followed[:, :1], ALL[:, :1], 2.0)
    assert torch.equal(places, followed[:, :1]) and seen.all()


def test_mask_points_keep_together_with_the_nearest_set():
    moved = START + torch.tensor([[10.0, 0.0], [0.0, 7.0]])[:, None]
    moved[0, 0] = 500.0  # a member that is not seen has no say
    seen = ALL.clone()
    seen[0, 0] = False
    near = torch.tensor([[20.0, 20.0], [45.0, 50.0], [100.0, 80.0]])
    expected = near + torch.tensor([[10.0, 0.0], [10.0, 0.0], [0.0, 7.0]])
    torch.testing.assert_close(carry_with_sets(near, START, moved, seen), expected)
    assert carry_with_sets(near[:0], START, moved, seen).shape == (0, 2)
