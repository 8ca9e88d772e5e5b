"""Random walks: they stay on their side of an edge, and odds decide where no edge does."""

import numpy as np

from dragvideo_core.layers.walk import Walk


def two_colours() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture whose left 20 of 32 columns are dark; known: the outermost column on both sides, the left one is the thing."""
    colours = np.full((24, 32, 3), 80, np.float32)
    colours[:, :20] = 20
    known = np.zeros((24, 32), bool)
    known[:, [0, -1]] = True
    thing = np.zeros_like(known)
    thing[:, 0] = True
    return colours, known, thing


def test_a_walk_stops_at_an_edge():
    colours, known, thing = two_colours()
    found = Walk(colours, known, thing).to_thing(np.zeros(known.shape), thing.astype(np.float32))
    assert (found[:, :20] > 0.5).all() and (found[:, 20:] < 0.5).all()


def test_odds_turn_a_piece_with_an_edge_around_it():
    colours, known, thing = two_colours()
    colours[8:16, 22:28], odds = 50, np.zeros(known.shape)
    odds[10:14, 23:27] = 2.0
    found = Walk(colours, known, thing).to_thing(odds, thing.astype(np.float32))
    assert (found[8:16, 22:28] > 0.5).all() and (found[18:, 22:] < 0.5).all()


def test_what_is_known_stays():
    colours, known, thing = two_colours()
    found = Walk(colours, known, thing).to_thing(np.where(thing, -3.0, 3.0), thing.astype(np.float32))
    assert (found[:, 0] == 1).all() and (found[:, -1] == 0).all()
