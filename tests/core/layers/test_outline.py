"""How much of a layer's outline lies on edges of the picture."""

import numpy as np
import pytest

from dragvideo_core.layers.outline import share_on_edges

SIDE = 128
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
DISC = np.hypot(COLUMNS - 64, ROWS - 64) < 30
EVERYWHERE = np.ones_like(DISC)
PICTURE = np.where(DISC[..., None], (200, 80, 60), (90, 120, 150)).astype(np.uint8)


def test_the_outline_of_the_thing_lies_on_edges():
    assert share_on_edges(PICTURE, DISC, EVERYWHERE) == 1


def test_an_outline_across_an_even_place_does_not():
    assert share_on_edges(PICTURE, np.hypot(COLUMNS - 64, ROWS - 64) < 20, EVERYWHERE) == 0


def test_half_of_the_thing_has_half_of_its_outline_on_edges():
    assert share_on_edges(PICTURE, DISC & (ROWS < 64), EVERYWHERE) == pytest.approx(np.pi / (np.pi + 2), abs=0.06)


def test_only_the_outline_inside_the_edit_mask_counts():
    assert share_on_edges(PICTURE, DISC & (ROWS < 64), ROWS < 56) == 1


@pytest.mark.parametrize("layer", [np.zeros_like(DISC), EVERYWHERE])
def test_no_outline_lies_on_no_edge(layer: np.ndarray):
    assert share_on_edges(PICTURE, layer, EVERYWHERE) == 0
