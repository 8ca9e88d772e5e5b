"""Where the ground around a hole lies in another frame, to a fraction of a pixel, and where the two frames look alike.

The guess of the camera's motion is put right by the corners around the hole, then on the brightness of all that shows
there (an affine motion by Gauss-Newton with Tukey's weights: Black and Anandan 1996, and a change of light). What is
left, parallax mostly, is measured around the hole as optical flow and continued smoothly into it. So the ground near
the hole decides and not the whole picture, and no error of the chain of frames is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from . import camera
from .camera import Array, Mask, Matrix, Seen
from .passing import passing
from .pictures import Box, Picture, as_floats
from .spread import spread

LARGE = 160  # px: pictures whose shorter side is a multiple of this are compared made smaller so many times
REACH = 24  # px: so far around a guessed place the ground is looked for
SIGMAS = (2.5, 0.7)  # px: blur of the two levels on which a motion is refined, coarse first
MOST_PIXELS = 3000  # looked at on each level
ROUNDS, STILL = 8, 0.03  # Gauss-Newton rounds at most; fewer where the next one moves the hole by less than so many px
EXACT = 0.05  # px
GAINS = 0.8, 1.25  # of brightness between two frames
NOISE = 1.5 / 255  # brightness: differences below this are taken for noise
FEWEST = 50  # pixels that must be seen in both frames
AGREE, MOST_BEND, SMOOTH = 0.5, 6.0, 3.0  # px: flow there and back differs by less, is shorter; how far it is averaged
BETTER = 0.9  # the bend is taken if it leaves less than this share of the difference
DETAIL = 5.0  # px: what a blur by so much takes away is detail, which a smooth fill would not have
LIKENESS = 1.0  # frames are alike if they differ (squared) by less than this times the detail
SAME = 2.5 / 255  # or by less than this
COARSE = 3  # px: likeness is judged for blocks of this side
OUTLIER = 0.15  # brightness: larger differences count as this one


@dataclass(frozen=True)
class Match:
    """Where the ground of a box of one frame lies in another, known for pixels that are so many `times` as large."""

    shift: Array  # (h, w, 2) px: how far away
    same: Mask  # (h, w): the two frames look alike around there
    rows: slice  # of the large pixels
    columns: slice
    times: int

    def places(self, rows: np.ndarray, columns: np.ndarray) -> Array:
        """Where the pixels in these rows (R,) and columns (C,) of the one frame are in the other, (R, C, 2) px."""
        down, across = self._inside(rows, self.rows), self._inside(columns, self.columns)
        moved = (
            _sampled(self.shift, _grid(across, down))
            if self.times > 1
            else self.shift[np.ix_(down.astype(int), across.astype(int))]
        )
        return _grid(columns.astype(np.float32), rows.astype(np.float32)) + np.float32(self.times) * moved

    def alike(self, rows: np.ndarray, columns: np.ndarray) -> Mask:
        """Whether the two frames look alike around the pixels in these rows (R,) and columns (C,), (R, C)."""
        lines = zip((self._inside(rows, self.rows), self._inside(columns, self.columns)), self.same.shape, strict=True)
        return self.same[np.ix_(*(np.rint(line).astype(int).clip(0, most - 1) for line, most in lines))]

    def _inside(self, line: np.ndarray, side: slice) -> Array:
        """Rows or columns of the frame as those of the match."""
        return ((line.astype(np.float32) + np.float32(0.5)) / self.times - 0.5 - side.start).astype(np.float32)


class GroundMotions:
    """Matches between any two frames; each is made when it is first asked for, and kept."""

    def __init__(self, pictures: Sequence[Picture], known: Sequence[Mask], holes: Sequence[Mask]):
        """Pictures (H, W, 3), where (H, W) each shows ground, and where (H, W) the ground is wanted."""
        self._times = times = max(1, min(known[0].shape) // LARGE)
        self._pictures = [as_floats(_smaller(picture, times)) for picture in pictures]
        self._known = [_blocks(np.logical_and, mask, times) for mask in known]
        holes = [_blocks(np.logical_or, mask, times) for mask in holes]
        self._matches: dict[tuple, Match | None] = {}
        self._latest: tuple[int, Box, _Look] | None = None
        motions = camera.chained_motions(self._pictures, self._known, holes)
        self._from_first = [np.vstack([motion, [0, 0, 1]]) for motion in motions]
        self._to_first = [np.linalg.inv(motion) for motion in self._from_first]
        self._passing = passing(self._pictures, self._known, self._from_first)
        self._known = [one & ~other for one, other in zip(self._known, self._passing, strict=True)]

    def without_passing(self, known: Sequence[Mask]) -> list[Mask]:
        """Where pictures show ground, (H, W) each, without what passes over it (`passing.py`)."""
        return [one & ~_enlarged(other, one.shape) if other.any() else one for one, other in zip(known, self._passing, strict=True)]

    def guess(self, i: int, j: int) -> Matrix:
        """From frame i to frame j by the camera's motion alone, (2, 3)."""
        matrix, shift = self._guess(i, j), (self._times - 1) / 2
        moved = self._times * matrix[:, 2] + shift - matrix[:, :2].sum(1) * shift
        return np.concatenate([matrix[:, :2], moved[:, None]], 1)

    def between(self, i: int, j: int, box: Box) -> Match | None:
        """Where the ground in the `box` of frame i lies in frame j; None where that cannot be said."""
        key = i, j, *((side.start, side.stop) for side in box)
        if key not in self._matches:
            size, times = self._known[i].shape, self._times
            rows, columns = (
                slice(min(side.start // times, most - 1), min(-(-side.stop // times), most))
                for side, most in zip(box, size, strict=True)
            )
            self._matches[key] = self._between(i, j, (rows, columns))
        return self._matches[key]

    def _guess(self, i: int, j: int) -> Matrix:
        """The same in pixels of the pictures that are compared."""
        return (self._from_first[j] @ self._to_first[i])[:2]

    def _between(self, i: int, j: int, box: Box) -> Match | None:
        there = _around(move(self._guess(i, j), _corners(box)), self._known[j].shape)
        if there is None:
            return None
        found = _match(self._target(i, box), _Look(self._pictures[j], self._known[j], there), self._guess(i, j))
        if found is None:
            return None
        places, alike = found
        y, x = (np.arange(side.start, side.stop, dtype=np.float32) for side in box)
        return Match(places - _grid(x, y), alike, *box, self._times)

    def _target(self, i: int, box: Box) -> _Look:
        """The look of the latest target, which is compared with several frames in turn."""
        if self._latest is None or self._latest[:2] != (i, box):
            self._latest = i, box, _Look(self._pictures[i], self._known[i], box)
        return self._latest[2]


def move(matrix: Matrix, places: np.ndarray) -> np.ndarray:
    """Places (..., 2) of the one frame in the other."""
    return places @ matrix[:, :2].T + matrix[:, 2]


def _smaller(picture: Picture, times: int) -> Picture:
    """A picture (H, W) or (H, W, 3), made smaller by a whole number; what is left over at the right and below goes."""
    height, width = picture.shape[0] // times, picture.shape[1] // times
    part = picture[: height * times, : width * times]
    return part if times == 1 else cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_AREA)


def _blocks(joined: np.ufunc, mask: Mask, times: int) -> Mask:
    """A mask (H, W) made smaller as `_smaller` does it: what its pixels say, `joined`."""
    height, width = mask.shape[0] // times, mask.shape[1] // times
    lines = joined.reduce(mask[: height * times, : width * times].reshape(height, times, -1), axis=1)
    return joined.reduce(lines.reshape(height, width, times), axis=2)


def _enlarged(mask: Mask, size: tuple[int, ...]) -> Mask:
    """A mask of a picture made smaller, for the picture itself, of this size (H, W)."""
    times = size[0] // mask.shape[0]
    large = np.repeat(np.repeat(mask, times, 0), times, 1)
    return np.pad(large, [(0, side - own) for side, own in zip(size, large.shape, strict=True)], mode="edge")


def _grid(x: Array, y: Array) -> Array:
    """Places (h, w, 2) of columns x (w,) and rows y (h,)."""
    return cv2.merge([np.repeat(x[None], len(y), 0), np.repeat(y[:, None], len(x), 1)])


class _Look:
    """What is compared of one box of a frame; places count from its upper left corner."""

    def __init__(self, picture: Array, known: Mask, box: Box):
        self.origin = np.array([box[1].start, box[0].start])
        self.seen = Seen(camera.gray(picture[box]), known[box])
        gray, share = self.seen.gray.astype(np.float32) / np.float32(255), known[box].astype(np.float32)
        self.gray = [_blurred(gray, share, sigma) for sigma in SIGMAS]
        self.slope = [cv2.merge([cv2.Scharr(level, cv2.CV_32F, dx, 1 - dx, scale=1 / 32) for dx in (1, 0)]) for level in self.gray]
        self.clear = cv2.erode(share, np.ones((5, 5), np.uint8), borderValue=0)  # 1: all that the finer blur reads is ground

    @cached_property
    def looks(self) -> list[Array]:
        """What a motion is refined by, of each level: `clear`, brightness and its two slopes, (h, w, 4), read at once."""
        return [cv2.merge([self.clear, *levels]) for levels in zip(self.gray, self.slope, strict=True)]

    @cached_property
    def noise(self) -> float:
        """A difference in brightness that a motion wrong by EXACT px makes: less cannot be told from none."""
        return EXACT * float(np.abs(self.slope[-1][self.clear > 0]).mean()) if self.clear.any() else 0.0


def _match(target: _Look, source: _Look, guess: Matrix) -> tuple[Array, Mask] | None:
    """Where the target's pixels lie in the source's frame, (h, w, 2) px, and where (h, w) both look alike."""
    local = np.concatenate([guess[:, :2], (move(guess, target.origin) - source.origin)[:, None]], 1)
    height, width = target.clear.shape
    grid = _grid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    shift = np.rint(move(local, np.array([width, height]) / 2) - np.array([width, height]) / 2).astype(np.float32)
    places, compared = grid + shift, _compared(target, source, grid + shift, 1.0, 0.0)
    if _difference(target, *compared) > target.noise:  # a still camera needs no more
        refined = _refined(target, source, camera.corrected(local, target.seen, source.seen))
        if refined is None:
            return None
        matrix, gain, light = refined
        places = move(matrix, grid).astype(np.float32)
        compared = _compared(target, source, places, gain, light)
        left = _difference(target, *compared)
        if left > target.noise:
            bent_places = (places + _bend(target, *compared) @ matrix[:, :2].T).astype(np.float32)
            bent = _compared(target, source, bent_places, gain, light)
            if _difference(target, *bent) < BETTER * left:
                places, compared = bent_places, bent
    return places + source.origin.astype(np.float32), _alike(target, *compared)


def _refined(target: _Look, source: _Look, matrix: Matrix) -> tuple[Matrix, float, float] | None:
    """The affine motion fitted to all that both boxes show, and the target's brightness as gain * the source's + light."""
    height, width = target.clear.shape
    middle, half = np.array([(width - 1) / 2, (height - 1) / 2]), max(width, height) / 2
    linear, shift = matrix[:, :2] * half, move(matrix, middle)  # of coordinates that run from -1 to 1 in the box
    y, x = np.nonzero(target.clear)
    step = max(1, len(x) // MOST_PIXELS)
    y, x = y[::step], x[::step]
    unit = ((np.stack([x, y], -1) - middle) / half).astype(np.float32)
    gain, light = 1.0, 0.0
    for level, looks in enumerate(source.looks):
        wanted = target.gray[level][y, x]
        for _ in range(ROUNDS):
            place = unit @ linear.T.astype(np.float32) + shift.astype(np.float32)
            is_clear, *seen = _sampled(looks, place, outside=0).T
            clear = np.flatnonzero(is_clear > 0.999)
            if len(clear) < FEWEST:
                return None
            (shown, across, down), at = (values[clear] for values in seen), unit[clear].T
            gap = wanted[clear] - np.float32(gain) * shown
            light = _median(gap)
            gap -= np.float32(light)
            deviation = max(1.4826 * _median(np.abs(gap)), NOISE)
            weight = np.square(np.maximum(1 - np.square(gap / np.float32(4.685 * deviation)), 0))
            jacobian = np.stack([across * at[0], across * at[1], across, down * at[0], down * at[1], down, shown - shown.mean()])
            weighted = jacobian * weight
            normal = (weighted @ jacobian.T).astype(np.float64)
            diagonal = np.diag(normal)
            damping = 1e-3 * diagonal + 1e-4 * diagonal.max() + 1e-7 * len(clear)
            change = np.linalg.solve(normal + np.diag(damping), (weighted @ gap).astype(np.float64))
            gain = float(np.clip(gain + change[6], *GAINS))
            change = change[:6].reshape(2, 3)
            linear, shift = linear + change[:, :2], shift + change[:, 2]
            if np.abs(change).sum(1).max() < STILL:
                break
    return np.concatenate([linear / half, (shift - linear / half @ middle)[:, None]], 1), gain, light


def _median(values: Array) -> float:
    """The upper median of values (P,): in a third of the time of numpy's."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def _compared(target: _Look, source: _Look, places: Array, gain: float, light: float) -> tuple[Array, Mask]:
    """The source's brightness (h, w) at places (h, w, 2), in the target's light, and where both show ground."""
    shown = gain * _sampled(source.gray[-1], places) + light
    return shown, (target.clear > 0) & (_sampled(source.clear, places, outside=0) > 0.999)


def _bend(target: _Look, shown: Array, both: Mask) -> Array:
    """What is left of the motion, (h, w, 2) px: optical flow where both show ground, continued smoothly."""
    plain = spread(np.where(both, target.gray[-1], 0)[..., None], both.astype(np.float32))[..., 0]
    first, second = (
        np.rint(np.where(both, picture, plain).clip(0, 1) * 255).astype(np.uint8) for picture in (target.gray[-1], shown)
    )
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    there, back = dis.calc(first, second, None), dis.calc(second, first, None)
    height, width = both.shape
    grid = _grid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    returned = there + _sampled(back, grid + there)
    sure = both & (np.hypot(*returned.transpose(2, 0, 1)) < AGREE) & (np.maximum(*np.abs(there).transpose(2, 0, 1)) < MOST_BEND)
    weight = cv2.GaussianBlur(sure.astype(np.float32), (0, 0), SMOOTH)
    smooth = cv2.GaussianBlur(np.where(sure[..., None], there, 0), (0, 0), SMOOTH) / np.maximum(weight, 1e-3)[..., None]
    return spread(np.where(sure[..., None], smooth, 0), sure.astype(np.float32))


def _difference(target: _Look, shown: Array, both: Mask) -> float:
    return float(np.abs(target.gray[-1] - shown)[both].mean()) if both.any() else np.inf


def _alike(target: _Look, shown: Array, both: Mask) -> Mask:
    """Where (h, w) the frames differ around by less than a smooth fill would."""
    share = both.astype(np.float32)
    smooth, counted = cv2.split(cv2.GaussianBlur(cv2.merge([target.gray[-1] * share, share]), (0, 0), DETAIL))
    counted = np.maximum(counted, 1e-3)
    gap, detail = (np.square(np.clip(picture - target.gray[-1], -OUTLIER, OUTLIER)) for picture in (shown, smooth / counted))
    coarse = np.s_[::COARSE, ::COARSE]
    means = cv2.GaussianBlur(cv2.merge([gap * share, detail * share]), (0, 0), DETAIL)[coarse] / counted[coarse][..., None]
    around = spread(means, np.ascontiguousarray(share[coarse]))
    differs, contrast = cv2.resize(around, share.shape[::-1], interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    return differs <= LIKENESS * contrast + SAME**2


def _blurred(values: Array, share: Array, sigma: float) -> Array:
    """Gaussian blur of what `share` (h, w) counts."""
    return cv2.GaussianBlur(values * share, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(share, (0, 0), sigma), 1e-3)


def _sampled(values: Array, places: Array, outside: float | None = None) -> Array:
    """Bilinear, at places (P, 2) or (h, w, 2). Outside of the picture the border's value, or `outside`."""
    flat = places[None] if places.ndim == 2 else places
    mode = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    got = cv2.remap(values, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=mode, borderValue=outside or 0)
    return got[0] if places.ndim == 2 else got


def _corners(box: Box) -> np.ndarray:
    return np.array([[x, y] for y in (box[0].start, box[0].stop - 1) for x in (box[1].start, box[1].stop - 1)], float)


def _around(places: np.ndarray, size: tuple[int, ...]) -> Box | None:
    """The box of pixels around places (P, 2), inside of a picture of this size; None if it lies outside."""
    low = np.maximum(np.floor(places.min(0)).astype(int) - REACH, 0)
    high = np.minimum(np.ceil(places.max(0)).astype(int) + REACH + 1, size[::-1])
    return None if (high - low < 8).any() else (slice(low[1], high[1]), slice(low[0], high[0]))
