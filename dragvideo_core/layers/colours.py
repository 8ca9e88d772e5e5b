"""Colours as they are told apart: CIE Lab, in a picture that is blurred a little."""

from __future__ import annotations

import numpy as np

from .pixels import Picture, opencv

SMOOTH = 0.4  # % of the short side: colours are compared in a picture blurred by so much


def blurred_lab(picture: Picture, side: int | None = None) -> np.ndarray:
    """CIE Lab colours (H, W, 3) float32, blurred a little. side: px, the shorter one of the picture that this is a part of."""
    cv2, sigma = opencv(), max(SMOOTH / 100 * (side or min(picture.shape[:2])), 0.3)
    return cv2.GaussianBlur(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), sigma)


def main_colours(colours: np.ndarray, count: int) -> np.ndarray:
    """The middles (at most count, 3) of the groups that the colours (K, 3) fall into."""
    cv2 = opencv()
    cv2.setRNGSeed(0)  # the same picture gives the same layer
    ends = cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0
    return cv2.kmeans(np.ascontiguousarray(colours), min(count, len(colours)), None, ends, 3, cv2.KMEANS_PP_CENTERS)[2]


def distance(colours: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """From each colour (H, W, 3) to the nearest middle (K, 3): (H, W)."""
    return np.min([np.linalg.norm(colours - middle, axis=-1) for middle in middles], 0)
