"""How the ground moves between two frames, measured where the ground can be seen.

First the camera's motion from each frame to the next: corners are followed by Lucas and Kanade's method (1981), and an
affine motion is fitted to them that ignores outliers (RANSAC). Chained, these motions say about where a place of one
frame lies in any other. Then, for the two frames and the hole at hand, the affine motion is refined directly on the
pixels around the hole (Gauss-Newton on brightness, Tukey's weights: Black and Anandan 1996). So the ground near the
hole decides and not the whole picture, which is what parallax asks for, and no error of the chain is left.

Places are (x, y) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]
Box = tuple[slice, slice]

CORNERS, CORNER_QUALITY, CORNER_GAP = 400, 0.01, 5  # at most so many, of this share of the best one's strength, so far apart
FEWEST = 8  # corners that a camera's motion is believed from
NEAR_COVERED = 5  # px around covered pixels in which no corner is looked for: its window would see the thing
SIGMAS = (2.5, 0.7)  # px: blur of the two levels on which a motion is refined, coarse first
MOST_PIXELS = 6000  # looked at on each level
ROUNDS, STILL = 12, 0.01  # Gauss-Newton rounds at most; fewer where the next one moves the hole by less than so many px
GAINS = 0.8, 1.25  # of brightness between two frames
NOISE = 1.5 / 255  # brightness: differences below this are taken for noise


LIKENESS = 0.6  # ground around a hole must differ less between two frames than this share of its contrast
SAME = 2.5 / 255  # brightness, root mean square: frames that differ less are alike whatever the contrast
OUTLIER = 0.15  # brightness: larger differences count as this one


@dataclass(frozen=True)
class Motion:
    """An affine motion from one frame to another."""

    matrix: Matrix  # (2, 3)
    is_alike: bool = True  # do the two frames look alike there

    def apply(self, places: NDArray) -> NDArray[np.float64]:
        """Places (..., 2) of the one frame in the other."""
        return places @ self.matrix[:, :2].T + self.matrix[:, 2]


class GroundMotions:
    """Motions between any two frames; each is measured when it is first asked for, and kept."""

    def __init__(self, pictures: Sequence[Array], known: Sequence[Mask]):
        """Pictures (H, W, 3) in [0, 1], and where (H, W) each shows ground."""
        self._pictures, self._known = pictures, known
        self._looks: dict[int, _Look] = {}
        self._measured: dict[tuple, Motion] = {}
        self._from_first = _camera_motions(pictures, known)

    def guess(self, i: int, j: int) -> Motion:
        """From frame i to frame j by the camera's motion alone."""
        return Motion((self._from_first[j] @ np.linalg.inv(self._from_first[i]))[:2])

    def between(self, i: int, j: int, box: Box) -> Motion:
        """From frame i to frame j, by what shows in the `box` (rows, columns) of frame i."""
        key = i, j, *((side.start, side.stop) for side in box)
        if key not in self._measured:
            self._measured[key] = _refined(self._look(i), self._look(j), self.guess(i, j), box)
        return self._measured[key]

    def _look(self, i: int) -> _Look:
        if i not in self._looks:
            self._looks[i] = _look(self._pictures[i], self._known[i])
        return self._looks[i]


@dataclass(frozen=True)
class _Look:
    """What is compared of one frame: on each level its brightness and the slope of it, and where the ground shows."""

    gray: tuple[Array, ...]  # (H, W) each
    slope: tuple[Array, ...]  # (H, W, 2) each, per px
    clear: tuple[Array, ...]  # (H, W) each: 1 where nothing covered is near enough to be seen through the blur


def _look(picture: Array, known: Mask) -> _Look:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    known = known.astype(np.float32)
    grays, slopes, clear = [], [], []
    for sigma in SIGMAS:
        share = cv2.GaussianBlur(known, (0, 0), sigma)
        blurred = cv2.GaussianBlur(gray * known, (0, 0), sigma) / np.maximum(share, 1e-3)
        grays.append(blurred)
        slopes.append(np.stack([cv2.Scharr(blurred, cv2.CV_32F, dx, 1 - dx, scale=1 / 32) for dx in (1, 0)], -1))
        clear.append(cv2.erode(known, np.ones((3, 3), np.uint8)))
    return _Look(tuple(grays), tuple(slopes), tuple(clear))


def _camera_motions(pictures: Sequence[Array], known: Sequence[Mask]) -> list[Matrix]:
    """For each frame the motion (3, 3) from the first frame to it, chained over the frames between."""
    grays = [np.rint(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).clip(0, 1) * 255).astype(np.uint8) for picture in pictures]
    motions = [np.eye(3)]
    for i in range(1, len(grays)):
        motions.append(_step(grays[i - 1], grays[i], known[i - 1], known[i]) @ motions[-1])
    return motions


def _step(first: NDArray[np.uint8], second: NDArray[np.uint8], known: Mask, known_after: Mask) -> Matrix:
    near = np.ones((2 * NEAR_COVERED + 1,) * 2, np.uint8)
    free = cv2.erode(known.astype(np.uint8), near, borderValue=1)
    corners = cv2.goodFeaturesToTrack(first, CORNERS, CORNER_QUALITY, CORNER_GAP, mask=free)
    if corners is None:
        return np.eye(3)
    there, tracked, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(second, first, there, None)
    good = (tracked & returned).ravel().astype(bool) & (np.linalg.norm(back - corners, axis=-1).ravel() < 0.5)
    corners, there = corners.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
    x, y = there.round().astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < second.shape[1]) & (y < second.shape[0])
    inside[inside] = known_after[y[inside], x[inside]]
    corners, there = corners[inside], there[inside]
    if len(corners) < FEWEST:
        return _shift(np.median(there - corners, axis=0)) if len(corners) else np.eye(3)
    fitted, _ = cv2.estimateAffine2D(corners, there, method=cv2.RANSAC, ransacReprojThreshold=1.0)
    return np.eye(3) if fitted is None else np.vstack([fitted, [0, 0, 1]])


def _shift(by: NDArray[np.float32]) -> Matrix:
    motion = np.eye(3)
    motion[:2, 2] = by
    return motion


def _refined(target: _Look, source: _Look, guess: Motion, box: Box) -> Motion:
    """The motion from `target` to `source`, fitted to what both show in `box` (rows, columns) of the target."""
    rows, columns = box
    middle = np.array([(columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2])
    half = max(columns.stop - columns.start, rows.stop - rows.start) / 2
    linear = guess.matrix[:, :2] * half  # of coordinates that run from -1 to 1 in the box
    move = guess.matrix[:, :2] @ middle + guess.matrix[:, 2]
    gain = 1.0
    for level in range(len(SIGMAS)):
        y, x = np.nonzero(target.clear[level][box])
        step = max(1, len(x) // MOST_PIXELS)
        y, x = y[::step] + rows.start, x[::step] + columns.start
        unit = (np.stack([x, y], -1) - middle) / half
        wanted = target.gray[level][y, x]
        for _ in range(ROUNDS):
            place = (unit @ linear.T + move).astype(np.float32)
            clear = _sample(source.clear[level], place, outside=0) > 0.999
            if clear.sum() < 4 * FEWEST:
                return Motion(guess.matrix, is_alike=False)
            got = _sample(source.gray[level], place)
            slope, at = _sample(source.slope[level], place)[clear], unit[clear]
            shown = got[clear]
            gap = wanted[clear] - gain * shown
            light = float(np.median(gap))
            gap = gap - light
            spread = max(1.4826 * float(np.median(np.abs(gap))), NOISE)
            weight = np.square(np.clip(1 - np.square(gap / (4.685 * spread)), 0, None))
            jacobian = np.concatenate(
                [slope[:, :1] * at, slope[:, :1], slope[:, 1:] * at, slope[:, 1:], shown[:, None] - shown.mean()], -1
            )
            weighted = jacobian * weight[:, None]
            normal = weighted.T @ jacobian
            damping = 1e-3 * np.diag(normal).max() + len(at) * 1e-7
            change = np.linalg.solve(normal + damping * np.eye(7), weighted.T @ gap)
            gain = float(np.clip(gain + change[6], *GAINS))
            change = change[:6].reshape(2, 3)
            linear, move = linear + change[:, :2], move + change[:, 2]
            if np.abs(change).sum(1).max() < STILL:
                break
    matrix = np.concatenate([linear / half, (move - linear / half @ middle)[:, None]], 1)
    return Motion(matrix, _alike(wanted[clear], gap))


def _alike(wanted: Array, gap: Array) -> bool:
    differs = np.sqrt(np.square(np.clip(gap, -OUTLIER, OUTLIER)).mean())
    contrast = np.sqrt(np.square(np.clip(wanted - np.median(wanted), -OUTLIER, OUTLIER)).mean())
    return bool(differs <= max(LIKENESS * contrast, SAME))


def _sample(values: Array, places: Array, outside: float | None = None) -> Array:
    """Bilinear, at places (P, 2): (P,) or (P, C). Outside of the picture the border's value, or `outside`."""
    mode = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    got = cv2.remap(values, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=mode, borderValue=outside or 0)
    return got[0]
