"""From a region with a hard edge to a matte: how much of each pixel the thing covers, where its edge really runs.

Within a narrow band along the edge the matte is the guided filter's (He, Sun and Tang 2010): near each pixel the matte that
is linear in the picture's colours and fits the region best. Elsewhere the region stays as it is.
"""

from __future__ import annotations

import math

import numpy as np

from .pixels import Coverage, Picture, box_of, grown, opencv

BAND = 1.5  # px on each side of the edge at 256 px, more in larger pictures
REFERENCE = 256  # px, short side
REACH = 2  # half side of the filter's window, in bands
COARSE = 3  # px of that half side, each, for which the filter's lines are fitted on a picture made smaller by so many times
SMOOTH = 1e-4  # the filter's epsilon: squared colour differences below this, of colours in [0, 1], are no edge


def matte(picture: Picture, region: Coverage) -> Coverage:
    """The matte (H, W) of a region (H, W) in [0, 1]; 0 and 1 stay exact away from the edge."""
    inside = region >= 0.5
    if not inside.any() or inside.all():
        return region
    reach = BAND * max(1.0, min(region.shape) / REFERENCE)
    near = box_of(inside, 0, math.ceil(reach) + 1)
    band = np.zeros_like(inside)
    band[near] = grown(inside[near], reach) & grown(~inside[near], reach)
    rows, columns = box_of(band, 0.1)
    fitted = _guided(picture[rows, columns].astype(np.float32) / 255, region[rows, columns], round(REACH * reach))
    answer = inside.astype(np.float32)
    answer[rows, columns] = np.where(band[rows, columns], fitted.clip(0, 1), answer[rows, columns])
    return answer


def _guided(picture: np.ndarray, region: Coverage, radius: int) -> np.ndarray:
    """The guided filter with a colour guide (H, W, 3) in [0, 1], Eqs. 19 to 21 of the extended paper (2013).

    With a large window the lines are fitted on smaller pictures (the fast guided filter: He and Sun 2015).
    """
    cv2 = opencv()
    times = max(1, radius // COARSE)
    if times == 1:
        slope, rest = _lines(picture, region, radius)
    else:
        height, width = region.shape
        size = -(-width // times), -(-height // times)
        guide, small = (cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (picture, region))
        lines = cv2.merge(_lines(guide, small, round(radius / times)))
        lines = cv2.resize(lines, (width, height), interpolation=cv2.INTER_LINEAR)
        slope, rest = lines[..., :3], lines[..., 3]
    return _product(slope, picture) + rest


def _lines(picture: np.ndarray, region: Coverage, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """The guided filter's line of each pixel, averaged: how the region goes with the colours (h, w, 3), and the rest (h, w)."""
    cv2 = opencv()

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1))

    average, target = mean(picture), mean(region)
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    xx, xy, xz, yy, yz, zz = (
        mean(picture[..., a] * picture[..., b]) - average[..., a] * average[..., b] + (SMOOTH if a == b else 0) for a, b in pairs
    )
    joint = mean(picture * region[..., None]) - average * target[..., None]
    # the inverse of each pixel's symmetric 3 x 3 matrix by cofactors: far faster than a solver called for every pixel
    minors = cv2.merge([yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy])
    rest = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    rows = minors, cv2.merge([minors[..., 1], *rest[:2]]), cv2.merge([minors[..., 2], *rest[1:]])
    determinant = xx * minors[..., 0] + xy * minors[..., 1] + xz * minors[..., 2]
    slope = cv2.merge([_product(row, joint) for row in rows]) / determinant[..., None]
    return mean(slope), mean(target - _product(slope, average))


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The sum of the products of the channels of two arrays (H, W, 3): `sum(-1)` is slow over three values."""
    return one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1] + one[..., 2] * other[..., 2]
