"""Where the ground near the holes is in any other frame, roughly: corners followed from each frame to the next.

Corners are followed there and back by Lucas and Kanade's method (1981), and an affine motion is fitted to them that
ignores outliers (RANSAC, Fischler and Bolles 1981). Chained over the frames these motions are good for a guess.
Motions are matrices (2, 3) from places (x, y, 1) of one frame to places of another, in pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Gray = NDArray[np.uint8]
Matrix = NDArray[np.float64]

SIDE = 256  # px: the frames are made so small for the guess
CORNERS, QUALITY, APART = 150, 0.01, 5  # at most so many, of this share of the best one's strength, so far apart
FEWEST = 8  # corners that an affine motion is believed from
WINDOW = 15  # px: side of what is compared around a corner
BACK = 0.5  # px: a corner that misses its origin by more on the way back is lost
INLIER = 1.0  # px: how far a corner may be from where the motion takes it


@dataclass(frozen=True)
class Seen:
    """What corners are followed on: brightness (h, w), and where (h, w) it is the ground's. The rest is made plain."""

    gray: Gray
    known: Mask

    def __post_init__(self) -> None:
        plain = int(self.gray[self.known].mean()) if self.known.any() else 0
        object.__setattr__(self, "gray", np.where(self.known, self.gray, np.uint8(plain)))

    @cached_property
    def corners(self) -> Array | None:
        """Places (P, 1, 2) px that can be followed, None for none."""
        free = cv2.erode(self.known.astype(np.uint8), np.ones((WINDOW,) * 2, np.uint8), borderValue=1)
        return cv2.goodFeaturesToTrack(self.gray, CORNERS, QUALITY, APART, mask=free)


def chained_motions(pictures: Sequence[Array], known: Sequence[Mask], holes: Sequence[Mask]) -> list[Matrix]:
    """For each frame the motion from the first frame to it, of the ground next to the holes (H, W)."""
    size = np.array(known[0].shape[::-1])
    small = np.maximum(1, np.rint(size * min(1, SIDE / size.max()))).astype(int)
    scale = size / small
    frames = [
        Seen(cv2.resize(gray(picture), small, interpolation=cv2.INTER_AREA), _reduced(mask, small))
        for picture, mask in zip(pictures, known, strict=True)
    ]
    near = _surroundings(cv2.resize(np.any(holes, 0).astype(np.uint8), small, interpolation=cv2.INTER_AREA) > 0)
    motions = [np.eye(3)]
    for before, after in itertools.pairwise(frames):
        step = corner_motion(Seen(before.gray, before.known & near), after)
        step = corner_motion(before, after) if step is None else step
        motions.append((np.eye(3) if step is None else np.vstack([step, [0, 0, 1]])) @ motions[-1])
    up = np.array([[scale[0], 0, (scale[0] - 1) / 2], [0, scale[1], (scale[1] - 1) / 2], [0, 0, 1]])
    return [(up @ motion @ np.linalg.inv(up))[:2] for motion in motions]


def corrected(guess: Matrix, first: Seen, second: Seen) -> Matrix:
    """The motion from `first` to `second` by their corners, which `guess` gives roughly; `guess` where there are too few."""
    size, how = first.gray.shape[::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(second.gray, guess, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpAffine(second.known.astype(np.float32), guess, size, flags=how) > 0.999
    rest = corner_motion(first, Seen(there, known))
    return guess if rest is None else guess[:, :2] @ rest + np.array([[0, 0, 1]]) * guess[:, 2:]


def corner_motion(first: Seen, second: Seen) -> Matrix | None:
    """The affine motion of the ground between two pictures of one size by their corners; None where there are too few."""
    corners = first.corners
    if corners is None or len(corners) < FEWEST:
        return None
    there, tracked = _followed(first.gray, second.gray, corners)
    back, returned = _followed(second.gray, first.gray, there)
    good = tracked & returned & (np.linalg.norm(back - corners, axis=-1).ravel() < BACK)
    corners, there = corners.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
    x, y = np.rint(there).astype(int).T
    shows = (x >= 0) & (y >= 0) & (x < second.known.shape[1]) & (y < second.known.shape[0])
    shows[shows] = second.known[y[shows], x[shows]]
    if shows.sum() < FEWEST:
        return None
    motion, agree = cv2.estimateAffine2D(corners[shows], there[shows], method=cv2.RANSAC, ransacReprojThreshold=INLIER)
    return motion if motion is not None and agree.sum() >= FEWEST else None


def _followed(first: Gray, second: Gray, corners: Array) -> tuple[Array, Mask]:
    """Where corners (P, 1, 2) of the first picture are in the second, the same shape, and which (P,) were followed."""
    stop = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.03
    there, tracked, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=(WINDOW, WINDOW), criteria=stop)
    return there, tracked.ravel().astype(bool)


def gray(picture: Array) -> Gray:
    """Brightness (H, W) in 0 to 255 of a picture (H, W, 3) in [0, 1]."""
    return np.rint(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).clip(0, 1) * 255).astype(np.uint8)


def _reduced(mask: Mask, size: NDArray[np.int_]) -> Mask:
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999


def _surroundings(mask: Mask) -> Mask:
    """The mask's box and as much again around it."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    margin = max(np.ptp(rows), np.ptp(columns), SIDE // 8)
    near = np.zeros_like(mask)
    near[max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, columns[0] - margin) : columns[-1] + margin + 1] = True
    return near
