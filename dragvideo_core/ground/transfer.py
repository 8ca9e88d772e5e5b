"""Ground of one frame taken from another: sampled once, and put right in brightness where it meets what is there."""

from __future__ import annotations

from functools import reduce

import cv2
import numpy as np

from .camera import Array, Mask
from .spread import spread

WHOLE = 0.1  # px: a motion that is nearer than this to a shift by whole pixels is one, and nothing is interpolated
REACH = 2  # px: the cubic kernel reads so far around a place
LARGE = 64  # px: in a box whose shorter side is a multiple of this a change of light is continued on blocks so large
MOST = 0.25  # of brightness: a larger difference at the rim is another thing and not another light


def sampled(source: Array, usable: Mask, places: Array) -> tuple[Array, Mask]:
    """What `source` (H, W, 3) shows at places (h, w, 2): (h, w, 3), and where it does. Only `usable` (H, W) pixels are read."""
    height, width = places.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    shifts = places[..., 0] - x, places[..., 1] - y
    right, down = (int(np.rint(shift.mean())) for shift in shifts)
    if max(np.abs(shifts[0] - right).max(), np.abs(shifts[1] - down).max()) < WHOLE:
        columns, rows = np.arange(width) + right, np.arange(height)[:, None] + down
        inside = (columns >= 0) & (rows >= 0) & (columns < source.shape[1]) & (rows < source.shape[0])
        columns, rows = columns.clip(0, source.shape[1] - 1), rows.clip(0, source.shape[0] - 1)
        return source[rows, columns], inside & usable[rows, columns]
    map_x, map_y = (np.ascontiguousarray(places[..., k]) for k in (0, 1))
    picture = cv2.remap(source, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    solid = cv2.erode(usable.astype(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=1).astype(np.float32)
    shows = cv2.remap(solid, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0) > 0.999
    return picture.clip(0, 1), shows


def light(source: Array, usable: Mask, places: Array, wanted: Array, known: Mask) -> Array:
    """What `source` (H, W, 3) lacks to have the light of `wanted` (h, w, 3): (h, w, 3), continued smoothly from the pixels where
    both are right: `usable` (H, W) and `known` (h, w). places: (h', w', 2), of the wanted picture's rows and columns those that
    are asked for by `every`.
    """
    step = every(known)
    some = np.s_[::step, ::step]
    if step == 1:
        shown, shows = sampled(source, usable, places)
    else:
        map_x, map_y = (np.ascontiguousarray(places[..., k]) for k in (0, 1))
        shown = cv2.remap(source, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shows = cv2.remap(usable.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) > 0.999
    gap = _gap(shown, shows, wanted[some], known[some])
    return cv2.resize(gap, known.shape[::-1], interpolation=cv2.INTER_LINEAR)


def every(known: Mask) -> int:
    """Of a picture of this size (h, w) the light is compared in every so many rows and columns."""
    return max(1, _times(known) // 2)


def matched(picture: Array, wanted: Array, known: Mask) -> Array:
    """`picture` (h, w, 3) with its light made that of `wanted` (h, w, 3), smoothly, from the pixels that are `known`."""
    return (picture + _gap(picture, np.ones_like(known), wanted, known)).clip(0, 1)


def _gap(picture: Array, shows: Mask, wanted: Array, known: Mask) -> Array:
    """What the picture (h, w, 3) lacks to be the wanted one where both are right, continued smoothly; 0 if they are nowhere."""
    same = shows & known & (reduce(cv2.max, cv2.split(cv2.absdiff(wanted, picture))) < MOST)  # `max(-1)` is slow over three values
    return _continued(wanted - picture, same.astype(np.float32))


def _times(mask: Array | Mask) -> int:
    """The side, in pixels, of the blocks that a change of light is worked out on."""
    return max(1, min(mask.shape) // LARGE)


def _continued(gap: Array, weight: Array) -> Array:
    """Differences (h, w, 3) where `weight` (h, w) is 1, continued to everywhere; in a large picture worked out on blocks."""
    (height, width), times = weight.shape, _times(weight)
    if times == 1:
        return spread(gap, weight)
    size = width // times, height // times
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    counted = gap * cv2.merge([weight] * 3)  # numpy is slow where `weight[..., None]` is broadcast
    means = cv2.resize(counted, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
    return cv2.resize(spread(means, share), (width, height), interpolation=cv2.INTER_LINEAR)
