import pytest
import torch

from dragvideo_core.dragging import tracking
from dragvideo_core.points.sampling import lookup


def test_candidates_are_half_cells_up_to_l():
    moves = tracking.candidate_moves(3.0)
    assert moves.tolist() == [m * 1.0 for m in range(-6, 7)]  # pixels: half a cell is one pixel
    points = tracking.candidate_points(torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.0, 9.0]]]]), moves)
    assert points[0, 0, 0, -1].tolist() == [0.0, 6.0]


@pytest.mark.parametrize("shift", [2, 4, -3])
def test_shifted_features_give_that_move_in_every_frame(shift):
    """Features moved along the drag by `shift` px: Eq. 6 finds it, Eq. 7 moves all frames alike."""
    torch.manual_seed(0)
    size = (24, 40)
    features = torch.nn.functional.avg_pool2d(torch.randn(2, 8, *size), 3, 1, 1)
    handles = torch.tensor([[[[14.0, 10.0]]], [[[17.0, 13.0]]]])  # (2 frames, J = 1, S = 1, 2)
    targets = handles + torch.tensor([12.0, 0.0])
    template = lookup(features, handles, size).mean(0)
    features[1, :, 13, 17] = template[0, 0]  # both frames show the same thing at the handle
    features[0, :, 10, 14] = template[0, 0]
    moves = tracking.candidate_moves(3.0)
    seen = torch.ones(2, 1, 1, dtype=torch.bool)
    moved = features.roll(shift, -1)
    found = tracking.distances(lookup(moved, tracking.candidate_points(handles, targets, moves), size), template, seen)
    move = tracking.shared_move([found, found * 7], moves, torch.full((1, 1), 12.0))
    assert move.item() == shift
    after = tracking.move_handles(handles, targets, move)
    assert (after - handles).tolist() == [[[[shift, 0.0]]], [[[shift, 0.0]]]]


def test_a_move_never_passes_the_target():
    moves = tracking.candidate_moves(3.0)
    falling = (10 - moves).reshape(1, 1, -1)  # the further the better
    assert tracking.shared_move([falling], moves, torch.full((1, 1), 3.5)).item() == 3.0


def test_steps_weigh_alike_whatever_their_scale():
    moves = tracking.candidate_moves(1.0)
    left = torch.tensor([0.0, 1, 2, 3, 4]).reshape(1, 1, -1)
    right = 1000 * torch.tensor([4.0, 3.5, 0.0, 3.5, 4.0]).reshape(1, 1, -1)
    assert tracking.shared_move([left, right], moves, torch.full((1, 1), 9.0)).item() == 0.0


def test_with_nothing_to_choose_handles_stay():
    moves = tracking.candidate_moves(2.0)
    assert tracking.shared_move([torch.ones(1, 1, len(moves))], moves, torch.full((1, 1), 9.0)).item() == 0.0


def test_hidden_frames_have_no_say():
    features = torch.randn(2, 1, 1, 5, 3)
    seen = torch.tensor([True, False]).reshape(2, 1, 1)
    alone = tracking.distances(features[:1], torch.zeros(1, 1, 3), seen[:1])
    torch.testing.assert_close(tracking.distances(features, torch.zeros(1, 1, 3), seen), alone)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_point_whose_distances_are_no_numbers_stays(broken):
    """The least of nothing was the first candidate, -max_move: the handle went backwards."""
    moves = tracking.candidate_moves(3.0)
    good = (moves - 4).abs().reshape(1, 1, -1)
    bad = torch.full_like(good, broken)
    partly = good.clone()
    partly[..., 2] = broken
    move = tracking.shared_move([torch.cat([good, bad, partly], 1)], moves, torch.full((1, 3), 12.0))
    assert move.tolist() == [[4.0, 0.0, 0.0]]
