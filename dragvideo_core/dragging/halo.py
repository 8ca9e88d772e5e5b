"""What the ranks of a group tell their neighbours in each iteration: the gradients of the offsets near the borders.

With a reach, a frame's offset is made of its neighbours' corrections too (`sharing.py`). A rank holds the corrections of all
frames that serve its own, its neighbours' among them, and steps them itself: the same Adam on the same gradients gives the same
corrections. So only gradients travel, of the frames at the border whose turn it is. Under the lock a gradient is zero outside
the edit mask, and stays at home.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from ..group import Group
from .sharing import Span, shifted


def restricted(turn: slice, within: slice) -> slice:
    """The key frames of a turn (start, step) that lie within others."""
    first = within.start + (turn.start - within.start) % turn.step
    return slice(first, max(first, within.stop), turn.step)


class Halo:
    """Exchanges the gradients of one drag."""

    def __init__(self, group: Group, spans: list[Span], may_change: Tensor):
        """spans: of every rank; may_change (n, 1, h, w) bool: of the frames that this rank hears, where gradients are not zero."""
        self.group, self.spans, self.own, self.may_change = group, spans, spans[group.rank], may_change

    def heard(self, gradients: dict[int, Tensor], turn: slice) -> dict[int, Tensor]:
        """Step -> gradients (m, 4, h, w) of all frames of the turn that this rank hears, from its own (n, 4, h, w)."""
        if self.group.size == 1:
            return gradients
        steps, mine, heard = sorted(gradients), restricted(turn, self.own.mine), restricted(turn, self.own.heard)
        own = torch.stack([gradients[step] for step in steps])  # (T, n, 4, h, w)
        every = own.new_zeros(len(steps), len(_numbers(heard)), *own.shape[2:])
        every[:, _places(_numbers(mine), heard)] = own
        sent, arriving = {}, {}
        for rank, span in enumerate(self.spans):
            if rank == self.group.rank:
                continue
            out, into = (_overlap(turn, *pair) for pair in ((self.own.mine, span.heard), (span.mine, self.own.heard)))
            if out:
                sent[rank] = own[:, _places(out, mine)][:, self._cells(out, own)].flatten()
            if into:
                arriving[rank] = into, self._cells(into, own)
        counts = {rank: len(steps) * int(cells.sum()) for rank, (_, cells) in arriving.items()}
        for rank, numbers in self.group.exchange(sent, counts).items():
            into, cells = arriving[rank]
            block = own.new_zeros(len(steps), *cells.shape)
            block[:, cells] = rearrange(numbers.to(own), "(t cell) -> t cell", t=len(steps))
            every[:, _places(into, heard)] = block
        return dict(zip(steps, every, strict=True))

    def _cells(self, numbers: range, like: Tensor) -> Tensor:
        """(n, 4, h, w) bool: the numbers of gradients that travel."""
        part = slice(numbers.start, numbers.stop, numbers.step)
        return self.may_change[shifted(part, self.own.heard.start)].expand(-1, like.shape[2], -1, -1)


def _numbers(part: slice) -> range:
    return range(part.start, part.stop, part.step)


def _overlap(turn: slice, one: slice, two: slice) -> range:
    start = max(one.start, two.start)
    return _numbers(restricted(turn, slice(start, max(start, min(one.stop, two.stop)))))


def _places(numbers: range, among: slice) -> list[int]:
    """Where frames of a turn are among others of the same turn."""
    return [(number - among.start) // among.step for number in numbers]
