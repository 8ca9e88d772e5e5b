"""A hole filled smoothly from its rim, along the direction in which its surroundings go on.

The fill is harmonic (each pixel is the mean of its four neighbours), but neighbours in a row may count more than those
in a column, or less: the layers of a landscape, the horizon first of all, then run through the hole. Which weights are
right is tried on what is known: a larger hole is filled, and the weights that best foretell the pixels around the real
one are taken.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from .camera import Array, Mask
from .transfer import matched

WEIGHTS = (1.0, 1.0), (4.0, 1.0), (20.0, 1.0), (1.0, 4.0), (1.0, 20.0)  # of neighbours in the row and in the column
BAND = 6  # the larger hole is larger by one of so many parts of the hole's side
TRIED, SOLVED = 1500, 20_000  # unknown pixels at most; larger holes are made smaller by halves: to try weights, to fill


def smooth_fill(picture: Array, known: Mask) -> Array:
    """`picture` (h, w, 3) in [0, 1] with all that is not `known` (h, w) filled; mid-grey if nothing is known."""
    if known.all():
        return picture
    if not known.any():
        return np.full_like(picture, 0.5)
    return _filled(picture, known, _best_weights(*_reduced(picture, known, TRIED)))


def _best_weights(picture: Array, known: Mask) -> tuple[float, float]:
    reach = max(2, round(math.sqrt((~known).sum()) / BAND))
    larger = (
        cv2.erode(known.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2), borderValue=1) > 0
    )
    if not larger.any():
        return WEIGHTS[0]
    band = known & ~larger
    errors = [float(np.square(_harmonic(picture, larger, weights) - picture)[band].sum()) for weights in WEIGHTS]
    return WEIGHTS[int(np.argmin(errors))]


def _filled(picture: Array, known: Mask, weights: tuple[float, float]) -> Array:
    small, seen = _reduced(picture, known, SOLVED)
    filled = _harmonic(small, seen, weights)
    if small.shape == picture.shape:
        return filled
    filled = cv2.resize(filled, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], picture, matched(filled, np.ones_like(known), picture, known))


def _harmonic(picture: Array, known: Mask, weights: tuple[float, float]) -> Array:
    """Every unknown pixel the weighted mean of its neighbours in the picture, of which at least one pixel is known."""
    height, width = known.shape
    number = np.where(known, -1, np.cumsum(~known).reshape(known.shape) - 1)  # of the unknown ones
    count = int((~known).sum())
    total, wanted = np.zeros(count), np.zeros((count, 3))
    rows, columns, values = [], [], []
    for (dy, dx), weight in zip(((0, 1), (1, 0)), weights, strict=True):
        first, second = np.s_[: height - dy, : width - dx], np.s_[dy:, dx:]
        for one, other in ((first, second), (second, first)):
            unknown = ~known[one]
            me, neighbour = number[one][unknown], number[other][unknown]
            total[me] += weight
            is_known = neighbour < 0
            wanted[me[is_known]] += weight * picture[other][unknown][is_known]
            rows.append(me[~is_known])
            columns.append(neighbour[~is_known])
            values.append(np.full(len(rows[-1]), -weight))
    places = np.concatenate([*rows, np.arange(count)]), np.concatenate([*columns, np.arange(count)])
    system = sparse.csc_matrix((np.concatenate([*values, total]), places), shape=(count, count))
    filled = picture.copy()
    filled[~known] = linalg.splu(system).solve(wanted).clip(0, 1)
    return filled


def _reduced(picture: Array, known: Mask, most: int) -> tuple[Array, Mask]:
    """Halved until at most so many pixels are unknown; a pixel of the small picture is known if any of its pixels is."""
    while (~known).sum() > most and min(known.shape) > 16:
        size = (known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2
        share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        if not (share > 0).any():
            break
        light = cv2.resize(np.where(known[..., None], picture, 0), size, interpolation=cv2.INTER_AREA)
        picture, known = light / np.maximum(share, 1e-6)[..., None], share > 0
    return picture, known
