"""Ways to find points of one frame in the frames after it: by the denoiser's features (DIFT), by optical flow, or by the
surer of the two.

A finder is made for one direction in time and keeps what it knows of the points. For each frame it is asked where the
points are and which of them can be seen there (`find`). Then it gets the places that were settled on (`settle`): points of
the background go with their neighbours, and people correct.

DIFT (Sec. 3.2) matches a point's descriptors of the first and of the latest frame, and needs no small motion. Flow adds
up the motion of the pixels. It is measured in a box around each set, between the place where the set was and the place where it
is expected: large motions become small ones, and what the rest of the picture does has no say. It has several candidates:
straight from the first frame, and from frames at several distances in which the point was seen (Multi-Flow Tracking: Neoral et
al. 2023, with the round trip in the place of a learned doubt). The one with the least doubt counts, its own and some of that of
the place it starts from, averaged with those that agree; none counts that shows other colours than where it comes from. Long
ways keep small errors from adding up, and find a point again after something has passed in front of it. Far frames are asked
only for the points that are in doubt. A set of which most has no candidate is searched for by its look (`search.py`), and flow
starts again from where that is found. Measured in tests/bench/footage.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..types import size_of
from .features import Features
from .flow import DIS, Flow
from .sampling import lookup
from .search import look_alikes
from .sets import REFERENCE

STRIDES = (1, 2, 4, 8)  # frames between the two of a flow
STEP = 0.01  # px^2: the least doubt of a flow
INHERITED = 0.1  # of the doubt about the place where a flow starts
AGREE = 3.0  # px: candidates so near to the best one are averaged with it
ELSEWHERE = 4.0  # px^2: doubt about a place that comes from elsewhere than from flow
LONGEST = 3  # frames: what was not seen for longer is searched for no further away
SURE = 0.02  # px^2: with less doubt no further flow is measured
PATCH = torch.stack(torch.meshgrid(torch.arange(-2.0, 3), torch.arange(-2.0, 3), indexing="xy"), -1).reshape(
    -1, 2
)  # px, compared around a place
UNLIKE = 0.15  # difference of colour, 0 to 1, from which on what is around a place is another thing
LEAST = 32.0  # px: around a point so much is looked at also in small pictures
RELATIVE, ABSOLUTE = 0.01, 0.5  # of Sundaram et al. 2010: squared round trip <= 0.01 * squared flows + 0.5 px^2


class Finder(Protocol):
    """Follows P points away from one frame."""

    def find(self, i: int, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Where the points, (P, 2) px in the frame before, are in frame i: places (P, 2), seen (P,) bool."""

    def restart(self, i: int, places: Tensor, certain: Tensor) -> None:
        """In frame i the points are at these places (P, 2) px, the `certain` (P,) ones surely: those are followed from there."""

    def settle(self, i: int, places: Tensor, seen: Tensor) -> None:
        """The places (P, 2) px that were settled on in frame i; `seen` (P,) says at which of them the point is visible."""


class DiftFinder:
    """Finds points by their descriptors. A frame's features are asked for when it is searched."""

    def __init__(self, features: Features, i: int, places: Tensor, window: float, tolerance: float):
        """window, tolerance: px that a point moves at most, and by which it may miss its origin on the way back."""
        self.features, self.window, self.tolerance = features, window, tolerance
        self.restart(i, places, torch.ones(len(places), dtype=torch.bool))
        self.latest: Tensor | None = None

    def restart(self, i: int, places: Tensor, certain: Tensor) -> None:
        """All points are followed from this frame from now on, by the descriptors that they have there."""
        self.origin, self.start = places, i

    def find(self, i: int, previous: Tensor) -> tuple[Tensor, Tensor]:
        first = self.features.sample(self.start, self.origin)
        described = first + (first if self.latest is None else self.latest)
        matched = self.features.match(i, described, previous, self.window)
        again = self.features.sample(i, matched)
        back = self.features.match(self.start, again, self.origin, self.window)
        return matched, (back - self.origin).norm(dim=-1) <= self.tolerance

    def settle(self, i: int, places: Tensor, seen: Tensor) -> None:
        if i not in self.features:
            return
        now = self.features.sample(i, places)
        before = self.features.sample(self.start, self.origin) if self.latest is None else self.latest
        self.latest = torch.where(seen[:, None], now, before)


class FlowFinder:
    """Finds points by optical flow in frames (N, 3, H, W), straight from frames at several distances that showed them."""

    def __init__(
        self,
        frames: Tensor,
        i: int,
        places: Tensor,
        together: Sequence[int],
        window: float,
        flow: Flow = DIS,
        strides: Sequence[int] = STRIDES,
    ):
        """together: how many points, one after the other, are near to each other and are looked for together; window: px that
        a point moves from frame to frame at most; strides: frames between a frame and those that it is reached from."""
        self.strides = strides
        self.frames, self.together, self.window, self.flow = frames, list(together), window, flow
        self.light = frames[..., ::4, ::4].flatten(2).median(2).values  # (N, 3): what it is like in each frame
        self.first = torch.full((len(places),), i)
        self.estimates = {i: _Estimate(places, torch.zeros(len(places)))}

    def restart(self, i: int, places: Tensor, certain: Tensor) -> None:
        for j, estimate in self.estimates.items():
            self.estimates[j] = estimate.without(certain)
        self.first = self.first.masked_fill(certain, i)
        self.estimates[i] = _Estimate(places, torch.where(certain, 0.0, torch.inf))

    def find(self, i: int, previous: Tensor) -> tuple[Tensor, Tensor]:
        best, doubt, candidates = previous.clone(), torch.full((len(previous),), torch.inf), []
        for j, is_first in self._sources(i):
            estimate = self.estimates[j]
            asked = estimate.doubt.isfinite() & ((self.first == j) if is_first else (doubt > SURE))
            if not bool(asked.any()):
                continue
            place, own = previous.clone(), torch.full_like(doubt, torch.inf)
            for part in self._sets(asked):
                place[part], gap = self._follow(j, i, estimate.place[part], previous[part])
                own[part] = gap + INHERITED * estimate.doubt[part] + STEP
            own = own.masked_fill((place - previous).abs().amax(-1) > self.window, torch.inf)  # the look-alike over there
            candidates.append((place, own))
            best, doubt = torch.where((own < doubt)[:, None], place, best), torch.minimum(own, doubt)
        best = _mean_near(best, candidates)
        for together in torch.arange(len(doubt)).split(self.together):
            lost = together[~doubt[together].isfinite()]
            if 2 * len(lost) > len(together):
                best[lost], doubt[lost] = self._look_again(i, lost, best[lost])
        self.doubt = doubt
        return best, doubt.isfinite()

    def settle(self, i: int, places: Tensor, seen: Tensor) -> None:
        certain = self.estimates[i].doubt == 0 if i in self.estimates else torch.zeros_like(seen)  # put there by hand
        doubt = torch.where(certain, 0.0, self.doubt.clamp(max=ELSEWHERE))
        self.estimates[i] = _Estimate(places, doubt.masked_fill(~seen, torch.inf))

    def _look_again(self, i: int, lost: Tensor, expected: Tensor) -> tuple[Tensor, Tensor]:
        """Places (L, 2) in frame i of a set's points, numbers (L,), expected at about (L, 2), and the doubt (L,): infinite where a
        point is not found. They are searched for by their look in the frame where they were seen latest, and in the one that they
        are followed from."""
        places, doubt, least = expected.clone(), torch.full((len(lost),), torch.inf), math.inf
        seen = [j for j, estimate in self.estimates.items() if j != i and bool(estimate.doubt[lost].isfinite().any())]
        latest = min(seen, key=lambda j: abs(i - j))
        reach = self.window * min(abs(i - latest), LONGEST)
        for j in {latest, int(self.first[lost[0]])}:
            known = self.estimates[j].doubt[lost].isfinite()
            if not bool(known.any()):
                continue
            start = self.estimates[j].place[lost[known]]
            light = (self.light[i] - self.light[j])[:, None, None]
            for difference, shift in look_alikes(self.frames[j] + light, self.frames[i], start, expected[known], reach):
                there, gap = self._follow(j, i, start, start + shift)
                if difference < least and bool(gap.isfinite().any()):
                    least, doubt[known] = difference, gap + ELSEWHERE
                    places[known] = torch.where(gap.isfinite()[:, None], there, expected[known])
        return places, doubt

    def _sources(self, i: int) -> list[tuple[int, bool]]:
        """The frames to come from, each with whether it is for the points that are followed from there: these frames come first,
        then the near ones, then the far ones."""
        near = [j for stride in self.strides for j in (i - stride, i + stride) if j in self.estimates and (self.first != j).any()]
        return [*((j, True) for j in self.first.unique().tolist() if j != i), *((j, False) for j in near)]

    def _sets(self, asked: Tensor) -> list[Tensor]:
        """The numbers of the points that are asked for, (P,) bool, those that are looked for together in one."""
        numbers = torch.arange(len(asked))
        return [part for part in (some[asked[some]] for some in numbers.split(self.together)) if len(part)]

    def _follow(self, j: int, i: int, start: Tensor, expected: Tensor) -> tuple[Tensor, Tensor]:
        """Places (P, 2) in frame i of places (P, 2) in frame j by flow, and the squared round trip (P,) px^2: infinite where
        it is too long for the point to be visible. expected: (P, 2) px, about where they are in frame i."""
        box, shift = self._box(start, expected)
        forward, backward = self._flows(j, i, box, shift)
        corner, size = torch.tensor([box[1].start, box[0].start], dtype=start.dtype), size_of(forward)
        go = shift + lookup(forward[None], (start - corner)[None], size)[0]
        place = start + go
        there = place - corner - shift
        come = lookup(backward[None], there[None], size)[0] - shift
        gap = (go + come).square().sum(-1)
        tolerated = RELATIVE * (go.square().sum(-1) + come.square().sum(-1)) + ABSOLUTE
        inside = ((there >= 0) & (there <= torch.tensor([size[1] - 1, size[0] - 1]))).all(-1)
        near = go.abs().amax(-1) <= self.window * abs(i - j)
        alike = self._difference(j, i, start, place) <= UNLIKE
        return place, gap.masked_fill(~((gap <= tolerated) & inside & near & alike), torch.inf)

    def _difference(self, j: int, i: int, start: Tensor, place: Tensor) -> Tensor:
        """By how much colours (0 to 1) around places (P, 2) in frames j and i differ, (P,), beside the change of light."""
        size = size_of(self.frames)
        here, there = (lookup(self.frames[k : k + 1], (at[:, None] + PATCH)[None], size)[0] for k, at in ((j, start), (i, place)))
        return (there - here - (self.light[i] - self.light[j])).abs().mean((1, 2))

    def _box(self, start: Tensor, expected: Tensor) -> tuple[tuple[slice, slice], Tensor]:
        """Rows and columns around places (P, 2) px, and the whole shift (2,) px that takes them to where they are expected and
        leaves the box inside of the picture."""
        size = size_of(self.frames)
        reach = min(max(LEAST, self.flow.reach * min(size) / REFERENCE), max(size))
        low, high = (start.amin(0) - reach).floor().long().tolist(), (start.amax(0) + reach).ceil().long().tolist()
        rows, columns = (slice(max(0, low[axis]), min(size[1 - axis], high[axis] + 1)) for axis in (1, 0))
        least, most = torch.tensor([-columns.start, -rows.start]), torch.tensor([size[1] - columns.stop, size[0] - rows.stop])
        shift = (expected - start).mean(0).round().long()
        return (rows, columns), torch.minimum(torch.maximum(shift, least), most).to(start.dtype)

    def _flows(self, j: int, i: int, box: tuple[slice, slice], shift: Tensor) -> tuple[Tensor, Tensor]:
        x, y = (int(v) for v in shift)
        rows, columns = box
        here = self.frames[j][:, rows, columns]
        there = self.frames[i][:, rows.start + y : rows.stop + y, columns.start + x : columns.stop + x]
        return self.flow.between(here, there), self.flow.between(there, here)


class SurestFinder:
    """Flow for the points that it also brings back to their start, DIFT for those that it has lost."""

    def __init__(self, flow: FlowFinder, features: DiftFinder):
        self.flow, self.features = flow, features

    def restart(self, i: int, places: Tensor, certain: Tensor) -> None:
        for finder in (self.flow, self.features):
            finder.restart(i, places, certain)

    def find(self, i: int, previous: Tensor) -> tuple[Tensor, Tensor]:
        followed, sure = self.flow.find(i, previous)
        if bool(sure.all()):
            return followed, sure
        other, seen = self.features.find(i, previous)  # costs the model's time
        return torch.where(sure[:, None], followed, other), sure | seen

    def settle(self, i: int, places: Tensor, seen: Tensor) -> None:
        for finder in (self.flow, self.features):
            finder.settle(i, places, seen)


def _mean_near(best: Tensor, candidates: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The mean of the candidates, places (P, 2) and doubts (P,), near the best place (P, 2), the less doubted counting more."""
    if not candidates:
        return best
    places, doubts = (torch.stack(part) for part in zip(*candidates, strict=True))
    near = doubts.isfinite() & ((places - best).norm(dim=-1) <= AGREE)
    weight = torch.where(near, 1 / doubts, 0.0)[..., None]
    total = weight.sum(0)
    return torch.where(total > 0, (places * weight).sum(0) / total.clamp(min=1e-9), best)


@dataclass(frozen=True)
class _Estimate:
    """Where each point was in a frame, and how far that is in doubt."""

    place: Tensor  # (P, 2) px
    doubt: Tensor  # (P,) px^2, the squared round trips that led there; infinite where the point was not seen

    def without(self, points: Tensor) -> _Estimate:
        """The same, but these points (P,) bool were not seen."""
        return _Estimate(self.place, self.doubt.masked_fill(points, torch.inf))
