"""Hard cuts: where one shot of a film ends and the next begins.

Two measures of each pair of neighbouring frames, both at a few hundred pixels: how much the histograms of colour differ,
and how much the pictures do after the best small shift. Motion, zoom and noise change the picture but hardly the
histogram, flashes and exposure the histogram but not where the edges are; a cut changes both, much more than the frames
around it do (the adaptive threshold over neighbours is that of PySceneDetect's AdaptiveDetector).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

import numpy as np

SIDE = 48  # px of the small copy's short side
NEIGHBOURS = 4  # pairs before and after that a change is compared with
LEAST = 0.22  # change from 0 to 1 that may be a cut at all
TIMES = 2.5  # as much as the neighbours' largest but one, for a cut among moving pictures
_BINS = 8  # of the histogram, per channel
_REACH = 3  # px of the small copy


def cuts(frames: Iterable[np.ndarray]) -> Iterator[int]:
    """The numbers of the frames (each RGB (H, W, 3), uint8 or uint16) that begin a new shot; never 0. Each comes as soon
    as `NEIGHBOURS` frames more have been seen; no more than small copies of two frames are kept."""
    changes: deque[tuple[int, float]] = deque(maxlen=2 * NEIGHBOURS + 1)
    before = None
    for index, frame in enumerate(frames):
        small = _small(frame)
        if before is not None:
            changes.append((index, change(before, small)))
            if len(changes) > NEIGHBOURS and _is_cut(changes, len(changes) - 1 - NEIGHBOURS):
                yield changes[len(changes) - 1 - NEIGHBOURS][0]
        before = small
    for place in range(max(0, len(changes) - NEIGHBOURS), len(changes)):
        if _is_cut(changes, place):
            yield changes[place][0]


def shot_around(frames: Sequence[np.ndarray], index: int) -> range:
    """The numbers of the frames of the shot that frame `index` belongs to; frames as those of `cuts`."""
    starts = [0, *cuts(frames), len(frames)]
    place = max(i for i, start in enumerate(starts[:-1]) if start <= index)
    return range(starts[place], starts[place + 1])


def change(before: np.ndarray, after: np.ndarray) -> float:
    """How different two small copies (H, W, 3) in [0, 1] are: 0 = the same, 1 = nothing in common. The geometric mean of
    the histograms' distance and of one minus the correlation after the best shift; 0 where that is too small to matter."""
    distance = 0.5 * float(np.abs(_histogram(before) - _histogram(after)).sum())
    if np.sqrt(distance) < LEAST / TIMES:  # neither a cut nor so large that it could hide one
        return 0.0
    return float(np.sqrt(distance * (1.0 - max(0.0, _best_correlation(before.mean(-1), after.mean(-1))))))


def _is_cut(changes: deque[tuple[int, float]], place: int) -> bool:
    value = changes[place][1]
    near = sorted(other for at, (_, other) in enumerate(changes) if at != place and abs(at - place) <= NEIGHBOURS)
    usual = near[-2] if len(near) > 1 else 0.0  # a second cut nearby is no reason to miss this one
    return value >= LEAST and value >= TIMES * usual


def _small(frame: np.ndarray) -> np.ndarray:
    """Means over blocks of every few pixels: about `SIDE` px on the short side, float32 in [0, 1]."""
    every = max(1, min(frame.shape[:2]) // (4 * SIDE))
    frame = frame[::every, ::every]
    step = max(1, min(frame.shape[:2]) // SIDE)
    height, width = frame.shape[0] // step, frame.shape[1] // step
    whole = frame[: height * step, : width * step].astype(np.float32)
    rows = reduce(np.add, (whole[i::step] for i in range(step)))  # a mean over two axes is slow
    total = reduce(np.add, (rows[:, i::step] for i in range(step)))
    return total / np.float32(step**2 * np.iinfo(frame.dtype).max)


def _histogram(picture: np.ndarray) -> np.ndarray:
    """Shares of all pixels, per channel of luma and two colour differences, each bin shared with its neighbour so that a
    small change of light moves little: (3 * _BINS,), the sum is 1."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    luma = 0.3 * red + 0.6 * green + 0.1 * blue
    channels = luma, (red - luma + 1) / 2, (blue - luma + 1) / 2
    made = []
    for values in channels:
        place = np.clip(values.ravel(), 0, 1) * (_BINS - 1)
        low = np.floor(place).astype(int)
        share = place - low
        counts = np.bincount(low, 1 - share, _BINS + 1) + np.bincount(low + 1, share, _BINS + 1)
        made.append(counts[:_BINS] / len(place) / len(channels))
    return np.concatenate(made)


def _best_correlation(before: np.ndarray, after: np.ndarray) -> float:
    """The correlation of two pictures (H, W) at the shift of up to `_REACH` px at which it is largest; 1 of flat ones."""
    r = _REACH
    inner = before[r:-r, r:-r] - before[r:-r, r:-r].mean()
    best = -1.0
    for dy in range(2 * r + 1):
        for dx in range(2 * r + 1):
            other = after[dy : dy + inner.shape[0], dx : dx + inner.shape[1]]
            other = other - other.mean()
            spread = float(np.sqrt((inner**2).sum() * (other**2).sum()))
            if spread < 1e-4 * inner.size:  # flat: only its colour says anything
                return 0.0
            best = max(best, float((inner * other).sum()) / spread)
    return best
