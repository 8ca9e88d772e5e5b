import numpy as np
import pytest
import torch
from core.tiny import tiny_tracks

from dragvideo_core.region.box import Box, box_around, model_box, tracks_in


def test_the_box_holds_all_that_may_change_and_a_margin():
    mask = np.zeros((60, 90), bool)
    mask[20:31, 40:51] = True
    box = box_around(mask, 5, 8)
    assert (box.rows, box.columns) == (slice(15, 36), slice(35, 56)) and box.size == (21, 21)


def test_a_box_at_the_border_stays_inside_and_as_large_as_asked():
    mask = np.zeros((60, 90), bool)
    mask[0, 89] = True
    box = box_around(mask, 2, 20)
    assert box.size == (20, 20) and box.rows.start == 0 and box.columns.stop == 90
    assert box_around(mask, 200, 20).size == (60, 90)  # a region larger than the frame is the frame
    assert box_around(np.zeros((60, 90), bool), 5, 8) is None


def test_tracks_in_a_box_say_the_same_of_its_pixels():
    tracks, box = tiny_tracks(), Box(slice(8, 56), slice(4, 60))
    inside = tracks_in(box, tracks)
    assert inside.edit_mask.shape[-2:] == box.size
    torch.testing.assert_close(inside.handles + torch.tensor([4.0, 8.0]), tracks.handles)
    assert torch.equal(inside.edit_mask, tracks.edit_mask[..., 8:56, 4:60])
    assert box.times(3).size == (144, 168)


@pytest.mark.parametrize(
    "rows, columns, wanted",
    [
        ((20, 30), (40, 50), ((12, 44), (32, 64))),  # one smallest cell of the denoiser a side
        ((0, 5), (90, 96), ((0, 32), (64, 96))),  # at the border
        ((10, 50), (3, 80), ((0, 64), (0, 96))),  # whole lines
    ],
)
def test_a_models_box_is_of_whole_smallest_cells_and_holds_the_mask_of_every_frame(rows, columns, wanted):
    mask = torch.zeros(2, 1, 96, 96, dtype=torch.bool)
    mask[0, 0, slice(*rows), columns[0]] = True
    mask[1, 0, rows[0], slice(*columns)] = True
    box = model_box(mask, 4)
    assert box == Box(slice(*wanted[0]), slice(*wanted[1]))
    inside = mask.clone()
    box.cut(inside)[:] = False
    assert not inside.any()


def test_there_is_no_box_around_nothing_nor_around_everything():
    mask = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    assert model_box(mask, 4) is None
    mask[..., 10:60, 10:60] = True
    assert model_box(mask, 4) is None
