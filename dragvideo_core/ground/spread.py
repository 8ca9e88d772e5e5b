"""Values known in some places continued smoothly to all others."""

from __future__ import annotations

import cv2
import numpy as np

from .camera import Array


def spread(values: Array, weight: Array) -> Array:
    """Values (h, w, C) known where `weight` (h, w) is 1, smoothly continued to everywhere (pull and push: Gortler 1996)."""
    sums, weights = [values * _wide(weight, values)], [weight]
    while min(weights[-1].shape) > 1 or max(weights[-1].shape) > 2:
        weights.append(cv2.pyrDown(weights[-1]))
        sums.append(cv2.pyrDown(sums[-1]).reshape(*weights[-1].shape, -1))
        if len(weights) > 12:
            break
    result = sums[-1] / np.maximum(weights[-1], 1e-6)[..., None]
    for total, share in zip(sums[-2::-1], weights[-2::-1], strict=True):
        size = share.shape[1], share.shape[0]
        above = cv2.resize(result, size, interpolation=cv2.INTER_LINEAR).reshape(*share.shape, -1)
        sure = np.minimum(share, 1)
        result = total * _wide(sure / np.maximum(share, 1e-6), total) + above * _wide(1 - sure, total)
    return result.astype(np.float32, copy=False)


def _wide(shares: np.ndarray, like: np.ndarray) -> Array:
    """Shares (h, w) repeated for each value of `like` (h, w, C): numpy is slow where `shares[..., None]` is broadcast."""
    return cv2.merge([shares] * like.shape[2]).reshape(like.shape)
