import torch

from dragvideo_core.parts.points import carry_background, carry_targets, covered, square_set, union_of_squares


def test_square_set_is_centred_and_spaced():
    points = square_set(torch.tensor([[10.0, 20.0]]), 3, 4.0)
    assert points.shape == (1, 9, 2)
    assert points[0, 4].tolist() == [10.0, 20.0]
    assert points[0, 0].tolist() == [6.0, 16.0] and points[0, 1].tolist() == [10.0, 16.0]


def test_eq_1_background_moves_exactly_with_its_nearest_foreground_point():
    points = torch.tensor([[0.0, 0.0], [10.0, 0.0], [1.0, 1.0], [9.0, 2.0]])
    is_foreground = torch.tensor([True, True, False, False])
    after = torch.tensor([[2.0, 3.0], [10.0, -5.0], [77.0, 77.0], [77.0, 77.0]])
    assert carry_background(points, is_foreground, after).tolist() == [[2, 3], [10, -5], [3, 4], [9, -3]]


def test_eq_1_without_foreground_nothing_moves():
    points = torch.rand(4, 2)
    assert torch.equal(carry_background(points, torch.zeros(4, dtype=torch.bool), points + 5), points)


def test_eq_2_target_moves_like_its_handle():
    handles = torch.rand(2, 9, 2) * 50
    targets, after = handles + torch.tensor([7.0, -2.0]), handles + torch.rand(2, 9, 2)
    torch.testing.assert_close(carry_targets(targets, handles, after) - after, targets - handles)


def test_mask_is_the_union_of_squares():
    mask = union_of_squares(torch.tensor([[[3.0, 2.0], [8.0, 2.0]]]), 1.0, (6, 12))
    assert mask.shape == (1, 1, 6, 12)
    assert mask.sum() == 18
    assert mask[0, 0, 1:4, 2:5].all() and mask[0, 0, 1:4, 7:10].all() and not mask[0, 0, 4].any()


def test_covered_means_inside_some_square():
    inside = covered(torch.tensor([[3.0, 3.0], [20.0, 3.0]]), torch.tensor([[0.0, 0.0], [5.0, 5.0]]), 3.0)
    assert inside.tolist() == [True, False]
