"""Ways to find points of one frame in the frames after it: by the denoiser's features (DIFT), by optical flow, or by the
surer of the two.

A finder is made for one direction in time and keeps what it knows of the points. For each frame it is asked where the
points are and which of them can be seen there (`find`), and told where they were put in the end (`settle`): points of
the background go with their neighbours, and people correct.

DIFT (Sec. 3.2) matches a point's descriptors of the first and of the latest frame, and needs no small motion. Flow adds
up the motion of the pixels. It has two candidates: from the latest frame in which the point was seen, and straight from
the first frame; the one with the shorter round trip counts. The straight way keeps small errors from adding up, and
finds a point again after something has passed in front of it (the idea of Neoral et al. 2023, Multi-Flow Tracking, with
two flows in the place of many). Both are measured in tests/bench/footage.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..types import Size, size_of
from . import dift
from .flow import optical_flow
from .sampling import lookup

LATEST = 8  # frames: a point that was lost for longer is looked for from the first frame only
RELATIVE, ABSOLUTE = 0.01, 0.5  # of Sundaram et al. 2010: squared round trip <= 0.01 * squared flows + 0.5 px^2


class Finder(Protocol):
    """Follows P points away from one frame."""

    def find(self, i: int, here: Tensor) -> tuple[Tensor, Tensor]:
        """Where the points, (P, 2) px in the frame before, are in frame i: places (P, 2), seen (P,) bool."""

    def restart(self, i: int, here: Tensor, certain: Tensor) -> None:
        """In frame i the points are at `here` (P, 2), the `certain` (P,) ones surely: they begin anew there."""

    def settle(self, i: int, here: Tensor, seen: Tensor) -> None:
        """They were put at `here` (P, 2) in frame i; `seen` (P,) says which of them are really there."""


class DiftFinder:
    """By descriptors: features (C, h, w) of every frame, of pictures of `size` (H, W)."""

    def __init__(self, features: Sequence[Tensor], size: Size, i: int, here: Tensor, window: float, tolerance: float):
        """window, tolerance: px that a point moves at most, and by which it may miss its origin on the way back."""
        self.features, self.size, self.window, self.tolerance = features, size, window, tolerance
        self.restart(i, here, torch.ones(len(here), dtype=torch.bool))
        self.latest = self.first

    def restart(self, i: int, here: Tensor, certain: Tensor) -> None:
        """All points begin anew: the descriptors of one frame serve them all."""
        self.origin, self.source = here, self.features[i]
        self.first = dift.sample(self.source, here, self.size)

    def find(self, i: int, here: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features[i]
        found, _ = dift.match(self.first + self.latest, features, self.size, around=here, window=self.window)
        again = dift.sample(features, found, self.size)
        back, _ = dift.match(again, self.source, self.size, around=self.origin, window=self.window)
        return found, (back - self.origin).norm(dim=-1) <= self.tolerance

    def settle(self, i: int, here: Tensor, seen: Tensor) -> None:
        self.latest = torch.where(seen[:, None], dift.sample(self.features[i], here, self.size), self.latest)


class FlowFinder:
    """By optical flow between the frames (N, 3, H, W)."""

    def __init__(self, frames: Tensor, i: int, here: Tensor, window: float):
        """window: px that a point moves from frame to frame at most."""
        self.frames, self.window = frames, window
        self.first = self.latest = _Known(torch.full((len(here),), i), here)

    def restart(self, i: int, here: Tensor, certain: Tensor) -> None:
        self.first = self.first.with_new(certain, i, here)

    def find(self, i: int, here: Tensor) -> tuple[Tensor, Tensor]:
        flows: dict[int, tuple[Tensor, Tensor]] = {}
        straight, error_straight = self._follow(self.first, i, flows, len(self.frames))
        chained, error_chained = self._follow(self.latest, i, flows, LATEST)
        found = torch.where((error_straight < error_chained)[:, None], straight, chained)
        return found, torch.minimum(error_straight, error_chained).isfinite()

    def settle(self, i: int, here: Tensor, seen: Tensor) -> None:
        self.latest = self.latest.with_new(seen, i, here)

    def _follow(self, known: _Known, i: int, flows: dict, most: int) -> tuple[Tensor, Tensor]:
        """Places (P, 2) in frame i by the flow from where they were known, at most so many frames away, and the squared
        round trip (P,) px^2: infinite where it is too long for the point to be visible."""
        found, error = known.place.clone(), torch.full((len(known.place),), torch.inf)
        size = size_of(self.frames)
        for j in known.frame.unique().tolist():
            apart = abs(i - j)
            if apart > most:
                continue
            if j not in flows:
                pair = self.frames[j], self.frames[i]
                flows[j] = optical_flow(*pair), optical_flow(*reversed(pair))
            chosen = known.frame == j
            there, back = flows[j]
            go = lookup(there[None], known.place[chosen][None], size)[0]
            place = known.place[chosen] + go
            come = lookup(back[None], place[None], size)[0]
            gap = (go + come).square().sum(-1)
            tolerated = RELATIVE * (go.square().sum(-1) + come.square().sum(-1)) + ABSOLUTE
            inside = ((place >= 0) & (place <= torch.tensor([size[1] - 1, size[0] - 1]))).all(-1)
            near = go.abs().amax(-1) <= self.window * apart
            found[chosen] = place
            error[chosen] = gap.masked_fill(~((gap <= tolerated) & inside & near), torch.inf)
        return found, error


class SurestFinder:
    """Flow where its way back says that it is right, DIFT for the points that flow has lost."""

    def __init__(self, flow: FlowFinder, features: DiftFinder):
        self.flow, self.features = flow, features

    def restart(self, i: int, here: Tensor, certain: Tensor) -> None:
        for finder in (self.flow, self.features):
            finder.restart(i, here, certain)

    def find(self, i: int, here: Tensor) -> tuple[Tensor, Tensor]:
        found, sure = self.flow.find(i, here)
        other, seen = self.features.find(i, here)
        return torch.where(sure[:, None], found, other), sure | seen

    def settle(self, i: int, here: Tensor, seen: Tensor) -> None:
        for finder in (self.flow, self.features):
            finder.settle(i, here, seen)


@dataclass(frozen=True)
class _Known:
    """Where each point was in a frame in which it was seen."""

    frame: Tensor  # (P,) int64
    place: Tensor  # (P, 2) px

    def with_new(self, new: Tensor, i: int, here: Tensor) -> _Known:
        """The same but for the `new` (P,) points, which are at `here` (P, 2) in frame i."""
        return _Known(self.frame.masked_fill(new, i), torch.where(new[:, None], here, self.place))
