"""Regions grow and shrink by distances, however that is worked out."""

import cv2
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


def test_distances_are_exact_to_the_last_bit():
    """So a layer is the same in each run: which of two strokes is nearer must not hang on where a picture lies in memory, as it
    does by OpenCV's own way for a single thread."""
    y, x = np.mgrid[:270, :480]
    region = ((y - 131) ** 2 + (x - 230) ** 2 <= 144) | (np.abs(y - 60) + np.abs(x - 300) <= 9)
    squares = np.min([(y - row) ** 2 + (x - column) ** 2 for row, column in np.argwhere(region)], 0)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        found = distance_to(region)
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(found, np.sqrt(squares).astype(np.float32))
