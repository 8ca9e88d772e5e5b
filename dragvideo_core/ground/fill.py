"""The freed ground: from other frames that show it; made up where none does, of pieces of the ground beside it or smoothly.

Every frame takes its ground straight from the frames that show it, so each pixel is interpolated once at most. What no
frame shows is made up once, in the frame where most of it is missing, and carried from there to the others: the same
place of the ground keeps its look from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from .. import masked
from ..types import OnProgress, UserError, ignore_progress
from .camera import Array, Mask
from .motion import GroundMotions, move
from .pictures import Box, Picture, as_floats, box_around, overlap
from .plate import Plate
from .smooth import Weights, best_weights, smooth_fill
from .stamp import stamped
from .transfer import REACH, every, light, sampled

MARGIN, MARGIN_SHARE = 12, 0.4  # px, and share of the hole's longer side: what is looked at around a hole
MOST_ASKED = 6  # frames
SEEN = 300  # of a hole's pixels are looked for in other frames, to tell which of them show it
FRESH = 0.1  # a frame is asked only if it shows this share of what is still missing
SPECK = 3e-5  # of a picture: for fewer pixels than that no frame is asked, as nobody sees where they are from
READ = REACH + 2  # px around the places that are read
DEAR = 0.05  # a frame one further away must show so much more


@dataclass(frozen=True)
class _Ground:
    """Pictures (H, W, 3) of the frames, and where each shows ground (H, W), the ground that was filled included."""

    pictures: Sequence[Picture]
    known: list[Mask]
    holes: dict[int, Box] = field(default_factory=dict)  # of the frames that are filled: the boxes around their holes
    filled: dict[int, Array] = field(default_factory=dict)  # what is there in these boxes

    def part(self, j: int, box: Box) -> tuple[Array, Mask]:
        """What frame j shows in a box, (h, w, 3) in [0, 1], not to be written to, and where that is ground (h, w)."""
        shared = overlap(box, self.holes[j]) if j in self.holes else None
        return (as_floats(self.pictures[j][box]) if shared is None else self.copy(j, box)), self.known[j][box]

    def copy(self, j: int, box: Box) -> Array:
        """What frame j shows in a box, to write to."""
        part = self.pictures[j][box]
        picture = as_floats(part, np.empty(part.shape, np.float32))
        shared = overlap(box, self.holes[j]) if j in self.holes else None
        if shared is not None:
            here, there = shared
            picture[here] = self.filled[j][there]
        return picture

    def keep(self, j: int, box: Box, picture: Array) -> None:
        """Take over what was filled in a box of frame j."""
        shared = overlap(box, self.holes[j])
        if shared is not None:
            here, there = shared
            self.filled[j][there] = picture[here]


def fill_freed(
    pictures: Sequence[Picture],
    covered: Mask,
    freed: Mask,
    on_progress: OnProgress = ignore_progress,
    plate: Plate | None = None,
) -> tuple[list[Array], Mask]:
    """The ground behind the `freed` (N, H, W) bool pixels of N pictures (H, W, 3), uint8, uint16, or float32 in [0, 1].

    covered: (N, H, W) bool, pixels that show something else than ground: never taken for ground. plate: of the same size: what no
    frame shows is taken from there before it is made up. Returns what the freed pixels of each picture show, (P, 3) float32 in
    [0, 1], row by row; and which of them another frame truly shows, (N, H, W) bool. UserError for shapes that do not fit.
    """
    _check(pictures, covered, freed)
    busy = [i for i, hole in enumerate(freed) if hole.any()]
    shown_elsewhere, nothing = np.zeros(freed.shape, bool), np.zeros((0, 3), np.float32)
    if not busy:
        return [nothing] * len(pictures), shown_elsewhere
    count, known, holes = len(pictures), list(~(covered | freed)), list(freed)
    if plate is not None:  # one more frame, which nothing is filled in
        pictures, known, holes = [*pictures, plate.picture], [*known, plate.known], [*holes, np.zeros_like(plate.known)]
    motions = GroundMotions(pictures, known, holes)
    shown = _Ground(pictures, motions.without_passing(known))
    tight = {i: _rows_and_columns(freed[i]) for i in busy}
    filled = _Ground(pictures, [known.copy() for known in shown.known], tight, {i: shown.copy(i, tight[i]) for i in busy})
    for done, i in enumerate(busy):
        others = [j for j in range(count) if j != i]
        shown_elsewhere[i] = _take(i, freed[i], _box(freed[i]), filled, shown, others, motions)
        on_progress(done + 1, 2 * len(busy), None)
    missing = {i: freed[i] & ~filled.known[i] for i in busy}
    made: list[int] = []
    plates = [] if plate is None else [count]
    way: tuple[Weights, bool] | None = None  # of the smooth fill: tried once, where most is missing, since the ground is the same
    for done, i in enumerate(sorted(busy, key=lambda i: -int(missing[i].sum()))):
        if missing[i].any():
            box = _box(freed[i])
            _take(i, missing[i], box, filled, filled, plates, motions)
            _take(i, missing[i] & ~filled.known[i], box, filled, filled, made, motions)
            way = _make(i, missing[i] & ~filled.known[i], filled, way)
            made.append(i)
        on_progress(len(busy) + done + 1, 2 * len(busy), None)
    return [masked.read(filled.filled[i], freed[i][tight[i]]) if i in tight else nothing for i in range(count)], shown_elsewhere


def _take(i: int, hole: Mask, box: Box, filled: _Ground, source: _Ground, others: Sequence[int], motions: GroundMotions) -> Mask:
    """Fill the hole (H, W) of frame i, in the box, from the ground that other frames show, as far as they do: (H, W) of what was
    filled."""
    wanted, known = hole[box].copy(), filled.known[i][box]
    picture: Array | None = None
    rows, columns = (np.arange(side.start, side.stop) for side in box)
    step, few = every(known), SPECK * hole.size
    for j in _asked(i, hole, source, others, motions):
        match = motions.between(i, j, box)
        if match is None:
            continue
        part = _rows_and_columns(wanted)
        wide, places = match.places(rows[::step], columns[::step]), match.places(rows[part[0]], columns[part[1]])
        there = box_around([wide, places], READ, hole.shape)
        shown, corner = source.part(j, there), np.array([there[1].start, there[0].start], np.float32)
        taken, shows = sampled(*shown, places - corner)
        new = wanted[part] & shows & match.alike(rows[part[0]], columns[part[1]])
        if new.any():
            picture = filled.copy(i, box) if picture is None else picture
            lacks = light(*shown, wide - corner, picture, known)[part]
            masked.write(picture[part], new, (masked.read(taken, new) + masked.read(lacks, new)).clip(0, 1))
            known[part] |= new
            wanted[part] &= ~new
        if np.count_nonzero(wanted) <= few:
            break
    if picture is not None:
        filled.keep(i, box, picture)
    all_taken = np.zeros_like(hole)
    all_taken[box] = hole[box] & ~wanted
    return all_taken


def _asked(i: int, hole: Mask, source: _Ground, others: Sequence[int], motions: GroundMotions) -> Iterator[int]:
    """The frames that show most of the hole of frame i, and near ones before far ones; then those that show most of the rest."""
    if not others or np.count_nonzero(hole) <= SPECK * hole.size:
        return
    rows, columns = _rows_and_columns(hole)
    y, x = np.nonzero(hole[rows, columns])
    step = max(1, len(x) // SEEN)
    places = np.stack([x[::step] + columns.start, y[::step] + rows.start], -1).astype(np.float64)
    there = np.rint([move(motions.guess(i, j), places) for j in others]).astype(int)  # (J, P, 2)
    shows = np.array(((there >= 0) & (there < hole.shape[::-1])).all(-1))
    for k, j in enumerate(others):
        across, down = there[k, shows[k]].T
        shows[k, shows[k]] = source.known[j][down, across]
    nearness = 1 + DEAR * np.abs(np.array(others) - i)
    left = np.ones(len(places), bool)
    for _ in range(MOST_ASKED):
        worth = (shows & left).mean(1) / nearness
        best = int(worth.argmax())
        if worth[best] < FRESH * left.mean() or worth[best] == 0:
            return
        yield others[best]
        left &= ~shows[best]
        shows[best] = False


def _make(i: int, hole: Mask, filled: _Ground, way: tuple[Weights, bool] | None) -> tuple[Weights, bool] | None:
    """Fill the hole (H, W) of frame i from the ground around it, smoothly at first, this way or the best one: the way used."""
    if hole.any():
        box = _box(hole)
        picture, known = filled.copy(i, box), filled.known[i][box]
        way = way or best_weights(picture, known)
        weights, is_foretold = way
        made = smooth_fill(picture, known, hole[box], weights)
        if not is_foretold:
            made = stamped(picture, known, hole[box], made)
        np.copyto(picture, made, where=hole[box][..., None])
        filled.keep(i, box, picture)
        known |= hole[box]
    return way


def _box(hole: Mask) -> Box:
    """Rows and columns of the hole (H, W) and of what is looked at around it."""
    tight = _rows_and_columns(hole)
    margin = max(MARGIN, round(MARGIN_SHARE * max(side.stop - side.start - 1 for side in tight)))
    rows, columns = (
        slice(max(0, side.start - margin), min(most, side.stop + margin)) for side, most in zip(tight, hole.shape, strict=True)
    )
    return rows, columns


def _rows_and_columns(hole: Mask) -> Box:
    """The smallest box around the hole (H, W), which has a pixel at least."""
    rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _check(pictures: Sequence[Picture], covered: Mask, freed: Mask) -> None:
    wanted = (*pictures[0].shape[:2], 3)
    if any(one.shape != wanted for one in pictures) or not covered.shape == freed.shape == (len(pictures), *wanted[:2]):
        raise UserError(
            "the freed ground needs N pictures (H, W, 3) and two masks (N, H, W) of the same size: "
            f"got {len(pictures)} of {pictures[0].shape}, {covered.shape} and {freed.shape}. Make the masks from the same frames."
        )
