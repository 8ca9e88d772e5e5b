"""Laws of what neighbours tell each other: every rank hears the gradients of just the frames that change what it holds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dragvideo_core.dragging.halo import Halo, restricted
from dragvideo_core.dragging.sharing import shifted, span
from dragvideo_core.group import Group

CELLS = (4, 4)


class Posted(Group):
    """A rank whose letters lie in a dictionary of all ranks: (from, to) -> numbers."""

    def __init__(self, rank: int, size: int, letters: dict[tuple[int, int], Tensor]):
        self.rank, self.size, self.letters = rank, size, letters

    def exchange(self, sent: dict[int, Tensor], wanted: dict[int, int]) -> dict[int, Tensor]:
        self.letters |= {(self.rank, to): numbers for to, numbers in sent.items()}
        arriving = {rank: self.letters.get((rank, self.rank), torch.zeros(count)) for rank, count in wanted.items()}
        assert {rank: len(numbers) for rank, numbers in arriving.items()} == wanted
        return arriving


def heard_by_all(count: int, size: int, reach: float, turn: slice, mask: Tensor, gradients: dict[int, Tensor]):
    """Each rank's span and what it hears, and all letters."""
    letters: dict[tuple[int, int], Tensor] = {}
    made = []
    for _ in range(2):  # the first time round nobody has written yet
        made = []
        for rank in range(size):
            group = Posted(rank, size, letters)
            spans = [span(group.share(count, other), count, reach) for other in range(size)]
            mine = restricted(turn, spans[rank].mine)
            own = {step: values[mine] for step, values in gradients.items()}
            made.append((spans[rank], Halo(group, spans, mask[spans[rank].heard]).heard(own, turn)))
    return made, letters


@pytest.mark.parametrize("count, size", [(9, 1), (9, 2), (9, 3), (7, 3), (2, 3), (12, 2)])
@pytest.mark.parametrize("reach", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("first, turns", [(0, 1), (0, 2), (1, 2), (2, 3)])
def test_a_rank_hears_what_one_process_would_know(count, size, reach, first, turns):
    generator, turn = torch.Generator().manual_seed(0), slice(first, count, turns)
    mask = torch.rand(count, 1, *CELLS, generator=generator) < 0.5
    gradients = {step: torch.randn(count, 4, *CELLS, generator=generator) * mask for step in (3, 2)}
    made, _ = heard_by_all(count, size, reach, turn, mask, gradients)
    for spanned, heard in made:
        for step, values in heard.items():
            assert torch.equal(values, gradients[step][restricted(turn, spanned.heard)])


def test_what_travels_does_not_grow_with_the_clip_nor_beyond_the_mask():
    sizes = []
    for count, share in ((16, 1.0), (64, 1.0), (64, 0.25)):
        mask = torch.zeros(count, 1, *CELLS, dtype=torch.bool)
        mask[..., : int(4 * share)] = True
        gradients = {3: torch.ones(count, 4, *CELLS) * mask}
        _, letters = heard_by_all(count, 2, 1.0, slice(0, count, 2), mask, gradients)
        sizes.append(letters[0, 1].numel())
    assert sizes == [2 * 4 * 16, 2 * 4 * 16, 2 * 4 * 4]  # four frames on each side of the border, every second one's turn


def test_frames_of_a_turn_within_others():
    assert [*range(20)][restricted(slice(1, 20, 3), slice(5, 12))] == [7, 10]
    assert [*range(20)][restricted(slice(0, 20, 2), slice(5, 6))] == []
    assert shifted(slice(7, 12, 3), 5) == slice(2, 7, 3)
