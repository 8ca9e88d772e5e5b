"""Laws of one iteration: it skips what is no number, and moves the handles of all frames alike."""

from dataclasses import replace

import pytest
import torch

from dragvideo_core.dragging import passes

from .small_drag import SETTINGS, small_drag


@pytest.mark.parametrize("part", ["gradient", "losses", "distance", "patches", "along"])
def test_an_iteration_with_anything_that_is_no_number_changes_nothing(monkeypatch, part):
    """Distances of Eq. 6 that are NaN must not move the handle, and patches that are must not get into the templates."""
    drag, plain = small_drag(), passes.supervise_chunk

    def broken(*inputs):
        of_step, lowest = plain(*inputs)
        of_step[2] = replace(of_step[2], **{part: torch.full_like(getattr(of_step[2], part), float("nan"))})
        return of_step, lowest

    drag.iterate()
    before = drag.state.taken_apart(3)
    monkeypatch.setattr(passes, "supervise_chunk", broken)
    with pytest.warns(UserWarning, match="iteration 2"):
        assert drag.iterate() is False
    after = drag.state.taken_apart(3)
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"correction", "learning_rate"} and drag.state.is_whole


def test_all_frames_move_alike_and_never_past_their_targets():
    drag = small_drag()
    drag.iterate()
    moved = drag.state.path[-1] - drag.state.path[0]
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), atol=1e-4, rtol=0)
    before = (drag.plan.targets - drag.state.path[0]).norm(dim=-1)
    assert bool((moved.norm(dim=-1) <= before + 1e-4).all())


def test_sets_that_have_arrived_stay(monkeypatch):
    drag = small_drag(replace(SETTINGS, arrive=100.0))
    assert drag.state.all_arrived
    drag.iterate()
    assert torch.equal(drag.state.path[0], drag.state.path[1])
