"""A layer held still in time: what one frame alone cut off or took in goes, what truly changes stays."""

from __future__ import annotations

import numpy as np
import torch

from dragvideo_core.layers.pixels import resized
from dragvideo_core.layers.steady import hold_still, ways_of

COUNT, SIDE, RADIUS, STEP = 6, 96, 20, 3


def disc(i: int, radius: float = RADIUS, times: int = 1) -> np.ndarray:
    """The matte of a disc that goes to the right by STEP px a frame."""
    rows, columns = (np.mgrid[: times * SIDE, : times * SIDE] + 0.5) / times - 0.5
    return (times * (radius - np.hypot(columns - 36 - STEP * i, rows - 48)) + 0.5).clip(0, 1).astype(np.float32)


def frames() -> torch.Tensor:
    """A textured disc over textured ground that stands still."""
    noise = np.random.default_rng(0).random((2, SIDE // 4, SIDE // 4, 3)).astype(np.float32)
    ground, thing = (resized(one, (SIDE, SIDE)) for one in noise)
    pictures = []
    for i in range(COUNT):
        cover = disc(i)[..., None]
        pictures.append(cover * np.roll(thing, STEP * i, 1) + (1 - cover) * ground)
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).clamp(0, 1)


def trembling(times: int = 1) -> torch.Tensor:
    """The layers, in every other frame too large by most of a pixel, in the others too small."""
    return stacked([disc(i, RADIUS + 0.6 * (-1) ** i, times) for i in range(COUNT)])


def stacked(layers: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(layers))[:, None]


def off(layers: torch.Tensor, times: int = 1) -> float:
    """How many px of area lie on the wrong side of the disc's edge, in the frames that have two on each side."""
    wrong = [((layers[i, 0].numpy() >= 0.5) != (disc(i, times=times) >= 0.5)).sum() for i in range(2, COUNT - 2)]
    return float(np.mean(wrong)) / times**2


def test_an_edge_that_trembles_is_held_still_where_it_is_in_the_mean():
    layers = trembling()
    before = off(layers)
    hold_still(layers, ways_of(frames(), layers, SIDE))
    assert off(layers) < 0.4 * before
    soft, once = (float(((one[2] > 0.1) & (one[2] < 0.9)).sum()) for one in (layers, trembling()))
    assert soft < 1.5 * once  # the edge is as sharp as it was
    far = np.abs(np.hypot(*(np.mgrid[:SIDE, :SIDE] - np.array([48, 36])[:, None, None])) - RADIUS) > 4
    assert np.array_equal(layers[0, 0].numpy()[far], disc(0)[far])


def test_layers_of_larger_pictures_go_the_ways_of_the_small_ones():
    ways = ways_of(frames(), trembling(), SIDE)
    layers = trembling(3)
    before = off(layers, 3)
    hold_still(layers, ways, 3)
    assert off(layers, 3) < 0.4 * before


def test_a_layer_that_changes_for_good_and_one_without_an_edge_stay():
    layers = stacked([disc(i, RADIUS if i < 3 else RADIUS - 12) for i in range(COUNT)])
    held = layers.clone()
    hold_still(held, ways_of(frames(), held, SIDE))
    assert (held - layers).abs().sum((1, 2, 3)).max() < 0.05 * disc(0).sum()
    empty = stacked([disc(0), np.zeros((SIDE, SIDE), np.float32), disc(2)])
    held = empty.clone()
    hold_still(held, ways_of(frames()[:3], held, SIDE))
    assert torch.equal(held, empty)
