"""Rims: what an edit mask that was drawn a little too small cuts off the part that it is about.

The layer is held where it goes on beyond the edit mask. A head whose top sticks out of the mask by a few pixels does not go on
there: if that rim held it, it would be drawn out to a spike. So rims hold nothing; they stay, as all outside of the mask does.
"""

from __future__ import annotations

import cv2
import numpy as np

NARROW = 1 / 32  # of the picture's shorter side: a rim sticks out no further
SMALL = 1 / 5  # of what the mask holds of the layer: a rim is no larger


def without_rims(layer: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The layer (H, W) bool without the rims that stick out of the edit mask (H, W) bool."""
    outside = layer & ~mask
    if not outside.any():
        return layer
    side = 2 * round(NARROW * min(mask.shape)) + 1
    is_far = outside & (cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) == 0)
    count, pieces = cv2.connectedComponents(outside.astype(np.uint8), connectivity=8)
    areas = np.bincount(pieces.ravel(), minlength=count)
    is_rim = areas <= SMALL * (layer & mask).sum()
    is_rim[pieces[is_far]] = False
    return layer & ~(outside & is_rim[pieces])
