"""Draws the displaced layer over the ground. Only what moved or came free is touched; all else stays bit for bit.

The edge of a thing is mixed with the old ground. So the layer's colours are first continued outward from where the layer is whole, then sampled,
and mixed with the new ground by the layer's own soft edge, sampled the same way. Things in front stay in front.
"""

from __future__ import annotations

import cv2
import numpy as np

from .backward_map import STILL, Warp

WHOLE = 0.95  # a pixel that the layer covers so much is all layer
RIM = 2  # px round the layer where its colour may still be mixed into the ground's
SPREAD = (0.7, 1.5, 3.0)  # px, of the Gaussians that continue the colours outward


def continued(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) float32 with the colours of what the matte (H, W) covers continued beyond its edge."""
    weight = matte**8
    found = picture.copy()
    missing = matte < WHOLE
    for sigma in SPREAD[::-1]:
        near = cv2.GaussianBlur(weight, (0, 0), sigma)
        mean = cv2.GaussianBlur(picture * weight[..., None], (0, 0), sigma) / np.maximum(near, 1e-6)[..., None]
        use = missing & (near > 1e-2)
        found[use] = mean[use]
    return found


def sampled(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The picture at places (H, W, 2) px, by a sharp kernel; beyond the border the nearest pixel."""
    return cv2.remap(picture, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).clip(0, 1)


def covered(matte: np.ndarray) -> np.ndarray:
    """The pixels (H, W) where what the matte covers shows in the colours: its own and a rim."""
    return widened(matte > 0.02, RIM)


def widened(mask: np.ndarray, radius: int) -> np.ndarray:
    """The mask (H, W) bool and what lies within `radius` px of it."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def displaced_matte(matte: np.ndarray, warp: Warp) -> np.ndarray:
    """The layer's matte (H, W) after the move. Where nothing moved it is the same."""
    moves = moving(warp)
    arrived = np.where(warp.lands, sampled(matte, warp.places), 0)
    stays = np.where(warp.left, 0, matte)
    return np.where(moves, np.maximum(arrived, stays), np.where(warp.left & ~warp.lands, 0, matte)).astype(np.float32)


def moving(warp: Warp) -> np.ndarray:
    """Where (H, W) the picture shows something that comes from elsewhere."""
    height, width = warp.lands.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return warp.lands & (np.hypot(warp.places[..., 0] - x, warp.places[..., 1] - y) > STILL)


def freed(matte: np.ndarray, after: np.ndarray, mask: np.ndarray, warp: Warp) -> np.ndarray:
    """The ground (H, W) bool that the layer's own colours covered and that shows now."""
    still_there = warp.lands & ~moving(warp)
    return mask & warp.left & ~still_there & covered(matte) & (after < 0.98)


def composed(
    picture: np.ndarray,
    ground: np.ndarray,
    matte: np.ndarray,
    after: np.ndarray,
    front: np.ndarray | None,
    mask: np.ndarray,
    freed: np.ndarray,
    warp: Warp,
) -> np.ndarray:
    """The edited picture (H, W, 3).

    ground: the picture with the freed ground filled. matte, after: of the layer before and after the move. front (H, W): how much
    things in front cover.
    """
    touched = mask & (freed | (moving(warp) & (after > 0)))
    layer = sampled(continued(picture, matte), warp.places)
    mixed = after[..., None] * layer + (1 - after[..., None]) * ground
    if front is not None:
        mixed = front[..., None] * picture + (1 - front[..., None]) * mixed
    return np.where(touched[..., None], mixed, picture)
