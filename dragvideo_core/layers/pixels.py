"""Between the pack's tensors and OpenCV's arrays, and the few morphological words that the layers are described with."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from ..types import Size, UserError

Picture = np.ndarray  # (H, W, 3) uint8 RGB
Region = np.ndarray  # (H, W) bool
Coverage = np.ndarray  # (H, W) float32 in [0, 1]
Places = tuple[np.ndarray, np.ndarray]  # columns and rows (H, W) float32, px of another picture

NEAR = 12.0  # px: a region is grown so far by a disc, which is quick, and further by distances, which are not
CLOSED = 1.0  # % of the short side: half of the width of a bay that is closed


def opencv() -> ModuleType:
    """OpenCV. UserError where it is not installed."""
    try:
        import cv2
    except ImportError:
        raise UserError(
            "finding the layer needs OpenCV, which is not installed. Install it into ComfyUI's Python: "
            "pip install opencv-python-headless"
        ) from None
    return cv2


def as_picture(frame: Tensor) -> Picture:
    """A frame (3, H, W) in [0, 1] as bytes."""
    values = frame.detach().to("cpu", torch.float32).numpy()
    return np.ascontiguousarray(np.rint(values * np.float32(255)).clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def resized(values: np.ndarray, size: Size) -> np.ndarray:
    """Values (H, W) or (H, W, C) at another `size` (h, w): averaged where it is smaller, interpolated where it is larger.

    A region stays a region: what covers half of a pixel counts.
    """
    if values.shape[:2] == size:
        return values
    cv2 = opencv()
    is_region, is_larger = values.dtype == bool, size[0] * size[1] > values.shape[0] * values.shape[1]
    how = cv2.INTER_LINEAR if is_larger and values.dtype == np.float32 else cv2.INTER_CUBIC if is_larger else cv2.INTER_AREA
    if is_region:
        return cv2.resize(values.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR if is_larger else how) >= 0.5
    return cv2.resize(values, size[::-1], interpolation=how)


def places_after(size: tuple[int, ...], motion: np.ndarray) -> Places:
    """Columns and rows (H, W) float32 of where each pixel is after a motion (2, H, W)."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return columns + motion[0], rows + motion[1]


def fetched(values: np.ndarray, places: Places, is_sharp: bool = False) -> np.ndarray:
    """Values (H, W) or (H, W, C) float32 at these places; the border goes on outside of the picture. `is_sharp`: by cubics, which
    blur less and overshoot."""
    cv2 = opencv()
    return cv2.remap(values, *places, cv2.INTER_CUBIC if is_sharp else cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def grown(region: Region, by: float) -> Region:
    """The region and all that lies within `by` px of it."""
    if by > NEAR:
        return distance_to(region) <= by
    reach = math.floor(by)
    down, right = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disc = (down * down + right * right <= by * by).astype(np.uint8)
    return opencv().dilate(region.astype(np.uint8), disc) > 0


def shrunk(region: Region, by: float) -> Region:
    """What of the region lies more than `by` px from all that is not in it; the picture's border is no edge."""
    return ~grown(~region, by)


def distance_to(region: Region) -> np.ndarray:
    """Of each pixel from the nearest pixel of the region, px: (H, W) float32, infinite where the region is empty."""
    if not region.any():
        return np.full(region.shape, math.inf, np.float32)
    cv2 = opencv()
    far = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # its last bits hang on where the picture lies in memory; a squared distance is a whole number
    return np.sqrt(np.rint(np.square(far, dtype=np.float64))).astype(np.float32)


def touching(region: Region, other: Region) -> Region:
    """Those pieces of the region that have a pixel in common with the other."""
    _, pieces = opencv().connectedComponents(region.astype(np.uint8), connectivity=4)
    return region & np.isin(pieces, np.unique(pieces[region & other]))


def box_of(region: Region, margin: float, least: int = 1) -> tuple[slice, slice]:
    """Rows and columns of the box around the region, wider by `margin` of its longer side, and by at least so many px; all of the
    picture if it is empty."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    if not len(rows):
        return slice(0, region.shape[0]), slice(0, region.shape[1])
    more = max(least, math.ceil(margin * max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1)
    return (
        slice(max(0, int(rows[0]) - more), min(region.shape[0], int(rows[-1]) + 1 + more)),
        slice(max(0, int(columns[0]) - more), min(region.shape[1], int(columns[-1]) + 1 + more)),
    )


def solid(region: Region) -> Region:
    """The region (H, W) without its holes and narrow bays: what shines in a thing is part of it."""
    cv2 = opencv()
    side = 2 * max(1, round(CLOSED / 100 * min(region.shape))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE) > 0
    border = np.ones_like(region)
    border[1:-1, 1:-1] = False
    return ~touching(~closed, border)
