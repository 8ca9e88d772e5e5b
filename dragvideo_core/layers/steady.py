"""A layer whose edge does not tremble: it is found in each frame by itself, and lies a pixel or some further out or in each time.

Near the edge each pixel takes the mean of its own matte and of those of the frames before and after, where the layer's motion takes
it, `ROUNDS` times over. What one frame alone cut off comes back, and what one frame alone took in goes. The edge stays as sharp as
it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor
from torch.nn import functional

from ..points.flow import optical_flow
from .carry import is_round_trip, layer_motion
from .pixels import Coverage, Places, fetched, opencv, places_after

ROUNDS = 3  # of the mean: it reaches so many frames away
MEASURED = 128  # px: motion is measured on pictures whose shorter side is about that
REACH = 1.5  # px of these on both sides of the edge
MOST_FIRM = 4.0  # times: the mean is made no more contrasty than that
LINE = 1024  # px: places are looked up in lines of so many
WINDOW, MOST_APART = (9, 9), 0.2  # px of these: where more of the pixels around differ, the layer itself has changed


@dataclass(frozen=True)
class Way:
    """To a neighbouring frame."""

    number: int  # of that frame
    motion: np.ndarray  # (2, h, w) float32 px: of the layer, continued beyond its edge
    counts: np.ndarray  # (h, w) float32: 1 where the motion back ends where it began, and the layer there is much like here; else 0


@dataclass(frozen=True)
class Ways:
    """How the layers of some frames move, measured on pictures made smaller."""

    scale: int  # px of the frames that make one of these pictures, along each side
    beside: list[list[Way]]  # of each frame to the one before it and to the one after it; none where there is no edge


def ways_of(frames: Tensor, layers: Tensor, side: int) -> Ways:
    """How the layers (N, 1, H, W) of frames (N, 3, H, W) move. side: px, the shorter one of the pictures that they are cut of."""
    scale = max(1, round(side / MEASURED))
    if scale > 1:
        frames, layers = (functional.avg_pool2d(one, scale, ceil_mode=True) for one in (frames, layers))
    mattes, ways = list(layers[:, 0].numpy()), Ways(scale, [[] for _ in layers])
    has_edge = [bool((one >= 0.5).any() and (one < 0.5).any()) for one in mattes]
    for i, j in pairwise(range(len(mattes))):
        if has_edge[i] and has_edge[j]:
            there, back = optical_flow(frames[i], frames[j]).numpy(), optical_flow(frames[j], frames[i]).numpy()
            to_next = layer_motion(mattes[i], there, back, side // scale)
            to_last = layer_motion(mattes[j], back, there, side // scale)
            ways.beside[i].append(_way(j, mattes[i], mattes[j], to_next, to_last))
            ways.beside[j].append(_way(i, mattes[j], mattes[i], to_last, to_next))
    return ways


def _way(number: int, here: Coverage, there: Coverage, motion: np.ndarray, back: np.ndarray) -> Way:
    apart = np.abs(fetched(there, places_after(here.shape, motion)) - here)
    counts = is_round_trip(motion, back) & (opencv().blur(apart, WINDOW) <= MOST_APART)
    return Way(number, motion, counts.astype(np.float32))


def hold_still(layers: Tensor, ways: Ways, factor: int = 1) -> None:
    """Hold layers (N, 1, H, W) still in time, in place: those that the ways were measured on, or enlarged by a factor."""
    mattes, factor = list(layers[:, 0].numpy()), factor * ways.scale
    reach = round(REACH * factor)
    near = [_near_edge(one, reach) for one in mattes]
    own = [one[places] for one, places in zip(mattes, near, strict=True)]
    beside = [[_on_way(way, places, factor) for way in of_frame] for places, of_frame in zip(near, ways.beside, strict=True)]
    for _ in range(ROUNDS):
        means = []
        for matte, places, of_frame in zip(mattes, near, beside, strict=True):
            total, weight = matte[places], np.ones(len(places[0]), np.float32)
            for number, there, counts in of_frame:
                total += counts * _at(mattes[number], *there)
                weight += counts
            means.append(total / weight)
        for matte, places, mean in zip(mattes, near, means, strict=True):
            matte[places] = mean
    for matte, places, values, neighbours in zip(mattes, near, own, ways.beside, strict=True):
        if neighbours:
            matte[places] = _as_firm(matte, values, places, reach)


def _as_firm(mean: Coverage, own: np.ndarray, near: tuple[np.ndarray, np.ndarray], reach: int) -> np.ndarray:
    """The mean (P,) near the edge with the edge as wide as it was in the frame's own matte (P,): that of edges which lie apart is
    wider."""
    before = mean.copy()
    before[near] = own
    window = 2 * reach + 1, 2 * reach + 1
    width, wanted = (opencv().blur(one * (1 - one), window)[near] for one in (mean, before))
    gain = (width / np.maximum(wanted, 1e-6)).clip(1, MOST_FIRM)
    return (0.5 + gain * (mean[near] - 0.5)).clip(0, 1)


def _near_edge(layer: Coverage, by: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns (P,) of the pixels within `by` px of the layer's edge, along rows and columns."""
    inside, square = (layer >= 0.5).astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    cv2 = opencv()
    rows, columns = np.nonzero(cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, square))
    return rows, columns


def _on_way(way: Way, places: tuple[np.ndarray, np.ndarray], factor: int) -> tuple[int, Places, np.ndarray]:
    """The way's frame, the columns and rows (P,) that pixels have there, and whether it counts (P,)."""
    y, x = (line.astype(np.float32) for line in places)
    here = (x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5
    right, down = (factor * _at(part, *here) for part in way.motion)
    return way.number, (x + right, y + down), _at(way.counts, *here)


def _at(values: Coverage, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values (H, W) at places (P,): in lines, as OpenCV knows no longer ones."""
    lines = [np.pad(places, (0, -len(places) % LINE)).reshape(-1, LINE) for places in (x, y)]
    return fetched(values, (lines[0], lines[1])).ravel()[: len(x)] if len(x) else x
