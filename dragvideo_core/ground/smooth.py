"""A hole filled smoothly from its rim."""

from __future__ import annotations

import cv2
import numpy as np

from .camera import Array, Mask


def smooth_fill(picture: Array, known: Mask) -> Array:
    """`picture` (h, w, 3) with all that is not `known` (h, w) filled."""
    if not known.any():
        return np.full_like(picture, 0.5)
    levels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    return cv2.inpaint(levels, (~known).astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32) / 255
