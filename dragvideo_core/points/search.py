"""Where points are in another frame that flow has lost: by the look of what is around them, searched for in a wide window.

Flow looks for a thing near to where it was. A thing that moves by more than its own size from frame to frame, or comes out from
behind another one far from where it went in, is not there. So the patch around the points is compared with every place of a window
(sum of squared differences). Single patches look alike by chance. Eight more beside it are searched for on their own, and a
place is believed only where enough of them moved by about as much: several points of the thing agree. The ground beside a thing
moves otherwise, so not all can.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from ..types import size_of
from .flow import opencv
from .sets import REFERENCE

PATCH = 12.0  # px at 512 x 512: a patch goes so far beyond the points
BESIDE = 16.0  # px at 512 x 512 to the middles of the patches beside it
AGREE = 8.0  # px at 512 x 512: their ways differ by less, also where the thing turns a little
VOTES = 3  # of the eight patches beside it that must agree
PEAKS = 2  # places of a window that are looked at: a look-alike may be more alike than the thing itself
RECOGNISED = 0.18  # difference of colour, 0 to 1 and as root mean square, up to which a thing is believed to be what was lost
CLEARLY = 0.5  # of the window's median difference: a place that leaves more is not unlike the others
TAKEN = 1e4  # in the place of a difference: more than that of any two pictures

Corners = tuple[Tensor, Tensor]  # of a part of a picture: the upper left one (2,) px, and the lower right one, which is outside


def look_alikes(here: Tensor, there: Tensor, points: Tensor, expected: Tensor, reach: float) -> list[tuple[float, Tensor]]:
    """The shifts (2,) in whole px, each with the difference that it leaves, that take points (P, 2) px of the picture `here`
    (3, H, W) to places where the picture `there` looks alike. None where nothing is sure.

    expected: (P, 2) px, about where the points are; they are searched for within `reach` px of it. What is around points that
    are spread wider than that is not searched for.
    """
    scale = min(size_of(here)) / REFERENCE
    patch, beside, agree = (max(least, round(size * scale)) for size, least in ((PATCH, 3), (BESIDE, 4), (AGREE, 2)))
    if bool((points.amax(0) - points.amin(0) > reach).any()):
        return []
    corners = points.amin(0).round().long() - patch, points.amax(0).round().long() + patch + 1
    middle, reach = (expected - points).mean(0).round().long(), round(reach)
    one, other = (picture.permute(1, 2, 0).contiguous().numpy() for picture in (here, there))
    differences = _differences(one, other, corners, middle, reach)
    if differences is None:
        return []
    peaks = _peaks(differences, patch // 2)
    if not peaks:
        return []
    ways = []
    for right, down in itertools.product((-beside, 0, beside), repeat=2):
        step = torch.tensor([right, down])
        around = _differences(one, other, (corners[0] + step, corners[1] + step), middle, reach) if right or down else None
        if around is not None:
            ways.append(np.array(_least(around)))
    believed = [peak for peak in peaks if sum(np.abs(way - peak).max() <= agree for way in ways) >= VOTES]
    shifts = [(middle + torch.tensor([column, row]) - reach).to(points.dtype) for row, column in believed]
    return [(float(differences[peak]), shift) for peak, shift in zip(believed, shifts, strict=True)]


def _peaks(differences: np.ndarray, apart: int) -> list[tuple[int, int]]:
    """Rows and columns of the least differences that may be the thing, further than `apart` from one another."""
    left, most, peaks = differences.copy(), min(RECOGNISED**2, CLEARLY * float(np.median(differences))), []
    for _ in range(PEAKS):
        row, column = _least(left)
        if left[row, column] < most:
            peaks.append((row, column))
        left[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = TAKEN
    return peaks


def _differences(here: np.ndarray, there: np.ndarray, corners: Corners, middle: Tensor, reach: int) -> np.ndarray | None:
    """The mean squared difference between a part of a picture (H, W, 3) and the other picture, at each whole shift within `reach`
    of `middle` (2,): (rows, columns), (2 reach + 1) of each. None where the part is not inside of the picture."""
    (left, top), (right, bottom) = (corner.tolist() for corner in corners)
    size = here.shape[:2]
    if min(left, top) < 0 or right > size[1] or bottom > size[0]:
        return None
    x, y = middle.tolist()
    lines = [
        np.arange(low - reach, high + reach).clip(0, side - 1)
        for low, high, side in zip((top + y, left + x), (bottom + y, right + x), size, strict=True)
    ]
    window = there[lines[0][:, None], lines[1]]  # beyond the picture its border goes on
    part = np.ascontiguousarray(here[top:bottom, left:right])
    cv2 = opencv()
    return cv2.matchTemplate(window, part, cv2.TM_SQDIFF) / part.size


def _least(differences: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(int(differences.argmin()), differences.shape)
    return int(row), int(column)
