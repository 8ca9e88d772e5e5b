"""Drawing: marks sit where the points are, masks dim what they leave out, sheets hold their pictures."""

import pytest
import torch
from core.tiny import tiny_clip, tiny_tracks

from dragvideo_core.media import drawing

GREY = torch.full((3, 96, 160), 0.5)


def where(picture: torch.Tensor, colour: tuple[int, int, int]) -> torch.Tensor:
    """Centre (x, y) of the pixels that have a colour."""
    wanted = torch.tensor(colour).float().reshape(3, 1, 1) / 255
    rows, columns = ((picture - wanted).abs().amax(0) < 0.05).nonzero(as_tuple=True)
    assert len(rows), "the colour is not there"
    return torch.stack([columns.float().mean(), rows.float().mean()])


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_marks_lie_on_their_points(scale: int):
    """Pixel centres at integers, in a picture that is not square."""
    handle, target = torch.tensor([[30.0, 20.0]]), torch.tensor([[120.0, 70.0]])
    drawn = drawing.draw_points(GREY, handle, target, scale=scale)
    assert drawn.shape == (3, 96 * scale, 160 * scale)
    assert torch.allclose(where(drawn, drawing.HANDLE), (handle[0] + 0.5) * scale - 0.5, atol=0.35)
    assert torch.allclose(where(drawn, drawing.TARGET), (target[0] + 0.5) * scale - 0.5, atol=0.35)


def test_a_set_is_drawn_around_its_middle_and_its_dots_do_not_touch():
    steps = torch.tensor([-8.0, 0.0, 8.0])
    square = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(1, 9, 2)
    drawn = drawing.draw_points(GREY, square + 40, square + torch.tensor([110.0, 40.0]), scale=2)
    assert torch.allclose(where(drawn, drawing.HANDLE), torch.tensor([80.5, 80.5]), atol=0.5)
    between = drawn[:, 81 + 8, 81]  # half-way between two dots
    assert torch.allclose(between, torch.tensor(0.5), atol=0.05)


def test_small_pictures_are_enlarged_until_points_can_be_told_apart():
    assert drawing.enlargement((128, 128)) == 3 and drawing.enlargement((512, 768)) == 1
    point = torch.tensor([[10.0, 10.0]])
    assert drawing.draw_points(GREY, point, point + 20).shape == (3, 384, 640)


def test_points_outside_the_picture_are_cut_off():
    far = torch.tensor([[-500.0, 9000.0]])
    assert torch.allclose(drawing.draw_points(GREY, far, far + 1, scale=1), GREY, atol=0.01)


def test_no_points_leave_the_picture_as_it_is():
    assert torch.allclose(drawing.draw_points(GREY, torch.zeros(0, 2), torch.zeros(0, 2), scale=1), GREY, atol=1e-6)


def test_a_mask_dims_what_it_leaves_out_and_keeps_what_it_holds():
    mask = torch.zeros(1, 96, 160, dtype=torch.bool)
    mask[:, 20:60, 30:90] = True
    drawn = drawing.draw_mask(GREY, mask)
    assert torch.equal(drawn[:, 40, 60], GREY[:, 40, 60]) and bool((drawn[:, 5, 5] < 0.3).all())
    edge = torch.tensor(drawing.MASK_EDGE) / 255
    assert torch.allclose(drawn[:, 20, 60], edge) and torch.allclose(drawn[:, 40, 30], edge)


def test_a_mask_of_cells_is_enlarged_to_the_picture():
    mask = torch.zeros(24, 40, dtype=torch.bool)
    mask[5:15, 8:20] = True
    drawn = drawing.draw_mask(GREY, mask)
    assert torch.equal(drawn[:, 40, 60], GREY[:, 40, 60]) and bool((drawn[:, 90, 150] < 0.3).all())


def test_inputs_are_not_changed():
    clip, tracks = tiny_clip(), tiny_tracks()
    frames, handles = clip.frames.clone(), tracks.handles.clone()
    drawing.draw_before_after(clip.frames, clip.frames, tracks)
    drawing.draw_tracks(clip.frames, tracks)
    assert torch.equal(clip.frames, frames) and torch.equal(tracks.handles, handles)


@pytest.mark.parametrize("count, columns", [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_the_sheet_has_a_column_for_the_first_middle_and_last_frame(count: int, columns: int):
    clip, tracks = tiny_clip(count), tiny_tracks(count)
    sheet = drawing.draw_before_after(clip.frames, clip.frames, tracks)
    scale = drawing.enlargement(clip.size)
    assert columns * 64 * scale < sheet.shape[2] < (columns + 1.5) * 64 * scale
    assert 3 * 64 * scale < sheet.shape[1] < 3.5 * 64 * scale
    assert sheet.isfinite().all() and sheet.min() >= 0 and sheet.max() <= 1


def test_the_sheets_last_row_is_the_edited_clip():
    before, tracks = tiny_clip(3), tiny_tracks(3)
    red = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1).expand_as(before.frames)
    sheet = drawing.draw_before_after(before.frames, red, tracks)
    is_red = (sheet - torch.tensor([1.0, 0, 0]).reshape(3, 1, 1)).abs().amax(0) < 0.01
    side = 64 * drawing.enlargement(before.size)
    assert int(is_red[-side:].sum()) >= 3 * side * (side - 12)
    assert not is_red[: 2 * side].any()


def test_pictures_survive_pil():
    picture = torch.rand(3, 5, 7)
    assert torch.allclose(drawing.from_pil(drawing.to_pil(picture)), picture, atol=0.5 / 255 + 1e-6)
