"""Laws of values that are continued smoothly."""

import numpy as np
import pytest

from dragvideo_core.ground.spread import spread


@pytest.mark.parametrize("size", [(1, 1), (7, 12), (33, 64)])
def test_known_values_stay_and_the_rest_lies_between_them(size):
    rng = np.random.default_rng(0)
    values = rng.uniform(0.2, 0.8, (*size, 2)).astype(np.float32)
    weight = (rng.uniform(size=size) < 0.3).astype(np.float32)
    weight[0, 0] = 1
    given = values.copy()
    made = spread(values, weight)
    known = weight > 0
    assert made.dtype == np.float32 and made.shape == values.shape and np.array_equal(values, given)
    assert np.allclose(made[known], values[known], atol=1e-5)
    assert made.min() >= values[known].min() - 1e-4 and made.max() <= values[known].max() + 1e-4


def test_one_known_value_is_everywhere():
    weight = np.zeros((20, 31), np.float32)
    weight[4, 5] = 1
    assert np.allclose(spread(np.full((20, 31, 1), 0.4, np.float32), weight), 0.4, atol=1e-4)
