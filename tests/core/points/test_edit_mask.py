import torch

from dragvideo_core.points.edit_mask import FARTHEST, NEAREST, around_drags, mask_and_holds, may_change, taking_in

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


def test_the_mask_takes_in_the_thing_near_the_handle_and_its_place_at_the_target():
    handles, targets = drag((60, 50)), drag((68, 56))  # a short drag: its mask reaches 15 px
    layer = torch.zeros(1, 1, *SIZE)
    layer[..., 32:51, 50:70] = 1  # a head that sticks out of that mask
    layer[..., 20:24, 140:150] = 1  # far away
    mask = around_drags(handles, targets, SIZE)
    taken = taking_in(mask, layer, handles, targets)
    assert not mask[0, 0, 33, 60] and taken[0, 0, 32:51, 50:70].all() and taken[0, 0, 38:57, 58:78].all()
    assert not taken[..., 100:].any() and (taken & mask).sum() == mask.sum()
    more = taken & ~mask
    rows, columns = more[0, 0].nonzero().T
    assert rows.min() >= 32 - 4 and rows.max() <= 57 + 4 and columns.min() >= 50 - 4 and columns.max() <= 78 + 4


def test_the_mask_takes_in_all_that_the_thing_comes_over_on_its_way():
    """A neck that bends lies somewhere between where it was and where all of it would be at the target."""
    handles, targets = drag((40, 30)), drag((77, 19))
    layer = torch.zeros(1, 1, *SIZE)
    layer[..., 30:85, 36:44] = 1  # so long that its end lies outside of the mask around the drag
    mask = around_drags(handles, targets, SIZE)
    taken = taking_in(mask, layer, handles, targets)
    for step in range(38):  # 70: nearer to the handle than `taking_in` asks for
        column, row = 40 + step, 70 - round(11 * step / 37)
        assert taken[0, 0, row, column - 6 : column + 7].all(), step
    assert not mask[0, 0, 66, 58]


def test_a_mask_stays_as_it_is_where_no_thing_is_known_or_only_pins_hold():
    handles, targets = drag((60, 50)), drag((68, 56))
    mask = around_drags(handles, targets, SIZE)
    assert taking_in(mask, None, handles, targets) is mask
    assert torch.equal(taking_in(mask, torch.ones(1, 1, *SIZE), handles, targets), mask)  # a guess that failed in a frame
    assert not taking_in(torch.zeros_like(mask), torch.eye(160)[None, None, :100], handles, handles).any()


def swan(head: int = 12) -> torch.Tensor:
    """A body that goes on behind the picture's border, a neck, and a head on it."""
    layer = torch.zeros(1, 1, *SIZE)
    layer[..., 80:, 40:110] = 1
    layer[..., 20:80, 60:66] = 1
    layer[..., 20 - head : 20, 56:72] = 1
    return layer


def test_an_end_that_hangs_on_the_dragged_part_alone_goes_with_it():
    """The head of a neck that is dragged in its middle: it was cut off at the rim of the mask."""
    handles, targets = drag((63, 50)), drag((71, 50))
    layer = swan()
    taken = taking_in(around_drags(handles, targets, SIZE), layer, handles, targets)
    head = layer[0, 0, :20] > 0
    assert taken[0, 0, :20][head].all() and taken[0, 0, :20].roll(-8, 1)[head].all()
    assert not taken[0, 0, 85:, 40:110].any()  # the body holds the neck


def test_a_pin_in_an_end_holds_it():
    handles, targets = drag((63, 50), (63, 12)), drag((71, 50), (63, 12))
    taken = taking_in(around_drags(handles, targets, SIZE), swan(), handles, targets)
    assert not taken[0, 0, 8:16, 58:70].all()


def test_around_a_part_that_something_holds_there_is_room_to_swing_but_not_beside_what_holds():
    handles, targets = drag((63, 30)), drag((79, 30))
    layer = swan()
    taken = taking_in(around_drags(handles, targets, SIZE), layer, handles, targets)
    assert taken[0, 0, 10, 56 : 72 + 2 * 16 - 2].all()  # the head goes further than the handle
    beside = torch.nn.functional.max_pool2d((layer > 0.5).float()[..., 80:, :], 5, 1, 2)[0, 0, 4:] > 0
    assert not taken[0, 0, 84:][beside].any()


def test_what_holds_does_not_change_for_a_frame():
    """In one frame of nine the body does not reach the border of the picture, and is small."""
    layer = swan().repeat(9, 1, 1, 1)
    layer[4, :, 84:] = 0
    handles, targets = (ends.expand(9, -1, -1) for ends in (drag((63, 50)), drag((71, 50))))
    taken = taking_in(around_drags(handles, targets, SIZE), layer, handles, targets)
    assert not taken[4, 0, 80:84, 90:105].any() and torch.equal(taken[4, 0, :60], taken[3, 0, :60])


def test_what_holds_in_the_picked_frame_holds_in_all_frames_and_in_what_goes_on_from_them():
    """The body leaves the picture's border and is as small as neck and head: by itself it would come along with them."""
    layer = swan().repeat(9, 1, 1, 1)
    layer[1:, :, 84:] = 0
    handles, targets = (ends.expand(9, -1, -1) for ends in (drag((63, 60)), drag((71, 60))))
    near, body = around_drags(handles, targets, SIZE), (..., slice(82, 84), slice(40, 50))
    together, holds = mask_and_holds(near, layer, handles, targets, 0)
    assert not together[body].any() and holds[body].all()
    last = slice(5, None), handles[5:], targets[5:]
    assert mask_and_holds(near[last[0]], layer[last[0]], *last[1:], 0)[0][body].any()
    goes_on = mask_and_holds(near[last[0]], layer[last[0]], *last[1:], 0, holds[5, 0])[0]
    assert torch.equal(goes_on, together[5:])


def test_an_end_that_comes_to_touch_what_holds_does_not_set_it_free():
    """From the fifth frame on the head reaches around to the foot: both are one piece, and more of it went along than held."""
    layer = swan(6).repeat(9, 1, 1, 1)
    layer[:, :, 80:] = 0
    layer[:, :, 80:, 60:66], layer[:, :, 96:, 58:70] = 1, 1
    layer[5:, :, 14:16, 72:90], layer[5:, :, 14:98, 88:90], layer[5:, :, 96:98, 70:90] = 1, 1, 1
    handles, targets = (ends.expand(9, -1, -1) for ends in (drag((63, 60)), drag((71, 60))))
    taken, holds = mask_and_holds(around_drags(handles, targets, SIZE), layer, handles, targets, 0)
    assert not holds[:5, 0, 14:20, 60:66].any() and holds[:, 0, 97:, 59:69].all() and not taken[:, 0, 97:, 59:69].any()


def test_where_nothing_holds_in_the_picked_frame_the_nearest_one_decides():
    """A bar with two ends alike: neither holds. From the next frame on one of them goes on behind the border."""
    layer = torch.zeros(3, 1, *SIZE)
    layer[..., 45:55, 20:140] = 1
    layer[1:, :, 45:55, :20] = 1
    handles, targets = (ends.expand(3, -1, -1) for ends in (drag((80, 50)), drag((80, 38))))
    near, end = around_drags(handles, targets, SIZE), (..., slice(46, 54), slice(21, 30))
    assert not mask_and_holds(near[:1], layer[:1], handles[:1], targets[:1], 0)[1].any()
    assert mask_and_holds(near, layer, handles, targets, 0)[1][end].all()
