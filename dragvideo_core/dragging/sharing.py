"""One change for neighbouring frames: what the drag finds in a frame serves others too, moved along the propagated motion.

In the paper every frame has latent offsets of its own, and what a frame's optimisation adds by chance flickers. Here the
offset of frame j is its initial one plus a mean of its neighbours' corrections c_i, each moved as the points move:

    offset_j = initial_j + sum_i w_ij c_i(p - m_ij(p)) / sum_i w_ij,    w_ij = exp(-(i - j)^2 / (2 reach^2))

with m_ij the motion from frame i to j, at cell p the mean of the points' motions weighted by 1 / (|p - point|^2 + 4). The
corrections are what Adam optimises; they may be those of key frames only, and reach the frames between in the same way: i and reach
then count key frames, and a frame between two of them counts as a part of one. A frame is not served by one with which it has no
visible point in common.
Our addition; its effect is measured by `make bench-quality`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ..points.sampling import cell_centres, lookup
from ..types import PointTracks, Size, size_of

FARTHEST = 2.0  # in units of the reach: corrections from farther away weigh nothing
LEAST_REACH = 0.5  # key frames: so that each frame between two key frames is served by one of them
SOFTNESS = 4.0  # px^2


@dataclass(frozen=True)
class Span:
    """What one rank of a group has to do with: slices of the numbers of all K key frames."""

    mine: slice  # it works on these
    held: slice  # it holds the corrections of these: they serve its own
    heard: slice  # the gradients of these, from whoever works on them, change what it holds


def span(mine: slice, count: int, reach: float) -> Span:
    """The span of the rank that works on the key frames `mine` of `count`."""
    far = 0 if reach == 0 else math.floor(FARTHEST * max(reach, LEAST_REACH))
    return Span(mine, *(_widened(mine, times * far, count) for times in (1, 2)))


def _widened(part: slice, far: int, count: int) -> slice:
    return part if part.start == part.stop else slice(max(0, part.start - far), min(count, part.stop + far))


def frames_of(mine: slice, keys: Sequence[int], count: int) -> slice:
    """Which of all `count` frames go with some of the key frames: these, and each one's followers up to the next key frame."""
    ends = [*keys, count]
    return slice(ends[mine.start], ends[mine.stop])


@dataclass(frozen=True)
class _Servers:
    """Which key frames serve n frames: S each."""

    key: Tensor  # (S, n) int64: number of the key frame
    weight: Tensor  # (S, n): adds up to 1 over S
    places: Tensor  # (S, n, h, w, 2) px: where in the key frame that is which the frame's cells show

    def of(self, frames: slice) -> _Servers:
        """Those of some of the n frames."""
        return _Servers(self.key[:, frames], self.weight[:, frames], self.places[:, frames])

    def among(self, held: slice) -> _Servers:
        """The same by numbers among these key frames; others serve nothing."""
        is_held = (self.key >= held.start) & (self.key < held.stop)
        key = (self.key - held.start).clamp(0, max(0, held.stop - held.start - 1))
        return _Servers(key, self.weight * is_held, self.places)


class Sharing:
    """From corrections of key frames (K, 4, h, w) to those of all: linear, and differentiable in the corrections."""

    def __init__(
        self,
        tracks: PointTracks,
        cells: Size,
        keys: Sequence[int],
        reach: float,
        device: torch.device | None = None,
        mine: slice | None = None,
    ):
        """keys: the numbers of the key frames among all, the first frame is one; reach: in key frames, 0: none; device: that of
        the corrections; mine: the key frames that this rank of a group works on, None: all."""
        self.keys, self.reach, self.cells = [*keys], reach, cells
        self.points = rearrange([tracks.handles, tracks.targets], "two n j s xy -> n (j two s) xy")  # (N, P, 2)
        self.visible = rearrange([tracks.visible, tracks.visible], "two n j s -> n (j two s)")
        self.size = size_of(tracks.edit_mask)
        self.centres = cell_centres(cells, self.size)
        self.span = span(mine or slice(0, len(keys)), len(keys), reach)
        self.frames = frames_of(self.span.mine, keys, len(self.points))
        self.of_keys = self._servers(self.keys[self.span.heard], device).among(self.span.held)
        self.between = [i for i in range(self.frames.start, self.frames.stop) if i not in self.keys]
        self.of_between = self._servers(self.between, device)
        self._rows = [torch.tensor(rows, dtype=torch.long, device=device) for rows in (self.own_keys, self._own(self.between))]

    def to_keys(self, corrections: Tensor, which: slice | None = None) -> Tensor:
        """What each of these key frames (numbers of all, among those that are heard; None: all of them) is changed by,
        (k, 4, h, w), by the corrections that are held."""
        which = self.span.heard if which is None else which
        if self.reach == 0:
            return corrections[shifted(which, self.span.held.start)]
        return self._shared(corrections, self.of_keys.of(shifted(which, self.span.heard.start)))

    def to_all(self, corrections: Tensor) -> Tensor:
        """What each of this rank's frames is changed by, (n, 4, h, w), by the corrections of all K key frames."""
        changes = corrections.new_zeros(self.frames.stop - self.frames.start, *corrections.shape[1:])
        of_keys, of_between = self._rows
        changes[of_keys] = self.to_keys(corrections[self.span.held], self.span.mine)
        changes[of_between] = self._shared(corrections, self.of_between)
        return changes

    def moves_to_all(self, moves: Tensor) -> Tensor:
        """Moves of points in the key frames (K, ...) to those of this rank's frames (n, ...)."""
        all_moves = moves.new_zeros(self.frames.stop - self.frames.start, *moves.shape[1:])
        of_keys, of_between = (rows.to(moves.device) for rows in self._rows)
        all_moves[of_keys] = moves[self.span.mine]
        key, weight = self.of_between.key.to(moves.device), self.of_between.weight.to(moves.device)
        weight = weight.view(*key.shape, *[1] * (moves.dim() - 1))
        all_moves[of_between] = (weight * moves[key]).sum(0)
        return all_moves

    @property
    def own_keys(self) -> list[int]:
        """The key frames that this rank works on, by their numbers among its frames."""
        return self._own(self.keys[self.span.mine])

    def _own(self, frames: Sequence[int]) -> list[int]:
        """Frames by their numbers among this rank's."""
        return [frame - self.frames.start for frame in frames]

    def _shared(self, corrections: Tensor, servers: _Servers) -> Tensor:
        """What n frames are changed by, (n, 4, h, w)."""
        if not servers.key.numel():
            return corrections[:0]
        served = corrections[rearrange(servers.key, "s n -> (s n)")]
        moved = lookup(served, rearrange(servers.places, "s n h w xy -> (s n) h w xy"), self.size)
        moved = rearrange(moved, "(s n) h w c -> s n c h w", s=len(servers.key))
        return (servers.weight[..., None, None, None] * moved).sum(0)

    def _servers(self, frames: Sequence[int], device: torch.device | None) -> _Servers:
        """Of some frames, for S distances in key frames."""
        reach, count = max(self.reach, LEAST_REACH), len(self.keys)
        far = math.floor(FARTHEST * reach + 1)
        steps = range(-far, far + 1)
        key = torch.zeros(len(steps), len(frames), dtype=torch.int64)
        weight, places = torch.zeros(key.shape), torch.zeros(*key.shape, *self.cells, 2)
        for column, frame in enumerate(frames):
            before = bisect_right(self.keys, frame) - 1
            fraction = self._fraction(before, frame)
            for row, step in enumerate(steps):
                number = key[row, column] = min(max(before + step, 0), count - 1)
                if abs(step - fraction) <= FARTHEST * reach and number == before + step:
                    start = self.keys[number]
                    if start == frame or bool(self._in_both(start, frame).any()):
                        weight[row, column] = math.exp(-(((step - fraction) / reach) ** 2) / 2)
                        places[row, column] = self._places(start, frame)
        used = weight.any(1)
        weight = weight / weight.sum(0).clamp(min=1e-9)
        return _Servers(key[used].to(device), weight[used].to(device), places[used].to(device))

    def _fraction(self, key: int, frame: int) -> float:
        """How much of the way from one key frame to the next a frame has behind it; after the last one as before it."""
        first = max(0, min(key, len(self.keys) - 2))
        gap = self.keys[first + 1] - self.keys[first] if len(self.keys) > 1 else len(self.points)
        return min((frame - self.keys[key]) / gap, 1.0)

    def _in_both(self, start: int, end: int) -> Tensor:
        """(P,) bool: the points that both frames show."""
        return self.visible[start] & self.visible[end]

    def _places(self, start: int, end: int) -> Tensor:
        """Where in frame `start` that is which the cells of frame `end` show, (h, w, 2) px."""
        centres, both = self.centres, self._in_both(start, end)
        if start == end or not bool(both.any()):
            return centres
        before, after = self.points[start][both], self.points[end][both]
        weight = 1 / ((centres[:, :, None] - after).square().sum(-1) + SOFTNESS)
        return centres - (weight[..., None] * (after - before)).sum(2) / weight.sum(2)[..., None]


def shifted(part: slice, start: int) -> slice:
    """The same frames of those that begin at number `start`."""
    return slice(part.start - start, part.stop - start, part.step)
