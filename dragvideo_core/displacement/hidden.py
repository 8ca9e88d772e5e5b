"""What of the layer is behind things in front: its matte goes on from one side of the pole to the other."""

from __future__ import annotations

import cv2
import numpy as np

SEEN = 0.02  # a thing in front that covers less of a pixel is not there
WIDEST = 1 / 4  # of the picture's shorter side: a wider thing in front is not bridged


def completed(matte: np.ndarray, front: np.ndarray) -> np.ndarray:
    """The matte (H, W) of what shows of the layer, continued behind what `front` (H, W) covers.

    By a closing with a square as wide as the thing in front is: what lies between two parts of the layer belongs to it.
    """
    in_front = front > SEEN
    if not in_front.any() or not (matte > SEEN).any():
        return matte
    reach = cv2.distanceTransform(np.pad(in_front, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = cv2.dilate((matte > SEEN).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    touching = in_front & near
    if not touching.any():
        return matte
    side = 2 * int(min(np.ceil(reach.max()), WIDEST * min(matte.shape) / 2)) + 3
    whole = cv2.morphologyEx(matte, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.where(in_front, np.maximum(matte, whole), matte)
