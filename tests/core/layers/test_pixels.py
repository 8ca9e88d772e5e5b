"""Regions grow and shrink by distances, however that is worked out."""

import numpy as np
import pytest

from dragvideo_core.layers.pixels import distance_to, grown, shrunk


@pytest.mark.parametrize("by", [0.0, 1.0, 1.5, 4.55, 5.0, 11.9, 13.0])
def test_a_region_grows_to_all_that_lies_within_the_distance(by: float):
    region = np.random.default_rng(0).random((60, 45)) > 0.99
    assert np.array_equal(grown(region, by), distance_to(region) <= by)
    assert np.array_equal(shrunk(~region, by), distance_to(region) > by)


@pytest.mark.parametrize("by", [2.0, 20.0])
def test_nothing_grows_to_nothing_and_all_stays_all(by: float):
    nothing = np.zeros((9, 7), bool)
    assert not grown(nothing, by).any() and shrunk(~nothing, by).all()
