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

Weights = tuple[float, float]
WEIGHTS = (1.0, 1.0), (4.0, 1.0), (20.0, 1.0), (1.0, 4.0), (1.0, 20.0)  # of neighbours in the row and in the column
BAND = 6  # the larger hole is larger by one of so many parts of the hole's side
TRIED, SOLVED = 1500, 6_000  # unknown pixels at most; larger holes are made smaller by halves: to try weights, to fill
AROUND = 12  # px: so far around a hole, and half the side of its area further, other unknown pixels take part in its fill
FORETOLD, NEAR = 0.35, 0.03  # the root of the share of all variance that is missed, and of half of the pixels' errors, at most
LEAK = 1e-7  # weight of the mean colour: decides where no known pixel can be reached


def smooth_fill(picture: Array, known: Mask, hole: Mask, weights: Weights) -> Array:
    """`picture` (h, w, 3) in [0, 1] with the `hole` (h, w), of which nothing is `known` (h, w), filled; mid-grey if nothing is.

    What is not known beyond the hole is worked out near it alone. weights: the `best_weights`, perhaps those of another frame
    of the same ground.
    """
    if not hole.any():
        return picture
    if not known.any():
        return np.where(hole[..., None], np.float32(0.5), picture)
    reach = AROUND + math.sqrt(hole.sum()) / 2
    near = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3) <= reach
    small, seen, part = _reduced(picture, known, known | near, SOLVED)
    filled = _harmonic(small, seen, part, weights)
    if small.shape != picture.shape:
        filled = cv2.resize(filled, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
        filled = matched(filled, picture, known)
    return np.where(hole[..., None], filled, picture)


def best_weights(picture: Array, known: Mask) -> tuple[Weights, bool]:
    """Of a neighbour in the row and of one in the column: those that foretell what is known around the hole best. And whether they
    foretell it well: then a smooth fill is right, and what has a texture is not foretold."""
    picture, known, everything = _reduced(picture, known, np.ones_like(known), TRIED)
    reach = max(2, round(math.sqrt((~known).sum()) / BAND))
    larger = (
        cv2.erode(known.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2), borderValue=1) > 0
    )
    band = known & ~larger
    if not larger.any() or not band.any():
        return WEIGHTS[0], False
    errors = [_squared(_harmonic(picture, larger, everything, weights)[band] - picture[band]) for weights in WEIGHTS]
    best = int(np.argmin([error.sum() for error in errors]))
    varies = _squared(picture[band] - picture[band].mean(0))
    is_near = float(np.median(errors[best])) <= NEAR**2
    return WEIGHTS[best], is_near and bool(errors[best].sum() <= FORETOLD**2 * varies.sum())


def _harmonic(picture: Array, known: Mask, part: Mask, weights: Weights) -> Array:
    """Every unknown pixel of the `part` (h, w) the weighted mean of its neighbours in it; at least one pixel is known.

    What has no way to a known pixel takes their mean.
    """
    height, width = known.shape
    is_open = part & ~known
    number = np.where(is_open, np.cumsum(is_open).reshape(known.shape) - 1, -1)  # of the unknown ones
    count = int(is_open.sum())
    total, wanted = np.full(count, LEAK), np.tile(LEAK * picture[known].mean(0, dtype=np.float64), (count, 1))
    rows, columns, values = [], [], []
    for (dy, dx), weight in zip(((0, 1), (1, 0)), weights, strict=True):
        first, second = np.s_[: height - dy, : width - dx], np.s_[dy:, dx:]
        for one, other in ((first, second), (second, first)):
            joined = is_open[one] & part[other]
            me, neighbour = number[one][joined], number[other][joined]
            total[me] += weight
            is_known = neighbour < 0
            wanted[me[is_known]] += weight * picture[other][joined][is_known]
            rows.append(me[~is_known])
            columns.append(neighbour[~is_known])
            values.append(np.full(len(rows[-1]), -weight))
    places = np.concatenate([*rows, np.arange(count)]), np.concatenate([*columns, np.arange(count)])
    system = sparse.csc_matrix((np.concatenate([*values, total]), places), shape=(count, count))
    filled = picture.copy()
    factor = linalg.splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    filled[is_open] = factor.solve(wanted).clip(0, 1)
    return filled


def _squared(colours: Array) -> Array:
    """(P, 3) to (P,)."""
    return np.square(colours).sum(-1)


def _reduced(picture: Array, known: Mask, part: Mask, most: int) -> tuple[Array, Mask, Mask]:
    """Halved until at most so many pixels of the part are unknown.

    A pixel of the small picture is known, or of the part, if any of its pixels is.
    """
    while (part & ~known).sum() > most and min(known.shape) > 16:
        size = (known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2
        share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        if not (share > 0).any():
            break
        light = cv2.resize(np.where(known[..., None], picture, 0), size, interpolation=cv2.INTER_AREA)
        part = cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        picture, known = light / np.maximum(share, 1e-6)[..., None], share > 0
    return picture, known, part
