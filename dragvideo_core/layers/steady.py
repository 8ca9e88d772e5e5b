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
from .pixels import Coverage, box_of, fetched, opencv, places_after

ROUNDS = 3  # of the mean: it reaches so many frames away
MEASURED = 128  # px: motion is measured on pictures whose shorter side is about that
REACH = 1.5  # px of these on both sides of the edge
MOST_FIRM = 4.0  # times: the mean is made no more contrasty than that
LINE = 1024  # px: places are looked up in lines of so many
WINDOW, MOST_APART = (9, 9), 0.2  # px of these: where more of the pixels around differ, the layer itself has changed

Lines = tuple[np.ndarray, np.ndarray]  # places as OpenCV reads them: whole columns and rows, and which part of a pixel more


@dataclass(frozen=True)
class Way:
    """To a neighbouring frame."""

    number: int  # of that frame
    steps: np.ndarray  # (h, w, 3) float32: the layer's motion, px, continued beyond its edge; and 1 where it counts, else 0


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
    """The motion counts where the one back ends where it began, and the layer there is much like here."""
    apart = np.abs(fetched(there, places_after(here.shape, motion)) - here)
    counts = is_round_trip(motion, back) & (opencv().blur(apart, WINDOW) <= MOST_APART)
    return Way(number, np.dstack([*motion, counts.astype(np.float32)]))


def hold_still(layers: Tensor, ways: Ways, factor: int = 1) -> None:
    """Hold layers (N, 1, H, W) still in time, in place: those that the ways were measured on, or enlarged by a factor."""
    mattes, flat, factor = layers[:, 0].numpy(), layers.view(len(layers), -1).numpy(), factor * ways.scale
    reach = round(REACH * factor)
    parts = [box_of(one >= 0.5, 0, 2 * reach + 1) for one in mattes]  # all that is near the edge, and what is about that
    near = [_near_edge(one, part, reach) for one, part in zip(mattes, parts, strict=True)]
    own = [one[places] for one, places in zip(flat, near, strict=True)]
    beside = [[_on_way(way, places, mattes.shape[2], factor) for way in of] for places, of in zip(near, ways.beside, strict=True)]
    for _ in range(ROUNDS):
        means = []
        for one, places, of_frame in zip(flat, near, beside, strict=True):
            total, weight = one[places], np.ones(len(places), np.float32)
            for number, there, counts in of_frame:
                total += counts * _at(mattes[number], there, len(places))
                weight += counts
            means.append(total / weight)
        for one, places, mean in zip(flat, near, means, strict=True):
            one[places] = mean
    for i, places in enumerate(near):
        if ways.beside[i] and len(places):
            flat[i, places] = _as_firm(mattes[i], flat[i, places], own[i], places, parts[i], reach)


def _as_firm(
    matte: Coverage, mean: np.ndarray, own: np.ndarray, near: np.ndarray, part: tuple[slice, slice], reach: int
) -> np.ndarray:
    """The mean (P,) near the edge with the edge as wide as it was in the frame's own matte (P,): that of edges which lie apart is
    wider. matte: (H, W), with the mean; part: of it, all that is looked at."""
    rows, columns = part
    inner = (near // matte.shape[1] - rows.start) * (columns.stop - columns.start) + near % matte.shape[1] - columns.start
    after = np.ascontiguousarray(matte[part])
    before = after.copy()
    before.reshape(-1)[inner] = own
    window = 2 * reach + 1, 2 * reach + 1
    width, wanted = (opencv().blur(one * (1 - one), window).reshape(-1)[inner] for one in (after, before))
    gain = (width / np.maximum(wanted, 1e-6)).clip(1, MOST_FIRM)
    return (0.5 + gain * (mean - 0.5)).clip(0, 1)


def _near_edge(layer: Coverage, part: tuple[slice, slice], by: int) -> np.ndarray:
    """The numbers (P,) of the pixels within `by` px of the layer's edge, along rows and columns. part: of the layer, which holds
    them all."""
    inside, square = (layer[part] >= 0.5).astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    rows, columns = np.divmod(np.flatnonzero(opencv().morphologyEx(inside, opencv().MORPH_GRADIENT, square)), inside.shape[1])
    return (rows + part[0].start) * layer.shape[1] + columns + part[1].start


def _on_way(way: Way, near: np.ndarray, width: int, factor: int) -> tuple[int, Lines, np.ndarray]:
    """The way's frame, the places that pixels of these numbers (P,) have there, and whether it counts (P,)."""
    y, x = (line.astype(np.float32) for line in np.divmod(near, width))
    steps = _at(way.steps, _lines((x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5), len(near))
    return way.number, _lines(x + factor * steps[:, 0], y + factor * steps[:, 1]), steps[:, 2]


def _lines(x: np.ndarray, y: np.ndarray) -> Lines:
    """Columns and rows (P,) of places: in lines, as OpenCV knows no longer ones."""
    cv2 = opencv()
    lines = (np.pad(places, (0, -len(places) % LINE)).reshape(-1, LINE) for places in (x, y))
    whole, rest = cv2.convertMaps(*lines, cv2.CV_16SC2) if len(x) else (np.zeros((0, LINE, 2), np.int16), np.zeros((0, LINE)))
    return whole, rest


def _at(values: np.ndarray, places: Lines, count: int) -> np.ndarray:
    """Values (H, W) or (H, W, C) at the first `count` places."""
    if not count:
        return np.zeros((0, *values.shape[2:]), np.float32)
    return fetched(values, places).reshape(-1, *values.shape[2:])[:count]
