"""A layer that is known in some frames, carried to all others: outward from each, by the motion of the thing itself.

Optical flow mixes the thing's motion with the ground's along the edge, just where the layer needs it. So the motion is taken from
inside the layer, where the flow there and back agree, and is continued outward over the edge. Where the thing is too fast for flow,
the moves of its handles help (`hints.py`). Where what the motion brings does not look like the frame, and along the edge, colours
put it right (`looks.py`). A guided filter then puts the edge where the colours part (`matte.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import looks
from .colours import blurred_lab
from .hints import Hint, flow_with_hints, hints_of
from .looks import Palette
from .matte import matte
from .pixels import Coverage, Places, Region, as_picture, fetched, opencv, places_after, shrunk

REFERENCE = 256  # px, short side that the sizes below are for
RIM = 2.0  # px of the layer along its edge in which flow is not trusted
NEAR, FAR = 1.5, 9.0  # px: the motion is continued from what is about so near, and where nothing is, from what is about so far
LITTLE = 0.02  # weight of the far motion: a fiftieth of a layer that is all near
RELATIVE, ABSOLUTE = 0.01, 0.5  # of Sundaram et al. 2010: squared round trip <= 0.01 * squared flow + 0.5 px^2
BESIDE = 32.0  # px around the layer and where it goes: so far the way back is measured
SEEKS = 3  # rounds in which a pixel looks for where it came from
MOST_STEP = 0.25  # of the short side: a thing moves less from one frame to the next, and flow is measured no further around it
LEAST = 16  # px of sure motion, below which all of the layer's counts


def carry(
    frames: Tensor,
    known: dict[int, Coverage],
    handles: Tensor | None = None,
    visible: Tensor | None = None,
) -> Tensor:
    """The layer of every frame of (N, 3, H, W): (N, 1, H, W) float32 in [0, 1].

    known: frame -> its layer (H, W), which stays as it is; at least one. A frame between two known ones is reached from the
    nearer. handles: (N, J, S, 2) px of sets that are followed already, visible: (N, J, S) bool.
    """
    layers = dict(known)
    palettes = {frame: Palette.of(blurred_lab(as_picture(frames[frame])), layer) for frame, layer in known.items()}
    for frame, source, origin in _outward(len(frames), sorted(known)):
        hints = []
        if handles is not None and visible is not None:
            hints = hints_of(handles[source], handles[frame], visible[source] & visible[frame])
        layers[frame] = moved(frames[source], frames[frame], layers[source], palettes[origin], hints).layer
    return torch.from_numpy(np.stack([layers[i] for i in range(len(frames))]))[:, None]


@dataclass(frozen=True)
class Moved:
    """A layer as it is in a neighbouring picture, and how it came there."""

    layer: Coverage  # (H, W), of the neighbouring picture
    motion: np.ndarray  # (2, h, w) px, from a part of the first picture to the other
    corner: tuple[int, int]  # row and column of that part

    def move_at(self, place: np.ndarray) -> np.ndarray | None:
        """By how much the layer moves at a place (2,) px of the first picture, (2,) px; None beside the part that is known."""
        column, row = np.rint(place).astype(int) - self.corner[::-1]
        is_known = 0 <= row < self.motion.shape[1] and 0 <= column < self.motion.shape[2]
        return self.motion[:, row, column] if is_known else None


def moved(source: Tensor, frame: Tensor, layer: Coverage, palette: Palette | None = None, hints: Sequence[Hint] = ()) -> Moved:
    """The layer (H, W) of the picture `source` (3, H, W) as it is in the neighbouring picture `frame`.

    palette: the colours of the thing and the ground where the layer is known; hints: moves of points, of which those on the layer
    count.
    """
    if not (layer >= 0.5).any() or (layer >= 0.5).all():
        return Moved(layer.copy(), np.zeros((2, 0, 0), np.float32), (0, 0))
    side = min(layer.shape)
    box = _around(layer >= 0.5, math.ceil(MOST_STEP * side))
    one, other = source[:, box[0], box[1]], frame[:, box[0], box[1]]
    halved = int(side >= REFERENCE)  # the motion is averaged over the layer anyway
    hints = [hint.seen_from(box[0].start, box[1].start) for hint in hints if _is_on(layer, hint)]
    there = flow_with_hints(one, other, halved, hints, side)
    rows, columns = near = _on_the_way(layer[box] >= 0.5, there, math.ceil(BESIDE * max(0.5, side / REFERENCE)))
    one, other, before = one[:, rows, columns], other[:, rows, columns], layer[box][near]
    hints = [hint.seen_from(rows.start, columns.start).back() for hint in hints]
    back = flow_with_hints(other, one, halved, hints, side)
    motion = layer_motion(before, there[:, rows, columns], back, side)
    origins = _origins(motion), places_after(before.shape, back)
    here, now = (blurred_lab(as_picture(part), side) for part in (one, other))
    brought = fetched(before, origins[0], is_sharp=True).clip(0, 1)
    brought = looks.put_right(brought, before, here, now, origins, palette, side)
    if palette is not None:
        brought = palette.put_right(brought, now, side)
    pushed = np.zeros_like(layer)
    pushed[box][near] = brought
    return Moved(matte(as_picture(frame), pushed), motion, (box[0].start + rows.start, box[1].start + columns.start))


def layer_motion(layer: Coverage, there: np.ndarray, back: np.ndarray, side: int) -> np.ndarray:
    """The motion (2, H, W) px of a layer (H, W), continued beyond its edge, from the flow there and back, each (2, H, W).

    side: px, the shorter one of the picture that they may be a part of.
    """
    scale = max(0.5, side / REFERENCE)
    inside = layer >= 0.5
    trusted = shrunk(inside, RIM) & is_round_trip(there, back)
    weight = (trusted if trusted.sum() >= LEAST else inside).astype(np.float32)
    near, far = (np.stack([_blurred(part, size * scale) for part in (weight, *(there * weight))]) for size in (NEAR, FAR))
    average = (there * weight).sum((1, 2), keepdims=True) / weight.sum()
    distant = np.where(far[0] > 1e-6, far[1:] / np.maximum(far[0], 1e-6), average)
    return (near[1:] + LITTLE * distant) / (near[0] + LITTLE)


def is_round_trip(there: np.ndarray, back: np.ndarray) -> Region:
    """Where a motion (2, H, W) px and the one back, from where it ends, (2, H, W), come out where they began: (H, W)."""
    home = _fetched(back, places_after(there.shape[1:], there))
    return ((there + home) ** 2).sum(0) <= RELATIVE * (there**2 + home**2).sum(0) + ABSOLUTE


def _is_on(layer: Coverage, hint: Hint) -> bool:
    column, row = np.rint(hint.place).astype(int)
    return 0 <= row < layer.shape[0] and 0 <= column < layer.shape[1] and bool(layer[row, column] >= 0.5)


def _around(region: Region, margin: int) -> tuple[slice, slice]:
    """Rows and columns of what lies within `margin` px of the region's box."""
    lines = region.any(1).nonzero()[0], region.any(0).nonzero()[0]
    first, second = (slice(max(0, int(at[0]) - margin), int(at[-1]) + 1 + margin) for at in lines)
    return first, second


def _on_the_way(region: Region, there: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Rows and columns of what lies within `margin` px of a region, of where the flow (2, H, W) takes it, or between."""
    lines = []
    for axis, (side, flow) in enumerate(zip(region.shape, there[::-1], strict=True)):
        at = region.nonzero()[axis]
        goes = at + flow[region]
        first, last = min(at.min(), goes.min()), max(at.max(), goes.max())
        lines.append(slice(max(0, math.floor(first) - margin), min(side, math.ceil(last) + 1 + margin)))
    return lines[0], lines[1]


def _origins(motion: np.ndarray) -> Places:
    """Where each pixel came from with a motion (2, H, W): columns and rows (H, W)."""
    columns, rows = came_from = places_after(motion.shape[1:], np.zeros_like(motion))
    for _ in range(SEEKS):
        step = _fetched(motion, came_from)
        came_from = columns - step[0], rows - step[1]
    return came_from


def _fetched(values: np.ndarray, places: Places) -> np.ndarray:
    """Values (C, H, W) at these places."""
    return np.stack([fetched(one, places) for one in values])


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return opencv().GaussianBlur(values, (0, 0), sigma)


def _outward(count: int, known: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(frame, the frame next to it that it is reached from, the known frame there), those near a known frame first."""
    nearest = {i: min(known, key=lambda k: (abs(k - i), k)) for i in range(count)}
    for i in sorted(range(count), key=lambda i: (abs(nearest[i] - i), i)):
        if i not in known:
            yield i, i + (1 if nearest[i] > i else -1), nearest[i]
