"""The sentence about a drag tells its numbers."""

import pytest
import torch

from dragvideo_core.dragging.verdict import verdict
from dragvideo_core.types import DragResult, Round


def edit(arrived, iterations, left_after=1.25):
    path = torch.zeros(iterations + 1, 2, len(arrived), 9, 2)
    rounds = (Round("{}", iterations, left_before=20.0, left_after=left_after),)
    return DragResult({}, path, torch.zeros(iterations, 2), torch.tensor(arrived), rounds)


@pytest.mark.parametrize(
    "arrived, iterations, parts",
    [
        ([True], 1, ["The handle arrived after 1 iteration:", "1.2 px of 20.0 px"]),
        ([True, True], 27, ["All 2 handles arrived after 27 iterations"]),
        ([True, False], 60, ["1 of 2 handles arrived after 60 iterations", "Raise 'iterations'"]),
        ([False], 0, ["No iterations were asked for", "Decode Edit"]),
    ],
)
def test_it_says_how_many_arrived_and_when(arrived, iterations, parts):
    said = verdict(edit(arrived, iterations))
    assert all(part in said for part in parts), said


def test_an_edit_without_a_record_is_told_too():
    bare = DragResult({}, torch.zeros(4, 2, 1, 9, 2), torch.zeros(3, 2), torch.tensor([True]))
    assert verdict(bare) == "The handle arrived after 3 iterations."
