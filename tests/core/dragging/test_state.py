"""Laws of the state: taken apart and put together again, a drag ends as if it had not been."""

import pytest
import torch

from dragvideo_core.dragging.state import LARGEST_CHUNK, chunk_of

from .small_drag import SETTINGS, small_drag


def equal(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_state_put_into_another_drag_goes_on_bit_for_bit():
    first, second = small_drag(), small_drag()
    first.iterate()
    second.state.go_on_from(first.state.taken_apart(3))
    assert second.state.done == 1
    assert equal(first.state.taken_apart(3), second.state.taken_apart(3))
    first.iterate(), second.iterate()
    assert equal(first.state.taken_apart(3), second.state.taken_apart(3))


@pytest.mark.parametrize("change", ["another shape", "not finite", "a name is missing", "too far", "before the first"])
def test_what_does_not_fit_is_not_taken_over(change):
    drag = small_drag()
    kept = drag.state.taken_apart(3)
    drag.iterate()
    if change != "before the first":
        kept = drag.state.taken_apart(3)
    if change == "another shape":
        kept["correction.3"] = torch.zeros(1)
    elif change == "not finite":
        kept["template.2"].view(-1)[0] = float("inf")
    elif change == "a name is missing":
        del kept["before.2"]
    elif change == "too far":
        kept["path"], kept["losses"] = kept["path"][[0, 1, 1, 1]], kept["losses"][[0, 0, 0]]
        assert len(kept["losses"]) > SETTINGS.iterations
    fresh = small_drag()
    fresh.state.go_on_from(kept)
    assert fresh.state.done == 0 and not any(own.any() for own in fresh.state.corrections.values.values())


def test_what_the_cpu_has_to_know_is_what_the_device_has():
    drag = small_drag()
    drag.iterate()
    state = drag.state
    assert torch.equal(state.path[-1], state.handles) and torch.equal(state.arrived_on_cpu, state.arrived)
    torch.testing.assert_close(state.remaining, (drag.plan.targets - state.handles).norm(dim=-1).mean(0))


def test_the_chunk_of_a_state():
    assert chunk_of({"chunk": torch.tensor(2)}) == 2
    for kept in (None, {}, {"chunk": torch.tensor(0)}, {"chunk": torch.tensor([1, 2])}):
        assert chunk_of(kept) == LARGEST_CHUNK
