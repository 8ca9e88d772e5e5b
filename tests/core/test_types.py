"""Laws of the values that cross stage borders."""

import numpy as np
import pytest
import torch

from dragvideo_core.types import Box, PointTracks, showing, size_of

from .tiny import tiny_tracks


def test_the_size_is_height_and_width_whatever_comes_before():
    for shape in ((5, 7), (3, 5, 7), (2, 3, 5, 7)):
        assert size_of(torch.zeros(shape)) == (5, 7)
        assert type(size_of(torch.zeros(shape))) is tuple


def test_each_changes_every_tensor_and_leaves_out_what_is_not_known():
    tracks = tiny_tracks(3)
    turned = tracks.each(lambda values: values.flip(0))
    assert turned.layer is None and turned.front is None
    assert torch.equal(turned.handles, tracks.handles.flip(0)) and torch.equal(turned.edit_mask, tracks.edit_mask.flip(0))
    layer = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    known = PointTracks(**{**vars(tracks), "layer": layer})
    assert torch.equal(known.of_frames(slice(1, 3)).layer, layer[1:])


def test_a_picture_is_shown_as_it_was_given_not_as_the_loop_ends():
    shown = [showing(torch.full((1,), float(i))) for i in range(3)]
    assert [picture().item() for picture in shown] == [0, 1, 2]


@pytest.mark.parametrize("box", [(slice(0, 1), slice(99, 100)), (slice(16, 32), slice(15, 33)), (slice(3, 97), slice(40, 60))])
def test_a_widened_box_has_the_margin_on_each_side_or_ends_with_the_picture(box):
    wide = Box(*box).widened(16, (97, 100))
    for part, own, side in zip((wide.rows, wide.columns), box, (97, 100), strict=True):
        assert part.start % 16 == 0 and (part.stop % 16 == 0 or part.stop == side)
        assert part.start == 0 or 16 <= own.start - part.start < 32
        assert part.stop == side or 16 <= part.stop - own.stop < 32
    picture = np.arange(97 * 100).reshape(97, 100)
    inside = Box(*box).within(wide)
    assert np.array_equal(picture[wide.rows, wide.columns][inside.rows, inside.columns], picture[box])
