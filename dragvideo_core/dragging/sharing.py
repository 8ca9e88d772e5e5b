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
SOFTNESS = 4.0  # px^2


@dataclass(frozen=True)
class _Servers:
    """Which key frames serve the n frames of one phase: S each."""

    key: Tensor  # (S, n) int64: number of the key frame
    weight: Tensor  # (S, n): adds up to 1 over S
    places: Tensor  # (S, n, h, w, 2) px: where in the key frame that is which the frame's cells show

    def of(self, frames: slice) -> _Servers:
        """Those of some of the n frames."""
        return _Servers(self.key[:, frames], self.weight[:, frames], self.places[:, frames])


class Sharing:
    """From corrections of key frames (K, 4, h, w) to those of all: linear, and differentiable in the corrections."""

    def __init__(self, tracks: PointTracks, cells: Size, every: int, reach: float, device: torch.device | None = None):
        """every: frames from one key frame to the next, the first frame is one; reach: in key frames, 0: none; device: that of
        the corrections."""
        self.every, self.reach, self.cells = every, reach, cells
        self.points = rearrange([tracks.handles, tracks.targets], "two n j s xy -> n (j two s) xy")  # (N, P, 2)
        self.visible = rearrange([tracks.visible, tracks.visible], "two n j s -> n (j two s)")
        self.size = size_of(tracks.edit_mask)
        self.centres = cell_centres(cells, self.size)
        self.servers = [self._servers(phase, device) for phase in range(min(every, len(self.points)))]

    def to_keys(self, corrections: Tensor, which: slice = slice(None)) -> Tensor:
        """What each of these key frames is changed by, (k, 4, h, w)."""
        return corrections[which] if self.reach == 0 else self._shared(corrections, self.servers[0].of(which))

    def to_all(self, corrections: Tensor) -> Tensor:
        """What each frame is changed by, (N, 4, h, w)."""
        changes = corrections.new_zeros(len(self.points), *corrections.shape[1:])
        for phase, servers in enumerate(self.servers):
            changes[phase :: self.every] = self.to_keys(corrections) if phase == 0 else self._shared(corrections, servers)
        return changes

    def moves_to_all(self, moves: Tensor) -> Tensor:
        """Moves of points in the key frames (K, ...) to those of all frames (N, ...)."""
        all_moves = moves.new_zeros(len(self.points), *moves.shape[1:])
        for phase, servers in enumerate(self.servers):
            key, weight = servers.key.to(moves.device), servers.weight.to(moves.device)
            weight = weight.view(*key.shape, *[1] * (moves.dim() - 1))
            all_moves[phase :: self.every] = (weight * moves[key]).sum(0)
        all_moves[:: self.every] = moves
        return all_moves

    def _shared(self, corrections: Tensor, servers: _Servers) -> Tensor:
        """What n frames are changed by, (n, 4, h, w)."""
        served = corrections[rearrange(servers.key, "s n -> (s n)")]
        moved = lookup(served, rearrange(servers.places, "s n h w xy -> (s n) h w xy"), self.size)
        moved = rearrange(moved, "(s n) h w c -> s n c h w", s=len(servers.key))
        return (servers.weight[..., None, None, None] * moved).sum(0)

    def _servers(self, phase: int, device: torch.device | None) -> _Servers:
        """Of the frames that come `phase` after each key frame, for S distances in key frames."""
        frames, keys = (list(range(first, len(self.points), self.every)) for first in (phase, 0))
        fraction, reach = phase / self.every, max(self.reach, 0.5)
        far = math.floor(FARTHEST * reach + 1)
        steps = [step for step in range(-far, far + 1) if abs(step - fraction) <= FARTHEST * reach] or [0]
        key = torch.tensor([[min(max(i + step, 0), len(keys) - 1) for i in range(len(frames))] for step in steps])
        weight, places = torch.zeros(key.shape), torch.zeros(*key.shape, *self.cells, 2)
        for row, step in enumerate(steps):
            for i, end in enumerate(frames):
                start = keys[int(key[row, i])]
                if 0 <= i + step < len(keys) and (start == end or bool(self._in_both(start, end).any())):
                    weight[row, i] = math.exp(-(((step - fraction) / reach) ** 2) / 2)
                    places[row, i] = self._places(start, end)
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
