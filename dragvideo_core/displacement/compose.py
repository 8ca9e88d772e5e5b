"""Draws the displaced layer over the ground. Only what moved or came free is touched; all else stays bit for bit.

The edge of a thing is mixed with the old ground. So the layer's colours are continued outward from where the layer is whole,
sampled without losing sharpness, and mixed with the new ground by the layer's own soft edge, sampled in the same way. Things in
front stay in front. All arrays here are what the box of a `Warp` cuts out of a frame: (h, w), or (h, w, 3).
"""

from __future__ import annotations

import cv2
import numpy as np

from .. import masked
from .backward_map import Warp

WHOLE = 0.95  # a pixel that the layer covers so much is all layer
THERE = 0.02  # a pixel that the layer covers less shows none of it
RIM = 2  # px round the layer where its colours may still be mixed into the ground's
GOES_ON = 0.6  # of the width of what the picture's border cuts
SPREAD = (3.0, 1.5, 0.7)  # px, of the Gaussians that continue the colours outward: the nearest that reaches wins
KERNEL = cv2.INTER_CUBIC
BETWEEN, STRETCHED, FINE = 0.25, 1.2, 0.7  # unsharp mask: share half-way between pixels, at twice the length; its sigma in px
BLURRED = 4  # px: its blur reaches no further


def covered(matte: np.ndarray) -> np.ndarray:
    """Where the colours show something of what the matte covers: there, and on a rim around it."""
    return widened(matte > THERE, RIM)


def widened(mask: np.ndarray, radius: int) -> np.ndarray:
    """The mask, bool, and what lies within `radius` px of it."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def displaced_matte(matte: np.ndarray, warp: Warp) -> np.ndarray:
    """The layer's matte after the move. Where nothing moved it is the same."""
    stays = np.where(_went(warp), 0, matte)
    arrived = _sampled(matte, warp).clip(0, 1)
    if warp.outside.any():
        arrived = np.where(warp.outside <= _goes_on(matte, warp), arrived, 0)
    return np.where(warp.moves, np.maximum(arrived, stays), stays)


def _goes_on(matte: np.ndarray, warp: Warp) -> np.ndarray:
    """How far, px (h, w), the layer goes on beyond the picture's border where the warp's places are nearest to it.

    A thing that the border cuts goes on behind it, and nobody knows how far: as far as `GOES_ON` of the width that the border cuts.
    """
    height, width = matte.shape
    x, y = (np.rint(line).astype(int).clip(0, side - 1) for line, side in zip(warp.at, (width, height), strict=True))
    is_above_or_below = (y == 0) | (y == height - 1)
    cut = np.where(is_above_or_below, _run_lengths(matte > 0.5)[y, x], _run_lengths((matte > 0.5).T).T[y, x])
    return GOES_ON * cut


def _run_lengths(mask: np.ndarray) -> np.ndarray:
    """For each pixel of a mask (h, w) how long the run of its row is that it belongs to, px; 0 where the mask is not."""
    ends = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (rows, starts), (_, stops) = np.nonzero(ends == 1), np.nonzero(ends == -1)
    lengths = np.zeros(mask.shape, np.float32)
    for row, start, stop in zip(rows, starts, stops, strict=True):
        lengths[row, start:stop] = stop - start
    return lengths


def freed(matte: np.ndarray, after: np.ndarray, mask: np.ndarray, warp: Warp) -> np.ndarray:
    """The ground, bool, that the layer's colours covered and that shows now. matte, after: before and after the move."""
    return mask & _went(warp) & covered(matte) & (after < 1 - THERE)


def composed(
    picture: np.ndarray,
    whole: np.ndarray,
    ground: np.ndarray,
    matte: np.ndarray,
    after: np.ndarray,
    front: np.ndarray | None,
    warp: Warp,
    wanted: np.ndarray,
) -> np.ndarray:
    """What the picture with the displaced layer in it shows where it is `wanted` (h, w) bool: (P, 3), row by row.

    whole: the picture with the layer's own colours where things in front hide it; ground: the picture with the freed ground filled;
    matte, after: of the layer before and after the move; front: how much things in front cover.
    """
    if not wanted.any():
        return np.zeros((0, 3), np.float32)
    rows, columns = (np.flatnonzero(wanted.any(axis)) for axis in (1, 0))
    part = tuple(slice(max(0, int(at[0]) - BLURRED), int(at[-1]) + 1 + BLURRED) for at in (rows, columns))
    layer = _sampled(continued(whole, matte), warp, part)
    np.clip(layer, 0, 1, layer)
    mixed = _mixed(layer, ground[part], after[part])
    if front is not None:
        mixed = _mixed(continued(picture, front)[part], mixed, front[part])
    return masked.read(mixed, wanted[part])


def _mixed(over: np.ndarray, below: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The one picture by its `share` (h, w), and the other by what is left of that."""
    wide = _three(share)
    mixed = cv2.multiply(wide, over)
    mixed += cv2.multiply(np.subtract(1, wide, out=wide), below)
    return mixed


def _three(values: np.ndarray) -> np.ndarray:
    """Values (h, w) repeated for each colour, (h, w, 3): numpy is slow where `values[..., None]` is broadcast."""
    return cv2.merge([values, values, values])


def continued(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture with the colours of what the matte covers carried beyond its edge."""
    weight = np.square(np.square(np.square(matte)))
    weighted, carried, missing = picture * _three(weight), picture.copy(), matte < WHOLE
    for sigma in SPREAD:
        near = cv2.GaussianBlur(weight, (0, 0), sigma)
        reached = missing & (near > 0.01)
        mean = cv2.divide(cv2.GaussianBlur(weighted, (0, 0), sigma), _three(near))
        cv2.copyTo(mean, reached.view(np.uint8), carried)
    return carried


def _went(warp: Warp) -> np.ndarray:
    """Where what was there has moved away."""
    return warp.left & ~(warp.lands & ~warp.moves)


def _sampled(picture: np.ndarray, warp: Warp, part: tuple[slice, ...] = ()) -> np.ndarray:
    """The box of a picture at the places of the warp, or of a part of it; beyond the border the nearest pixel.

    What is sampled between pixels, or stretched, is softer than it was: an unsharp mask makes up for both. Its share between pixels
    is what keeps the gradients of filmed frames that are moved by parts of a pixel.
    """
    x, y = (line[part] for line in warp.at)
    smooth = cv2.remap(picture, x, y, KERNEL, borderMode=cv2.BORDER_REPLICATE)
    between = cv2.absdiff(x, np.rint(x)) + cv2.absdiff(y, np.rint(y))
    amount = np.float32(BETWEEN) * between + np.float32(STRETCHED) * (warp.stretch[part] - 1).clip(0, 1)
    sharper = cv2.subtract(smooth, cv2.GaussianBlur(smooth, (0, 0), FINE))
    sharper *= amount if picture.ndim == 2 else _three(amount)
    sharper += smooth
    return sharper
