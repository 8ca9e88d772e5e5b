"""A rim that the edit mask cuts off holds nothing; what goes on beyond the mask does."""

import numpy as np
import pytest

from dragvideo_core.displacement.rims import without_rims


def boxes(*corners: tuple[int, int, int, int]) -> np.ndarray:
    """The union of boxes (left, top, right, bottom), ends not included: (64, 96) bool."""
    picture = np.zeros((64, 96), bool)
    for left, top, right, bottom in corners:
        picture[top:bottom, left:right] = True
    return picture


MASK = boxes((20, 20, 60, 60))


def test_a_head_that_sticks_out_a_little_is_not_held_there():
    head = boxes((30, 18, 50, 40))
    assert np.array_equal(without_rims(head, MASK), head & MASK)


@pytest.mark.parametrize(
    "layer",
    [
        boxes((30, 17, 50, 40)),  # sticks out too far to be a rim
        boxes((10, 30, 50, 40)),  # an arm that goes on
        boxes((20, 20, 60, 25), (18, 20, 20, 60)),  # too large for the little that is inside
        boxes((30, 30, 40, 40)),  # wholly inside
        boxes((30, 30, 50, 40), (80, 5, 82, 7)),  # another thing far away
    ],
)
def test_all_else_is_held(layer):
    assert np.array_equal(without_rims(layer, MASK), layer)


def test_a_rim_goes_and_the_body_stays():
    assert np.array_equal(without_rims(boxes((10, 30, 50, 60), (40, 18, 50, 30)), MASK), boxes((10, 30, 50, 60), (40, 20, 50, 30)))
