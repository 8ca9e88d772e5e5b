"""Pictures in bytes and in floats are looked at alike; the box around places."""

import numpy as np
import pytest

from dragvideo_core.ground.pictures import as_floats, box_around


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bytes_are_shares_of_their_largest_value(dtype: type):
    most = np.iinfo(dtype).max
    picture = np.random.default_rng(0).integers(0, most + 1, (6, 8, 3)).astype(dtype)
    floats = as_floats(picture[1:5, 2:7])
    assert floats.dtype == np.float32 and np.allclose(floats, picture[1:5, 2:7] / most, atol=1e-7)
    assert np.array_equal(as_floats(floats), floats)


@pytest.mark.parametrize(
    "corner, box",
    [
        ((10, 20), (slice(17, 27), slice(7, 18))),
        ((-3, -2), (slice(0, 5), slice(0, 5))),
        ((500, 20), (slice(17, 27), slice(79, 80))),
    ],
)
def test_the_box_around_places_stays_in_the_picture_and_has_a_pixel(corner, box):
    x, y = np.meshgrid(np.arange(5.0), np.arange(4.0))
    places = np.stack([x + corner[0], y + corner[1]], -1).astype(np.float32)
    assert box_around([places, places[:1]], 3, (64, 80)) == box
