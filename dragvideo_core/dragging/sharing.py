"""One change for neighbouring frames: what the drag finds in a frame is carried to others along the propagated motion.

In the paper every frame has latent offsets of its own, and what a frame's optimisation adds by chance flickers. Here the
offset of frame j is what the frame began with plus a mean of its neighbours' corrections c_i, each moved as the points move:

    offset_j = start_j + sum_i w_ij c_i(p - m_ij(p)) / sum_i w_ij,    w_ij = exp(-(i - j)^2 / (2 reach^2))

with m_ij the motion from frame i to j, at cell p the mean of the points' motions weighted by 1 / (|p - point|^2 + 4). The
corrections are what Adam optimises; they may be those of key frames only, every n-th frame, and reach the frames between in
the same way (i and reach then count key frames). A frame is not served by one with which it has no visible point in common.
Our addition; its effect is measured by `make bench-quality`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..points.sampling import cell_centres, lookup
from ..types import PointTracks

FARTHEST = 2.0  # in units of the reach: corrections from farther away weigh nothing
SOFTNESS = 4.0  # px^2


class Carrying:
    """From corrections of key frames (K, 4, h, w) to those of all: linear, and differentiable in the corrections."""

    def __init__(self, tracks: PointTracks, cells: tuple[int, int], every: int, reach: float, device=None):
        """every: frames from one key frame to the next, the first frame is one; reach: in key frames, 0: none; device: where
        it works, whatever device the corrections come from and what is carried goes back to."""
        self.every, self.reach, self.cells, self.device = every, reach, cells, device
        self.points = torch.cat([tracks.handles, tracks.targets], 2).flatten(1, 2)  # (N, P, 2)
        self.visible = torch.cat([tracks.visible, tracks.visible], 2).flatten(1, 2)
        self.size = tuple(tracks.edit_mask.shape[-2:])
        self.centres = cell_centres(cells, self.size)
        self.shares = [self._shares(phase) for phase in range(min(every, len(self.points)))]

    def among_keys(self, corrections: Tensor, which: slice = slice(None)) -> Tensor:
        """What each of these key frames is changed by, (k, 4, h, w)."""
        return corrections[which] if self.reach == 0 else self._carried(corrections, 0, which)

    def to_all(self, corrections: Tensor) -> Tensor:
        """What each frame is changed by, (N, 4, h, w)."""
        found = corrections.new_zeros(len(self.points), *corrections.shape[1:])
        for phase in range(len(self.shares)):
            found[phase :: self.every] = self.among_keys(corrections) if phase == 0 else self._carried(corrections, phase)
        return found

    def moves_to_all(self, moves: Tensor) -> Tensor:
        """Moves of points in the key frames (K, ...) to those of all frames (N, ...)."""
        found = moves.new_zeros(len(self.points), *moves.shape[1:])
        for phase, (here, weight, _) in enumerate(self.shares):
            served = moves[here.to(moves.device)]  # (S, n, ...)
            found[phase :: self.every] = (weight.to(moves.device).view(*here.shape, *[1] * (moves.dim() - 1)) * served).sum(0)
        found[:: self.every] = moves
        return found

    def _carried(self, corrections: Tensor, phase: int, which: slice = slice(None)) -> Tensor:
        """For the frames `phase` after each key frame, or for some of these."""
        here, weight, places = (share[:, which] for share in self.shares[phase])
        served = corrections.to(self.device)[here.flatten()]
        moved = lookup(served, places.flatten(0, 1), self.size).unflatten(0, here.shape)  # (S, n, h, w, 4)
        return (weight[..., None, None, None] * moved).sum(0).permute(0, 3, 1, 2).to(corrections.device)

    def _shares(self, phase: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of the n frames of this phase, for S distances in key frames: the key frame that serves (S, n), its weight (S, n),
        and where in it that is which the frame's cells show, (S, n, h, w, 2) px."""
        frames, keys = (list(range(first, len(self.points), self.every)) for first in (phase, 0))
        fraction, reach = phase / self.every, max(self.reach, 0.5)
        far = math.floor(FARTHEST * reach + 1)
        steps = [step for step in range(-far, far + 1) if abs(step - fraction) <= FARTHEST * reach] or [0]
        here = torch.tensor([[min(max(i + step, 0), len(keys) - 1) for i in range(len(frames))] for step in steps])
        weight, places = torch.zeros(here.shape), torch.zeros(*here.shape, *self.cells, 2)
        for row, step in enumerate(steps):
            for i, end in enumerate(frames):
                start = keys[int(here[row, i])]
                if 0 <= i + step < len(keys) and (start == end or bool(self._in_both(start, end).any())):
                    weight[row, i] = math.exp(-(((step - fraction) / reach) ** 2) / 2)
                    places[row, i] = self._places(start, end)
        weight = weight / weight.sum(0).clamp(min=1e-9)
        return here.to(self.device), weight.to(self.device), places.to(self.device)

    def _in_both(self, start: int, end: int) -> Tensor:
        """(P,) bool: the points that both frames show."""
        return self.visible[start] & self.visible[end]

    def _places(self, start: int, end: int) -> Tensor:
        """Where in frame `start` that is which the cells of frame `end` show, (h, w, 2) px."""
        here, both = self.centres, self._in_both(start, end)
        if start == end or not bool(both.any()):
            return here
        before, after = self.points[start][both], self.points[end][both]
        weight = 1 / ((here[:, :, None] - after).square().sum(-1) + SOFTNESS)
        return here - (weight[..., None] * (after - before)).sum(2) / weight.sum(2)[..., None]
