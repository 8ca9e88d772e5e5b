"""The freed ground: from other frames that show it; made up where none does, of pieces of the ground beside it or smoothly.

Every frame takes its ground straight from the frames that show it, so each pixel is interpolated once at most. What no
frame shows is made up once, in the frame where most of it is missing, and carried from there to the others: the same
place of the ground keeps its look from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..types import OnProgress, UserError, ignore_progress
from .camera import Array, Mask
from .motion import Box, GroundMotions, move
from .smooth import Weights, best_weights, smooth_fill
from .stamp import stamped
from .transfer import light, sampled

MARGIN, MARGIN_SHARE = 12, 0.4  # px, and share of the hole's longer side: what is looked at around a hole
MOST_ASKED = 6  # frames
SEEN = 300  # of a hole's pixels are looked for in other frames, to tell which of them show it
FRESH = 0.1  # a frame is asked only if it shows this share of what is still missing
DEAR = 0.05  # a frame one further away must show so much more


@dataclass(frozen=True)
class _Ground:
    """Pictures (H, W, 3) of the frames, and where each shows ground (H, W)."""

    pictures: list[Array]
    known: list[Mask]


def fill_freed(frames: Tensor, covered: Tensor, freed: Tensor, on_progress: OnProgress = ignore_progress) -> tuple[Tensor, Tensor]:
    """The ground behind the `freed` (N, 1, H, W) bool pixels of the frames (N, 3, H, W) in [0, 1].

    covered: (N, 1, H, W) bool, pixels that show something else than ground: never taken for ground. Returns the frames
    with the ground filled in, bit for bit the same elsewhere, and which freed pixels another frame truly shows,
    (N, 1, H, W) bool. UserError for shapes that do not belong together.
    """
    _check(frames, covered, freed)
    holes = [mask[0].numpy() for mask in freed.cpu()]
    busy = [i for i, hole in enumerate(holes) if hole.any()]
    if not busy:
        return frames.clone(), torch.zeros_like(freed)
    shown = _Ground(
        [np.ascontiguousarray(picture) for picture in rearrange(frames.float().cpu().numpy(), "n c h w -> n h w c")],
        [~mask[0].numpy() for mask in (covered | freed).cpu()],
    )
    filled = _Ground([picture.copy() for picture in shown.pictures], [known.copy() for known in shown.known])
    motions = GroundMotions(shown.pictures, shown.known, holes)
    boxes = {i: _box(holes[i]) for i in busy}
    shown_elsewhere = torch.zeros_like(freed)
    for done, i in enumerate(busy):
        others = [j for j in range(len(frames)) if j != i]
        shown_elsewhere[i, 0] = torch.from_numpy(_take(i, holes[i], boxes[i], filled, shown, others, motions))
        on_progress(done + 1, 2 * len(busy), None)
    missing = {i: holes[i] & ~filled.known[i] for i in busy}
    made: list[int] = []
    weights: Weights | None = None  # of the smooth fill: tried once, where most is missing, since the ground is the same
    for done, i in enumerate(sorted(busy, key=lambda i: -int(missing[i].sum()))):
        if missing[i].any():
            _take(i, missing[i], boxes[i], filled, filled, made, motions)
            weights = _make(i, missing[i] & ~filled.known[i], filled, weights)
            made.append(i)
        on_progress(len(busy) + done + 1, 2 * len(busy), None)
    ground = frames.clone()
    for i in busy:
        ground[i][:, freed[i, 0]] = torch.from_numpy(filled.pictures[i][holes[i]].T).to(frames)
    return ground, shown_elsewhere


def _take(i: int, hole: Mask, box: Box, filled: _Ground, source: _Ground, others: Sequence[int], motions: GroundMotions) -> Mask:
    """Fill the hole (H, W) of frame i from the ground that other frames show, as far as they do: (H, W) of what was filled."""
    wanted, picture, known = hole[box].copy(), filled.pictures[i][box], filled.known[i][box]
    for j in _asked(i, hole, source, others, motions):
        match = motions.between(i, j, box)
        if match is None:
            continue
        part = _rows_and_columns(wanted)
        shown = source.pictures[j], source.known[j]
        taken, shows = sampled(*shown, match.places[part])
        new = wanted[part] & shows & match.alike[part]
        if new.any():
            lacks = light(*shown, match.places, picture, known)[part]
            picture[part][new] = (taken[new] + lacks[new]).clip(0, 1)
            known[part] |= new
            wanted[part] &= ~new
        if not wanted.any():
            break
    all_taken = np.zeros_like(hole)
    all_taken[box] = hole[box] & ~wanted
    return all_taken


def _asked(i: int, hole: Mask, source: _Ground, others: Sequence[int], motions: GroundMotions) -> Iterator[int]:
    """The frames that show most of the hole of frame i, and near ones before far ones; then those that show most of the rest."""
    y, x = np.nonzero(hole)
    step = max(1, len(x) // SEEN)
    places = np.stack([x, y], -1)[::step].astype(np.float64)
    shows = {}
    for j in others:
        there = np.rint(move(motions.guess(i, j), places)).astype(int)
        inside = (there >= 0).all(-1) & (there < hole.shape[::-1]).all(-1)
        inside[inside] = source.known[j][there[inside, 1], there[inside, 0]]
        shows[j] = inside
    left = np.ones(len(places), bool)
    for _ in range(MOST_ASKED):
        worth = {j: (seen & left).mean() / (1 + DEAR * abs(i - j)) for j, seen in shows.items()}
        best = max(worth, key=worth.__getitem__, default=None)
        if best is None or worth[best] < FRESH * left.mean() or worth[best] == 0:
            return
        yield best
        left &= ~shows.pop(best)


def _make(i: int, hole: Mask, filled: _Ground, weights: Weights | None) -> Weights | None:
    """Fill the hole (H, W) of frame i from the ground around it, first smoothly, by these weights or the best ones: those used."""
    if hole.any():
        box = _box(hole)
        picture, known = filled.pictures[i][box], filled.known[i][box]
        weights = weights or best_weights(picture, known)
        picture[...] = stamped(picture, known, hole[box], smooth_fill(picture, known, hole[box], weights))
        known |= hole[box]
    return weights


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


def _check(frames: Tensor, covered: Tensor, freed: Tensor) -> None:
    wanted = (frames.shape[0], 1, *frames.shape[2:])
    if frames.ndim != 4 or frames.shape[1] != 3 or covered.shape != wanted or freed.shape != wanted:
        raise UserError(
            "the freed ground needs frames (N, 3, H, W) and two masks (N, 1, H, W) of the same size: "
            f"got {tuple(frames.shape)}, {tuple(covered.shape)} and {tuple(freed.shape)}. Make the masks from the same frames."
        )
