"""Reading and writing pixels by a mask is what numpy's own indexing does."""

import numpy as np
import pytest

from dragvideo_core import masked


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("part", [np.s_[:, :], np.s_[2:9, 3:11]])
def test_as_numpys_own_indexing(dtype: type, part: tuple[slice, slice]):
    rng = np.random.default_rng(0)
    picture, where = (255 * rng.random((11, 13, 3))).astype(dtype), rng.random((11, 13)) < 0.4
    wanted, cut = picture.copy(), picture[part]
    found = masked.read(cut, where[part])
    assert found.dtype == dtype and np.array_equal(found, cut[where[part]])
    wanted[part][where[part]] = found[::-1]
    masked.write(cut, where[part], found[::-1])
    assert np.array_equal(picture, wanted)


def test_of_a_row_of_pixels():
    row, where = np.arange(15).reshape(5, 3), np.array([True, False, True, True, False])
    assert np.array_equal(masked.read(row, where), row[where])


@pytest.mark.parametrize("empty", [True, False])
def test_none_or_all(empty: bool):
    picture, where = np.ones((4, 5, 3), np.uint8), np.full((4, 5), not empty)
    masked.write(picture, where, 2 * masked.read(picture, where))
    assert (picture == (1 if empty else 2)).all()


def test_pixels_that_do_not_fit():
    picture, where = np.zeros((4, 5, 3), np.uint8), np.eye(4, 5, dtype=bool)
    for wrong in (np.zeros((4, 3), np.float32), np.zeros((4, 2), np.uint8), np.zeros((5, 3), np.uint8)):
        with pytest.raises(ValueError):
            masked.write(picture, where, wrong)
    assert not picture.any()
