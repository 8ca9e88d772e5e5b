import numpy as np
import torch
from core.tiny import tiny_tracks

from dragvideo_core.region.box import Box, box_around, tracks_in


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
