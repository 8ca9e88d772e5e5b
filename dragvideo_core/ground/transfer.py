"""Ground of one frame taken from another: sampled once, and put right in brightness where it meets what is there."""

from __future__ import annotations

import cv2
import numpy as np

from .motion import Array, Mask, Motion

WHOLE = 0.1  # px: a motion that is nearer than this to a shift by whole pixels is one, and nothing is interpolated
REACH = 2  # px: the cubic kernel reads so far around a place
MOST = 0.25  # of brightness: a larger difference at the rim is another thing and not another light


def sampled(source: Array, usable: Mask, motion: Motion, box: tuple[slice, slice]) -> tuple[Array, Mask]:
    """What `source` (H, W, 3) shows of the ground in `box` (rows, columns) of the target: (h, w, 3), and where it does.

    `motion` goes from the target to the source. Only `usable` (H, W) pixels are read.
    """
    rows, columns = box
    x, y = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
    place = motion.apply(np.stack([x, y], -1))
    shift = place - np.stack([x, y], -1)
    whole = np.rint(shift.reshape(-1, 2).mean(0))
    if np.abs(shift - whole).max() < WHOLE:
        x, y = x + int(whole[0]), y + int(whole[1])
        inside = (x >= 0) & (y >= 0) & (x < source.shape[1]) & (y < source.shape[0])
        x, y = x.clip(0, source.shape[1] - 1), y.clip(0, source.shape[0] - 1)
        return source[y, x], inside & usable[y, x]
    map_x, map_y = place.astype(np.float32).transpose(2, 0, 1)
    picture = cv2.remap(source, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    solid = cv2.erode(usable.astype(np.float32), np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=1)
    shows = cv2.remap(solid, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0) > 0.999
    return picture.clip(0, 1), shows


def matched(picture: Array, shows: Mask, wanted: Array, known: Mask) -> Array:
    """`picture` (h, w, 3) with its light made that of `wanted` (h, w, 3), smoothly, from the pixels where both are right."""
    both = shows & known
    if not both.any():
        return picture
    gap = np.where(both[..., None], wanted - picture, 0)
    same = both & (np.abs(gap).max(-1) < MOST)
    return (picture + spread(gap, same.astype(np.float32))).clip(0, 1)


def spread(values: Array, weight: Array) -> Array:
    """Values (h, w, C) known where `weight` (h, w) is 1, smoothly continued to everywhere (pull and push: Gortler 1996)."""
    sums, weights = [values * weight[..., None]], [weight]
    while min(weights[-1].shape) > 1 or max(weights[-1].shape) > 2:
        sums.append(cv2.pyrDown(sums[-1]).reshape(*cv2.pyrDown(weights[-1]).shape, -1))
        weights.append(cv2.pyrDown(weights[-1]))
        if len(weights) > 12:
            break
    result = sums[-1] / np.maximum(weights[-1], 1e-6)[..., None]
    for total, share in zip(sums[-2::-1], weights[-2::-1]):
        size = share.shape[1], share.shape[0]
        above = cv2.resize(result, size, interpolation=cv2.INTER_LINEAR).reshape(*share.shape, -1)
        sure = np.minimum(share, 1)[..., None]
        result = np.where(share[..., None] > 0, total / np.maximum(share, 1e-6)[..., None], 0) * sure + above * (1 - sure)
    return result
