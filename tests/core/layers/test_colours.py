"""Colours are told apart as eyes do, and a picture's main ones are found."""

import numpy as np

from dragvideo_core.layers.colours import blurred_lab, distance, main_colours

RED, GREEN, NEARLY_GREEN = (200, 30, 30), (40, 160, 60), (44, 162, 62)


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = left, right
    return picture


def test_main_colours_are_those_of_the_picture():
    smooth = blurred_lab(halves(RED, GREEN))
    middles = main_colours(smooth.reshape(-1, 3), 2)
    assert middles.shape == (2, 3)
    assert distance(smooth[:, :28], middles).max() < 2 and distance(smooth[:, 36:], middles).max() < 2


def test_never_more_colours_than_pixels():
    assert len(main_colours(blurred_lab(halves(RED, GREEN)).reshape(-1, 3)[:3], 8)) == 3


def test_alike_colours_are_near_and_others_far():
    smooth = blurred_lab(halves(GREEN, RED))
    ground = main_colours(blurred_lab(halves(NEARLY_GREEN, NEARLY_GREEN)).reshape(-1, 3), 1)
    assert distance(smooth[:, :28], ground).max() < 5 < 50 < distance(smooth[:, 36:], ground).min()
