"""Pixels of a picture (H, W, C) read and written where a mask (H, W) bool says so, each as one value: indexing with the mask does
the same, several times slower, since it goes over every channel of every pixel."""

from __future__ import annotations

import numpy as np


def read(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The pixels (P, C), row by row: `picture[where]`. Also of rows of pixels (Q, C), with a mask (Q,)."""
    return np.compress(where.ravel(), picture.reshape(-1, picture.shape[-1]), axis=0)


def write(picture: np.ndarray, where: np.ndarray, pixels: np.ndarray) -> None:
    """Put the pixels (P, C) there, row by row: `picture[where] = pixels`. ValueError where there are more or fewer, or where they
    are of another type."""
    if pixels.dtype != picture.dtype or pixels.shape[1:] != picture.shape[-1:]:
        raise ValueError(
            f"expected pixels like those of the picture, {picture.shape} {picture.dtype}: got {pixels.shape} {pixels.dtype}"
        )
    whole = np.dtype((np.void, picture.shape[-1] * picture.itemsize))
    picture.view(whole)[..., 0][where] = np.ascontiguousarray(pixels).view(whole)[:, 0]
