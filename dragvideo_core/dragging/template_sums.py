"""Eq. 3's sums over the frames of a whole group, sent in few bytes: sent in full they would be most of what travels in a drag.

A rank sends how its sums have changed since it last sent them in the same turn, rounded to 16 bits a number: whole units of a small
part of the largest change. It remembers what it has sent, so what was rounded off is part of the next change, and rounding does not
add up. The first time in each turn it sends the sums themselves, in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..group import LARGEST_SMALL, Group

SMALLEST = 1e-30  # of what is divided by


class TemplateSums:
    """What the ranks have sent each other in one drag. It is kept on the CPU, where all ranks round alike."""

    def __init__(self, group: Group):
        self.group = group
        self._told: dict[int, Tensor] = {}  # turn -> (T, J, S, D, C): by this rank
        self._sums: dict[int, Tensor] = {}  # the same, of all ranks

    def of_all(self, turn: int, own: dict[int, Tensor]) -> dict[int, Tensor]:
        """Step -> the sums (J, S, D, C) over the frames of all ranks, from this rank's own. Where a rank has one that is no number,
        every rank gets some that are none."""
        if self.group.size == 1:
            return own
        now = torch.stack(list(own.values())).float().cpu()
        total = self._first(turn, now) if turn not in self._told else self._changed(turn, now)
        return {step: one.to(own[step].device) for step, one in zip(own, total, strict=True)}

    def _first(self, turn: int, now: Tensor) -> Tensor:
        total = self.group.sum([now])[0]
        if bool(torch.isfinite(total).all()):
            self._told[turn], self._sums[turn] = now, total
        return total

    def _changed(self, turn: int, now: Tensor) -> Tensor:
        change = now - self._told[turn]
        largest = self.group.largest(change.abs().amax((-2, -1), keepdim=True))  # (T, J, S, 1, 1)
        if not bool(torch.isfinite(largest).all()):
            return torch.full_like(now, torch.nan)
        unit = largest.clamp(min=SMALLEST) / (LARGEST_SMALL // self.group.size)
        units = (change / unit).round()
        self._told[turn] = self._told[turn] + units * unit
        self._sums[turn] = self._sums[turn] + self.group.sum_small(units) * unit
        return self._sums[turn]
