"""Several rounds of dragging on one clip: what a round takes over from the edit before, and the record that it leaves.

Our reading, the paper drags once: the offsets stay where they are and are changed on; a handle that both rounds have goes
on from where the edit before left it, towards its target of now.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from ..types import DragResult, PointTracks, Round
from .settings import DragSettings

SAME = 0.5  # px: handles that are no further apart in any frame are the same


@dataclass(frozen=True)
class Earlier:
    """What a round takes over. In the first round: no iterations, no offsets, and every handle in its place."""

    path: Tensor  # (K + 1, N, J, S, 2) px: where the handles of this round have been in the K iterations so far
    losses: Tensor  # (K, 2)
    offsets: dict[int, Tensor] = field(default_factory=dict)  # step -> (N, 4, h, w)
    rounds: tuple[Round, ...] = ()

    @property
    def has_moved(self) -> Tensor:
        """(J,) bool: which handles earlier rounds have moved."""
        return (self.path[-1] != self.path[0]).flatten(2).any(-1).any(0)


def earlier(start: DragResult | None, tracks: PointTracks) -> Earlier:
    """What the edit `start` hands to a round with these tracks."""
    if start is None:
        return Earlier(tracks.handles[None], torch.zeros(0, 2))
    return Earlier(path_so_far(start, tracks), start.losses, start.offsets, start.rounds)


def path_so_far(start: DragResult, tracks: PointTracks) -> Tensor:
    """Where the handles of these tracks have been, (K + 1, N, J, S, 2); new ones have been in their place all the time."""
    path = tracks.handles.expand(len(start.handle_path), *tracks.handles.shape).clone()
    before = start.handle_path[0]
    if before.shape[0] != path.shape[1] or before.shape[2] != path.shape[3]:  # frames, points in a set
        return path
    for new in range(path.shape[2]):
        apart = (before - tracks.handles[:, new : new + 1]).norm(dim=-1).amax((0, 2))  # of every earlier pair
        if len(apart) and float(apart.min()) <= SAME:
            path[:, :, new] = start.handle_path[:, :, int(apart.argmin())]
    return path


def pixels_left(handles: Tensor, targets: Tensor) -> float:
    """Pixels from the handles to their targets (N, J, S, 2), the mean."""
    return float((targets - handles).norm(dim=-1).mean())


def record(settings: DragSettings, iterations: int, first: Tensor, last: Tensor, targets: Tensor) -> Round:
    """The record of a round that moved the handles from `first` to `last`."""
    return Round(json.dumps(asdict(settings)), iterations, pixels_left(first, targets), pixels_left(last, targets))
