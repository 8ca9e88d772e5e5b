"""Laws of quarter turns and mirrorings."""

import itertools

import numpy as np
import pytest

from dragvideo_core.media.orientation import Orientation
from dragvideo_core.types import Box

ALL = [Orientation(*flags) for flags in itertools.product((False, True), repeat=3)]


@pytest.mark.parametrize("orientation", ALL, ids=str)
def test_the_size_is_that_of_the_turned_picture(orientation):
    picture = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    assert orientation.apply(picture).shape[:2] == orientation.size((2, 3))
    assert sorted(orientation.apply(picture).ravel()) == sorted(picture.ravel())


def test_the_eight_of_them_are_all_different():
    picture = np.arange(6).reshape(2, 3)
    assert len({(one.apply(picture).shape, one.apply(picture).tobytes()) for one in ALL}) == 8


@pytest.mark.parametrize("orientation", ALL, ids=str)
def test_a_part_of_the_stored_picture_turned_is_that_part_of_the_turned_one(orientation):
    picture = np.arange(7 * 5).reshape(7, 5)
    rows, columns = slice(1, 4), slice(2, 5)
    stored = orientation.stored_box(Box(rows, columns), (7, 5))
    assert np.array_equal(orientation.apply(picture[stored.rows, stored.columns]), orientation.apply(picture)[rows, columns])
