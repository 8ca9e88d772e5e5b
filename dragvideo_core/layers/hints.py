"""Where points of the thing are known to go, optical flow is started from their move: it finds none that is too fast for it.

Flow from one picture to another that is pushed back by the move is small there. It counts near the point, where with it the
pictures look clearly more alike. So a point that was followed wrongly changes nothing, nor does one whose move the flow has found
by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..points.flow import optical_flow
from .colours import blurred_lab
from .pixels import as_picture, fetched, opencv, places_after

REFERENCE = 256  # px, short side that the sizes below are for
DIFFERS = 2.0  # px between a point's move and the flow there, from which on the flow has missed it
NEAR = 32.0  # px: so far from a point its move is tried
LIKE = 3.0  # px: pictures are compared in a blur of so much
CLEARLY = 0.9  # times as unlike, or less


@dataclass(frozen=True)
class Hint:
    """A place (2,) px of the thing in a picture, and its move (2,) px to another."""

    place: np.ndarray
    move: np.ndarray

    def seen_from(self, row: int, column: int) -> Hint:
        """In a part of the pictures that begins there."""
        return Hint(self.place - (column, row), self.move)

    def back(self) -> Hint:
        """The same from the other picture."""
        return Hint(self.place + self.move, -self.move)


def hints_of(before: Tensor, after: Tensor, seen: Tensor) -> list[Hint]:
    """Of point sets (J, S, 2) in a picture and in another, one for each of which points are seen (J, S) bool in both."""
    hints = []
    for one, other, is_seen in zip(before, after, seen, strict=True):
        if bool(is_seen.any()):
            place, move = one[is_seen].mean(0), (other - one)[is_seen].median(0).values
            hints.append(Hint(place.numpy(), move.numpy()))
    return hints


def flow_with_hints(one: Tensor, other: Tensor, halved: int, hints: Sequence[Hint], side: int) -> np.ndarray:
    """The flow (2, H, W) px from a picture (3, H, W) to another, as `optical_flow`, put right where the hints know better.

    side: px, the shorter one of the picture that these may be a part of.
    """
    flow = optical_flow(one, other, halved).numpy()
    scale, size = max(0.5, side / REFERENCE), flow.shape[1:]
    missed = [hint for hint in hints if _is_missed(hint, flow, DIFFERS * scale)]
    if not missed:
        return flow
    here, there = (blurred_lab(as_picture(part), side) for part in (one, other))

    def unlike(motion: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(fetched(there, places_after(size, motion)) - here, axis=-1)
        return opencv().GaussianBlur(apart, (0, 0), LIKE * scale)

    rows, columns = np.mgrid[: size[0], : size[1]]
    flow, least = flow.copy(), unlike(flow)
    for hint in missed:
        by = np.rint(hint.move).astype(np.float32)
        started = optical_flow(one, _pushed_back(other, by), halved).numpy() + by[:, None, None]
        apart = unlike(started)
        better = (np.hypot(columns - hint.place[0], rows - hint.place[1]) <= NEAR * scale) & (apart < CLEARLY * least)
        flow[:, better], least[better] = started[:, better], apart[better]
    return flow


def _is_missed(hint: Hint, flow: np.ndarray, by: float) -> bool:
    """Whether the flow at the hint's place is another one; not where that lies outside of the picture."""
    column, row = np.rint(hint.place).astype(int)
    inside = 0 <= row < flow.shape[1] and 0 <= column < flow.shape[2]
    return inside and float(np.hypot(*(flow[:, row, column] - hint.move))) > by


def _pushed_back(picture: Tensor, by: np.ndarray) -> Tensor:
    """The picture (3, H, W) with all of it moved by so much the other way; its border goes on."""
    values = picture.permute(1, 2, 0).numpy()
    return torch.from_numpy(fetched(values, places_after(values.shape[:2], np.broadcast_to(by[:, None, None], (2, 1, 1))))).permute(
        2, 0, 1
    )
