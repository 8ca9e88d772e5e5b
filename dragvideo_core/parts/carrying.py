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

from ..types import PointTracks
from .sampling import cell_centres, lookup

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
        self.shares = [self._shares(phase) for phase in range(min(every, len(self.points)))]

    def among_keys(self, corrections: Tensor) -> Tensor:
        """What each key frame is changed by, (K, 4, h, w)."""
        return corrections if self.reach == 0 else self._carried(corrections, 0)

    def to_all(self, corrections: Tensor) -> Tensor:
        """What each frame is changed by, (N, 4, h, w)."""
        found = corrections.new_zeros(len(self.points), *corrections.shape[1:])
        for phase in range(len(self.shares)):
            found[phase::self.every] = self.among_keys(corrections) if phase == 0 else self._carried(corrections, phase)
        return found

    def moves_to_all(self, moves: Tensor) -> Tensor:
        """Moves of points in the key frames (K, ...) to those of all frames (N, ...)."""
        found = moves.new_zeros(len(self.points), *moves.shape[1:])
        for phase, shares in enumerate(self.shares):
            for there, here, weight, _ in shares if phase else ():
                found[phase::self.every][there] += weight.to(moves.device).view(-1, *[1] * (moves.dim() - 1)) * moves[here]
        found[::self.every] = moves
        return found

    def _carried(self, corrections: Tensor, phase: int) -> Tensor:
        """For the frames `phase` after each key frame."""
        own = corrections.to(self.device)
        found = own.new_zeros(len(range(phase, len(self.points), self.every)), *own.shape[1:])
        for there, here, weight, places in self.shares[phase]:
            moved = lookup(own[here], places, self.size).permute(0, 3, 1, 2)
            padded = torch.zeros_like(found)
            padded[there] = weight.view(-1, 1, 1, 1) * moved
            found = found + padded
        return found.to(corrections.device)

    def _shares(self, phase: int) -> list[tuple[slice, slice, Tensor, Tensor]]:
        """Per distance in key frames: frames it serves (of this phase), key frames that serve, weights, places in px."""
        frames, keys = (list(range(first, len(self.points), self.every)) for first in (phase, 0))
        fraction, reach = phase / self.every, max(self.reach, 0.5)
        far = math.floor(FARTHEST * reach + 1)
        steps = [step for step in range(-far, far + 1) if abs(step - fraction) <= FARTHEST * reach] or [0]
        found, total = [], torch.zeros(len(frames))
        for step in steps:
            first, last = max(0, -step), min(len(frames), len(keys) - step)
            if first >= last:
                continue
            pairs = [(keys[i + step], frames[i]) for i in range(first, last)]
            served = torch.tensor([start == end or bool(self._in_both(start, end).any()) for start, end in pairs])
            weight = served * math.exp(-((step - fraction) / reach) ** 2 / 2)
            total[first:last] += weight
            places = torch.stack([self._places(start, end) for start, end in pairs])
            found.append((slice(first, last), slice(first + step, last + step), weight, places))
        return [
            (there, here, (weight / total[there].clamp(min=1e-9)).to(self.device), places.to(self.device))
            for there, here, weight, places in found
        ]

    def _in_both(self, start: int, end: int) -> Tensor:
        """(P,) bool: the points that both frames show."""
        return self.visible[start] & self.visible[end]

    def _places(self, start: int, end: int) -> Tensor:
        """Where in frame `start` that is which the cells of frame `end` show, (h, w, 2) px."""
        here = cell_centres(self.cells, self.size)
        both = self._in_both(start, end)
        if start == end or not bool(both.any()):
            return here
        before, after = self.points[start][both], self.points[end][both]
        weight = 1 / ((here[:, :, None] - after).square().sum(-1) + SOFTNESS)
        return here - (weight[..., None] * (after - before)).sum(2) / weight.sum(2)[..., None]
