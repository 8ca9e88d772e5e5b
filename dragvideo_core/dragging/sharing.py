"""One change for neighbouring frames: what the drag finds in a frame serves others too, moved along the propagated motion.

In the paper every frame has latent offsets of its own, and what a frame's optimisation adds by chance flickers. Here the
offset of frame j is its initial one plus a mean of its neighbours' corrections c_i, each moved as the points move:

    offset_j = initial_j + sum_i w_ij c_i(p - m_ij(p)) / sum_i w_ij,    w_ij = exp(-(i - j)^2 / (2 reach^2))

with m_ij the motion from frame i to j, at cell p the mean of the points' motions weighted by 1 / (|p - point|^2 + 4). The
corrections are what Adam optimises; they may be those of key frames only, every n-th frame, and reach the frames between in
the same way (i and reach then count key frames). A frame is not served by one with which it has no visible point in common.
Our addition; its effect is measured by `make bench-quality`.
"""

from __future__ import annotations

import math
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


def frames_of(mine: slice, every: int, count: int) -> slice:
    """Which of all `count` frames go with key frames: these, and each one's followers up to the next key frame."""
    return slice(min(mine.start * every, count), min(mine.stop * every, count))


@dataclass(frozen=True)
class _Servers:
    """Which key frames serve the n frames of one phase: S each."""

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
        every: int,
        reach: float,
        device: torch.device | None = None,
        mine: slice | None = None,
    ):
        """every: frames from one key frame to the next, the first frame is one; reach: in key frames, 0: none; device: that of
        the corrections; mine: the key frames that this rank of a group works on, None: all."""
        self.every, self.reach, self.cells = every, reach, cells
        self.points = rearrange([tracks.handles, tracks.targets], "two n j s xy -> n (j two s) xy")  # (N, P, 2)
        self.visible = rearrange([tracks.visible, tracks.visible], "two n j s -> n (j two s)")
        self.size = size_of(tracks.edit_mask)
        self.centres = cell_centres(cells, self.size)
        keys = len(range(0, len(self.points), every))
        self.span = span(mine or slice(0, keys), keys, reach)
        self.frames = frames_of(self.span.mine, every, len(self.points))
        of_keys = self._servers(0, self.span.heard, device).among(self.span.held)
        between = [self._servers(phase, self.span.mine, device) for phase in range(1, min(every, len(self.points)))]
        self.servers = [of_keys, *between]

    def to_keys(self, corrections: Tensor, which: slice | None = None) -> Tensor:
        """What each of these key frames (numbers of all, among those that are heard; None: all of them) is changed by,
        (k, 4, h, w), by the corrections that are held."""
        which = self.span.heard if which is None else which
        if self.reach == 0:
            return corrections[shifted(which, self.span.held.start)]
        return self._shared(corrections, self.servers[0].of(shifted(which, self.span.heard.start)))

    def to_all(self, corrections: Tensor) -> Tensor:
        """What each of this rank's frames is changed by, (n, 4, h, w), by the corrections of all K key frames."""
        changes = corrections.new_zeros(self.frames.stop - self.frames.start, *corrections.shape[1:])
        changes[:: self.every] = self.to_keys(corrections[self.span.held], self.span.mine)
        for phase, servers in enumerate(self.servers[1:], 1):
            changes[phase :: self.every] = self._shared(corrections, servers)
        return changes

    def moves_to_all(self, moves: Tensor) -> Tensor:
        """Moves of points in the key frames (K, ...) to those of this rank's frames (n, ...)."""
        all_moves = moves.new_zeros(self.frames.stop - self.frames.start, *moves.shape[1:])
        all_moves[:: self.every] = moves[self.span.mine]
        for phase, servers in enumerate(self.servers[1:], 1):
            key, weight = servers.key.to(moves.device), servers.weight.to(moves.device)
            weight = weight.view(*key.shape, *[1] * (moves.dim() - 1))
            all_moves[phase :: self.every] = (weight * moves[key]).sum(0)
        return all_moves

    def _shared(self, corrections: Tensor, servers: _Servers) -> Tensor:
        """What n frames are changed by, (n, 4, h, w)."""
        if not servers.key.numel():
            return corrections[:0]
        served = corrections[rearrange(servers.key, "s n -> (s n)")]
        moved = lookup(served, rearrange(servers.places, "s n h w xy -> (s n) h w xy"), self.size)
        moved = rearrange(moved, "(s n) h w c -> s n c h w", s=len(servers.key))
        return (servers.weight[..., None, None, None] * moved).sum(0)

    def _servers(self, phase: int, after: slice, device: torch.device | None) -> _Servers:
        """Of the frames that come `phase` after each of some key frames, for S distances in key frames."""
        keys = list(range(0, len(self.points), self.every))
        numbers = [i for i in range(after.start, after.stop) if keys[i] + phase < len(self.points)]
        fraction, reach = phase / self.every, max(self.reach, LEAST_REACH)
        far = math.floor(FARTHEST * reach + 1)
        steps = [step for step in range(-far, far + 1) if abs(step - fraction) <= FARTHEST * reach] or [0]
        key = torch.tensor([[min(max(i + step, 0), len(keys) - 1) for i in numbers] for step in steps], dtype=torch.int64)
        weight, places = torch.zeros(key.shape), torch.zeros(*key.shape, *self.cells, 2)
        for row, step in enumerate(steps):
            for column, i in enumerate(numbers):
                start, end = keys[int(key[row, column])], keys[i] + phase
                if 0 <= i + step < len(keys) and (start == end or bool(self._in_both(start, end).any())):
                    weight[row, column] = math.exp(-(((step - fraction) / reach) ** 2) / 2)
                    places[row, column] = self._places(start, end)
        weight = weight / weight.sum(0).clamp(min=1e-9)
        return _Servers(key.to(device), weight.to(device), places.to(device))

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
