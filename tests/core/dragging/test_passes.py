"""Laws of a pass over the frames: chunks change nothing, and what is no number is seen."""

from dataclasses import replace

import pytest
import torch

from dragvideo_core.dragging import passes

from .small_drag import SETTINGS, small_drag


@pytest.mark.parametrize("steps", [(3, 2)])
def test_chunked_gradients_equal_the_gradients_of_one_batch(steps):
    """The claim behind flat memory."""
    gradients = []
    for chunk in (1, 3):
        drag = small_drag(replace(SETTINGS, steps=steps, chunk=chunk))
        drag.iterate()
        gradients.append({step: own.grad for step, own in drag.state.corrections.values.items()})
    for step in steps:
        largest = float(gradients[1][step].abs().max())
        assert largest > 0
        torch.testing.assert_close(gradients[0][step], gradients[1][step], rtol=1e-3, atol=1e-5 * largest)


@pytest.mark.parametrize("part", ["gradients", "distances", "patches", "along"])
def test_one_number_that_is_none_is_seen_wherever_it_is(part):
    points = passes.Points(torch.zeros(3, 2, 9, 2), {3: torch.zeros(2, 9, 9, 8)}, torch.ones(3, 2, 9, dtype=torch.bool))
    supervised = passes.Supervised({3: torch.zeros(3, 4, 16, 16)}, points, moves=13)
    assert supervised.is_finite()
    getattr(supervised, part)[3].view(-1)[5] = float("nan")
    assert not supervised.is_finite()


def test_the_loss_of_a_step_trains_the_offset_of_that_step_alone():
    """No gradient goes down the chain: the one of the upper step is the same whatever the lower step asks for."""
    upper = []
    for steps in ((3, 2), (3,)):
        drag = small_drag(replace(SETTINGS, steps=steps))
        drag.iterate()
        upper.append(drag.state.corrections.values[3].grad)
    torch.testing.assert_close(*upper, rtol=1e-4, atol=1e-6)


def test_without_the_lock_eq_5_counts_with_its_weight_and_with_it_not_at_all():
    """Its gradient in a cell outside the mask is the weight times the sign of the change there."""
    for lock in (True, False):
        found = []
        for weight in (0.0, 2.0):
            drag = small_drag(replace(SETTINGS, steps=(3,), lock=lock, mask_weight=weight))
            offsets = {3: torch.full_like(drag.plan.latents[3], 0.01)}
            points = passes.Points(drag.state.handles, drag.state.templates.mean, drag.plan.visible)
            of_step, _ = passes.supervise_chunk(drag.plan, drag.measured.residuals, slice(0, 3), offsets, points)
            found.append(of_step[3])
        change, outside = found[1].gradient - found[0].gradient, (1 - drag.plan.cell_mask).expand_as(found[0].gradient)
        torch.testing.assert_close(change, 0.0 * outside if lock else 2.0 * outside, rtol=1e-4, atol=1e-4)
        assert (found[1].losses[1] > 0) == (not lock)
