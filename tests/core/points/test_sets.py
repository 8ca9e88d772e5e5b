import pytest
import torch

from dragvideo_core.points.sets import (
    carry_background,
    carry_targets,
    dragged_regions,
    inside,
    nearest_inside,
    shifted_inside,
    square_set,
    union_of_squares,
    way,
)


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


SIZE = (48, 64)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (63.0, 47.0), (2.0, 20.0), (30.0, 46.5), (30.0, 20.0)])
def test_a_set_near_the_border_is_moved_inside_as_a_whole_and_no_further(centre):
    sets = square_set(torch.tensor([centre, (30.0, 20.0)]), 3, 5.0)
    moved = shifted_inside(sets, SIZE)
    assert inside(moved, SIZE).all() and torch.equal(moved[1], sets[1])
    shift = moved[0] - sets[0]
    assert torch.equal(shift, shift[:1].expand_as(shift))  # all points alike
    for axis, last in ((0, 63.0), (1, 47.0)):
        beyond = max(-float(sets[0, :, axis].min()), float(sets[0, :, axis].max()) - last, 0.0)
        assert float(shift[0, axis].abs()) == beyond


def test_a_set_larger_than_the_picture_lies_in_its_middle():
    moved = shifted_inside(square_set(torch.tensor([[3.0, 20.0]]), 3, 40.0), SIZE)
    assert float(moved[0, :, 0].min() + moved[0, :, 0].max()) == 63.0


def test_inside_and_the_nearest_place_inside():
    points = torch.tensor([[-0.5, 0.0], [-0.6, 0.0], [63.5, 47.5], [63.6, 3.0], [3.0, 48.0]])
    assert inside(points, SIZE).tolist() == [True, False, True, False, False]
    assert nearest_inside(points, SIZE).tolist() == [[0, 0], [0, 0], [63, 47], [63, 3], [3, 47]]


def test_the_way_covers_a_long_drag():
    handles, targets = torch.tensor([[[10.0, 20.0]]]), torch.tensor([[[90.0, 60.0]]])
    mask = union_of_squares(way(handles, targets, 8.0), 8.0, (96, 128))
    for share in torch.linspace(0, 1, 50):
        x, y = (handles + share * (targets - handles))[0, 0].round().int().tolist()
        assert mask[0, 0, y, x]


def test_the_region_around_a_handle_goes_with_it_and_a_whole_picture_says_nothing():
    handles, targets = torch.tensor([[[20.0, 20.0]]]), torch.tensor([[[50.0, 30.0]]])
    region = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    region[..., 15:26, 18:23] = True
    region[..., 60:, 60:] = True  # too far from the handle
    found = dragged_regions(handles, targets, region, 8.0)
    assert found[..., 15:26, 18:23].all() and found[..., 25:36, 48:53].all() and int(found.sum()) == 2 * 11 * 5
    assert not dragged_regions(handles, targets, torch.ones_like(region), 8.0).any()
    assert int(dragged_regions(handles, targets + 500, region, 8.0).sum()) == 11 * 5
