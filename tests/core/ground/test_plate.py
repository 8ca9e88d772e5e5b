"""A clean plate in another box, and in another process. That a film uses it: test_film_plate.py."""

import numpy as np

from dragvideo_core.ground.plate import Plate
from dragvideo_core.types import Box


def test_a_plate_lies_in_another_box_where_both_share_ground():
    picture, known = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3), np.ones((4, 6), bool)
    plate = Plate(Box(slice(10, 14), slice(20, 26)), picture, known)
    seen = plate.seen_in(Box(slice(12, 16), slice(18, 24)))
    assert np.array_equal(seen.known.nonzero(), np.ones((2, 4)).nonzero() + np.array([[0], [2]]))
    assert np.array_equal(seen.picture[:2, 2:], picture[2:, :4])
    assert not plate.seen_in(Box(slice(0, 9), slice(20, 26))).known.any()


def test_a_plate_comes_back_from_its_tensors():
    known = np.zeros((4, 6), bool)
    known[1:3] = True
    for dtype in (np.uint8, np.uint16):
        picture = np.arange(4 * 6 * 3, dtype=dtype).reshape(4, 6, 3)
        plate = Plate.of(Plate(Box(slice(10, 14), slice(20, 26)), picture, known).as_tensors())
        assert plate is not None and plate.box == Box(slice(10, 14), slice(20, 26))
        assert plate.picture.dtype == dtype and np.array_equal(plate.picture, picture) and np.array_equal(plate.known, known)
    assert Plate.of({}) is None
