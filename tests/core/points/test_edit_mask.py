import torch

from dragvideo_core.points.edit_mask import FARTHEST, NEAREST, around_drags, may_change

SIZE = (100, 160)


def drag(*places: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([list(places)])  # one frame


def test_what_is_near_the_way_of_a_drag_may_change_and_no_more():
    mask = around_drags(drag((50, 50)), drag((90, 50)), SIZE)
    assert mask.shape == (1, 1, *SIZE) and mask.dtype == torch.bool
    radius = FARTHEST * 100  # 1.5 drags are more
    for x, y, inside in (
        (50, 50, True),
        (90, 50, True),
        (70, 50 + radius - 1, True),
        (70, 50 + radius + 1, False),
        (10, 50, False),
    ):
        assert mask[0, 0, round(y), x] == inside


def test_a_short_drag_still_has_room_around_it():
    mask = around_drags(drag((50, 50)), drag((51, 50)), SIZE)
    assert mask[0, 0, 50, 50 - int(NEAREST * 100)] and not mask[0, 0, 50, 50 - int(NEAREST * 100) - 2]


def test_pins_open_no_mask_of_their_own():
    assert not around_drags(drag((50, 50)), drag((50, 50)), SIZE).any()
    alone, with_pin = around_drags(drag((20, 20)), drag((30, 20)), SIZE), None
    with_pin = around_drags(drag((20, 20), (120, 80)), drag((30, 20), (120, 80)), SIZE)
    assert torch.equal(alone, with_pin)


def test_the_mask_moves_with_its_pair_and_is_cut_at_the_border():
    starts = torch.tensor([[[40.0, 50.0]], [[60.0, 50.0]]])
    still, moved = around_drags(starts, starts + torch.tensor([8.0, 0.0]), SIZE)
    assert torch.equal(still[0, :, :-20], moved[0, :, 20:])
    outside = around_drags(drag((500, 50)), drag((520, 50)), SIZE)
    assert not outside.any()


def test_squares_win_where_somebody_set_mask_points():
    squares = may_change(drag((50, 50)), drag((90, 90)), drag((99, 99)), 5.0, SIZE)
    assert squares.sum() == 11 * 11 and squares[0, 0, 50, 50]
