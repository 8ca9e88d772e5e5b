"""The edit mask where nobody painted one; and warnings, before long work, of masks that keep an edit from happening."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..types import PointTracks, Size, UserError, size_of
from .naming import WHERE, warn_of_frames
from .sets import inside, union_of_squares

REACH = 1.5  # lengths of the drag
NEAREST, FARTHEST = 0.1, 0.35  # of the shorter side
OF_LAYER = 1.5  # radii of the mask around the drag: so near to its handle the layer is taken in
SPLINTER = 1 / 4  # of the largest piece that holds: what is smaller may be torn off it
BESIDE = 1 / 32  # of the shorter side: so much around what is taken in, which may bend on its way
PIN = 1e-3  # px: a shorter drag is a pin


def may_change(mask_points: Tensor, handles: Tensor, targets: Tensor, radius: float, size: Size) -> Tensor:
    """Where the picture may change, (N, 1, H, W) bool: inside the squares of half side `radius` around mask points (N, Q, 2)
    (Sec. 3.1), or `around_drags` of handles and targets (N, J, 2) where nobody set any."""
    return union_of_squares(mask_points, radius, size) if mask_points.shape[1] else around_drags(handles, targets, size)


def around_drags(handles: Tensor, targets: Tensor, size: Size) -> Tensor:
    """The edit mask where nobody gave one: for handles and targets (N, J, 2), (N, 1, H, W) bool.

    Of each pair all that is nearer to the way from its handle to its target than a radius: `REACH` times the drag's length, at
    least `NEAREST` and at most `FARTHEST` of the picture's shorter side. Pins, whose target is their handle, add nothing.
    The page draws the same (`js/edit_mask.mjs`).
    """
    masks = np.zeros((len(handles), *size), np.uint8)
    for mask, starts, ends in zip(masks, handles.tolist(), targets.tolist(), strict=True):
        for start, end in zip(starts, ends, strict=True):
            radius = _radius(start, end, min(size))
            if radius is not None:
                mask |= _near_segment(start, end, radius, size)
    return torch.from_numpy(masks.astype(bool))[:, None]


def taking_in(mask: Tensor, layer: Tensor | None, handles: Tensor, targets: Tensor, picked: int = 0) -> Tensor:
    """The mask of `mask_and_holds` alone."""
    return mask_and_holds(mask, layer, handles, targets, picked)[0]


def mask_and_holds(
    mask: Tensor, layer: Tensor | None, handles: Tensor, targets: Tensor, picked: int, holds: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """A mask (N, 1, H, W) bool of `around_drags` that takes in the layer (N, 1, H, W) near the handles (N, J, 2), and its way; and
    which part of the layer holds what is taken in, (N, 1, H, W) bool.

    Of each pair: what the layer covers nearer to the handle than `OF_LAYER` times the mask's radius, and the ends that hang on it
    alone, as a head on a neck; with a rim, and all that they come over on the straight way to the target: what bends lies somewhere
    between. Where the layer goes on beyond the mask, its part may swing: then the ground so far around as the drag is long is taken
    in as well. Where the layer covers all of a frame, no thing is known and nothing is added. The page takes in the same.

    What holds is decided in the picked frame, or was before: `holds` (H, W) bool; where nothing holds there, in the nearest frame
    in which something does. From there it goes from frame to frame.
    """
    nothing = torch.zeros_like(mask)
    if layer is None:
        return mask, nothing
    masks = mask[:, 0].cpu().numpy().copy()
    things, holding = layer[:, 0].cpu().numpy() >= 0.5, nothing[:, 0].cpu().numpy()
    pairs = [list(zip(*ends, strict=True)) for ends in zip(handles.tolist(), targets.tolist(), strict=True)]
    known = [i for i, thing in enumerate(things) if not thing.all()]
    first, start = picked, None if holds is None or picked not in known else (things[picked], holds.cpu().numpy())
    if holds is None:
        near = sorted(known, key=lambda i: abs(i - picked))
        tried = ((i, _take_in(masks[i].copy(), things[i], pairs[i], None)) for i in near)
        first = next((i for i, one in tried if one is not None and one.any()), picked)
    for order in ([i for i in known if i >= first], [i for i in reversed(known) if i < first]):
        before = start
        for i in order:
            one = _take_in(masks[i], things[i], pairs[i], before)
            if one is not None:
                holding[i], before = one, (things[i], one)
            if start is None:
                start = before
    found, held = (torch.from_numpy(one)[:, None].to(mask.device) for one in (masks, holding))
    return found, held


def _take_in(
    mask: np.ndarray, thing: np.ndarray, pairs: list[tuple[list[float], list[float]]], before: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray | None:
    """Widens the mask (H, W) bool of a frame in place. Returns which part of the thing (H, W) bool holds, None where no pair moves.

    before: the thing in a frame next to it, and the part of it that held.
    """
    size = mask.shape[0], mask.shape[1]
    drags = [pair for pair in pairs if not _is_pin(*pair)]
    if not drags:
        return None
    swept = np.zeros(size, np.uint8)
    for start, end in drags:
        near = _near_segment(start, start, OF_LAYER * (_radius(start, end, min(size)) or 0), size)
        swept |= _swept(thing & near, start, end)
    mask |= swept > 0
    beyond = _Beyond.of(thing, mask, [start for start, end in pairs if _is_pin(start, end)])
    holds = beyond.holds if before is None else beyond.as_before(*before)
    loose, held = (~holds & (beyond.areas > 0))[beyond.pieces], holds[beyond.pieces]
    for start, end in drags:
        swept |= _swept(loose.astype(np.uint8), start, end)
    mask |= swept > 0
    if holds.any():
        side = 2 * max(abs(round(there - here)) for pair in drags for here, there in zip(*pair, strict=True)) + 1
        stays = cv2.dilate((thing & ~mask).astype(np.uint8), _rim(size))
        mask |= (cv2.dilate(swept, np.ones((side, side), np.uint8)) > 0) & (stays == 0)
    return held


@dataclass(frozen=True)
class _Beyond:
    """The pieces of a thing that lie beyond the mask and hang on the part inside it.

    A piece holds that part if it is larger, reaches the picture's border, or has a pin in it. If none does, the largest one holds,
    unless another is at least half as large.
    """

    pieces: np.ndarray  # (H, W) int: the number of each pixel's piece, 0 for none
    areas: np.ndarray  # (P,) px
    holds: np.ndarray  # (P,) bool

    @staticmethod
    def of(thing: np.ndarray, mask: np.ndarray, pins: list[list[float]]) -> _Beyond:
        """thing, mask: (H, W) bool; pins: (x, y) px."""
        _, wholes = cv2.connectedComponents(thing.astype(np.uint8), connectivity=8)
        hanging = thing & ~mask & np.isin(wholes, np.unique(wholes[thing & mask]))
        count, pieces = cv2.connectedComponents(hanging.astype(np.uint8), connectivity=8)
        areas = np.bincount(pieces.ravel(), minlength=count)
        areas[0] = 0
        holds = areas > (thing & mask).sum()
        for line in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
            holds[line] = True
        for x, y in pins:
            holds[pieces[min(max(round(y), 0), len(pieces) - 1), min(max(round(x), 0), pieces.shape[1] - 1)]] = True
        holds[0] = False
        if not holds.any():
            second, largest = np.sort(np.append(areas, 0))[-2:]
            holds[areas.argmax()] = second < largest / 2
        return _Beyond(pieces, areas, holds)

    def as_before(self, thing: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Which pieces hold, (P,) bool, by what held in a frame next to it: `held` (H, W) bool of the thing (H, W) bool there.

        A piece holds if most of it lies where the thing held, or if much of what held lies on it. A piece that lies nowhere on that
        thing is judged by itself. So is a splinter of what held, such as an ear that the mask has cut off its head.
        """
        there, holding = (np.bincount(self.pieces[one], minlength=len(self.areas)) for one in (thing, held & thing))
        is_held = (2 * holding >= there) | (holding > SPLINTER * held.sum())
        holds = np.where(there > 0, is_held, self.holds)
        holds[0] = False
        holds &= self.holds | (self.areas >= SPLINTER * self.areas[holds].max(initial=0))
        return holds


def _is_pin(start: list[float], end: list[float]) -> bool:
    return not np.hypot(end[0] - start[0], end[1] - start[1]) >= PIN


def _rim(size: Size) -> np.ndarray:
    """The disc that a part of a picture of this size is widened by."""
    beside = round(BESIDE * min(size))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * beside + 1, 2 * beside + 1))


def _swept(part: np.ndarray, start: list[float], end: list[float]) -> np.ndarray:
    """A part (H, W) uint8 with a rim, and all that it comes over on the straight way from start to end."""
    size = part.shape[0], part.shape[1]
    swept = cv2.dilate(part, _rim(size))
    for right, down in _strides(round(end[0] - start[0]), round(end[1] - start[1]), round(BESIDE * min(size))):
        way = np.array([[1, 0, right], [0, 1, down]], np.float32)
        swept |= cv2.warpAffine(swept, way, size[::-1], flags=cv2.INTER_NEAREST)
    return swept


def _strides(right: int, down: int, longest: int) -> list[tuple[int, int]]:
    """Moves in px whose sum is (right, down). Each is half of what is left, the last one the rest, at most `longest` along an axis.
    A picture that is laid over itself after each move has then been everywhere on the way."""
    strides = []
    while max(abs(right), abs(down)) > max(1, longest):
        strides.append((round(right / 2), round(down / 2)))
        right, down = right - strides[-1][0], down - strides[-1][1]
    return [*strides, (right, down)]


def _radius(start: list[float], end: list[float], short: int) -> float | None:
    """How far around the way from start to end the picture may change, px; None for a pin. short: the shorter side, px."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    return None if _is_pin(start, end) else min(max(REACH * length, NEAREST * short), FARTHEST * short)


def _near_segment(start: list[float], end: list[float], radius: float, size: Size) -> np.ndarray:
    """(H, W) uint8: 1 where the pixel is at most `radius` px from the segment."""
    near, box = np.zeros(size, np.uint8), []
    for ends, side in zip(zip(start, end, strict=True), size[::-1], strict=True):  # nothing else is looked at
        first, last = math.floor(min(ends) - radius) - 1, math.ceil(max(ends) + radius) + 2
        box.append(slice(min(max(first, 0), side), min(max(last, 0), side)))
    x, y = np.meshgrid(*(np.arange(line.start, line.stop, dtype=np.float32) - at for line, at in zip(box, start, strict=True)))
    along = np.array([end[0] - start[0], end[1] - start[1]], np.float32)
    share = ((x * along[0] + y * along[1]) / max(float(along @ along), 1e-9)).clip(0, 1)
    near[box[1], box[0]] = np.hypot(x - share * along[0], y - share * along[1]) <= radius
    return near


def check_given(mask: Tensor, count: int, size: Size) -> None:
    """UserError unless the mask has the clip's shape (N, 1, H, W), bool, and is white somewhere."""
    if tuple(mask.shape) != (count, 1, *size) or mask.dtype != torch.bool:
        raise UserError(
            f"the edit mask must have the shape {(count, 1, *size)} and say yes or no: got {tuple(mask.shape)} {mask.dtype}. "
            "Make it from the same frames that are edited."
        )
    if not bool(mask.any()):
        raise UserError(
            "the edit mask is black in every frame, so nothing could change: expected white (0.5 or more) where the picture may "
            "change. Wire in another mask as 'edit_mask', or none."
        )


def moving(moves: Tensor) -> Tensor:
    """Which of the ways (..., 2) px from handle to target move at all, (...) bool. A pin, which holds its place, does not."""
    return moves.norm(dim=-1) >= PIN


def targets_outside(mask: Tensor, targets: Tensor) -> Tensor:
    """Which targets (N, J, 2) lie in the picture but not in the mask (N, 1, H, W) bool: (N, J) bool."""
    height, width = size_of(mask)
    column, row = targets[..., 0].round().long().clamp(0, width - 1), targets[..., 1].round().long().clamp(0, height - 1)
    frame = torch.arange(len(mask), device=mask.device)[:, None]
    return ~mask[frame, 0, row, column] & inside(targets, (height, width))


def warn_of_targets(outside: Tensor, frames: list[int], advice: str) -> None:
    """A warning for every pair whose target lies outside the mask, (N, J) bool, with the numbers of its frames."""
    for pair in outside.any(0).nonzero().flatten().tolist():
        warn_of_frames(
            f"target {pair + 1} lies outside the edit mask in {WHERE} and cannot be reached there: expected each target "
            f"inside the mask. {advice}",
            [frames[i] for i in outside[:, pair].nonzero().flatten().tolist()],
        )


def warn_of_handles(tracks: PointTracks) -> None:
    """A warning for every moving pair whose handle can be seen, but lies outside of the edit mask: nothing moves with it there."""
    handles, targets = tracks.handles.mean(2), tracks.targets.mean(2)
    moves = moving(targets - handles) & tracks.visible.any(2)
    outside = targets_outside(tracks.edit_mask, handles) & moves
    for pair in outside.any(0).nonzero().flatten().tolist():
        warn_of_frames(
            f"handle {pair + 1} lies outside the edit mask in {WHERE}, so nothing moves with it there: expected each handle inside "
            "the mask. Paint the mask over it in Pick Points, or paint the wired mask over it.",
            outside[:, pair].nonzero().flatten().tolist(),
        )


def warn_of_black_frames(mask: Tensor, moves: Tensor) -> Tensor:
    """A warning where the mask (N, 1, H, W) bool is black in frames in which something moves, by ways (N, J, 2). Returns which,
    (N,) bool."""
    black = ~mask.flatten(1).any(1) & moving(moves).any(1)
    if bool(black.any()):
        warn_of_frames(f"the edit mask is black in {WHERE}: nothing will change there.", black.nonzero().flatten().tolist())
    return black
