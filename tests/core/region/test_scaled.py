import numpy as np
import pytest
import torch

from dragvideo_core.points.sampling import cell_centres
from dragvideo_core.region.scaled import as_frames, as_values, factor_for, small_copy


@pytest.mark.parametrize("size, factor", [((1080, 1920), 4), ((720, 1280), 3), ((240, 320), 1), ((300, 301), 1), ((301, 400), 2)])
def test_the_small_copy_is_a_whole_number_of_times_smaller(size, factor):
    assert factor_for(size) == factor
    small = small_copy(np.zeros((*size, 3), np.uint8), factor)
    assert small.shape[:2] == (size[0] // factor, size[1] // factor) and min(small.shape[:2]) <= 300


def test_a_pixel_of_the_copy_is_the_mean_of_its_pixels_whatever_the_depth():
    generator = np.random.default_rng(0)
    for dtype, shift in ((np.uint8, 0), (np.uint16, 8)):
        rgb = (generator.integers(0, 256, (9, 13, 3)) << shift).astype(dtype)
        small = small_copy(rgb, 4).astype(float)
        means = (rgb[:8, :12].reshape(2, 4, 3, 4, 3).mean((1, 3))) / 2**shift
        assert np.abs(small - means).max() <= 1.0


def test_pictures_and_frames_are_the_same_numbers():
    for dtype in (np.uint8, np.uint16):
        picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (6, 8, 3)).astype(dtype)
        assert np.array_equal(as_values(as_frames([picture])[0], picture.dtype), picture)


def test_places_agree_between_the_copy_and_the_film():
    """(p + 0.5) / factor - 0.5 is where the copy has the middle of a film's pixel."""
    large, small = cell_centres((3, 4), (12, 16)), cell_centres((3, 4), (3, 4))
    torch.testing.assert_close((large + 0.5) / 4 - 0.5, small)
