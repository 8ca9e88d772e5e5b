"""Laws of the corrections: one step is Adam's, and a step that is no number is taken back."""

import pytest
import torch

from dragvideo_core.dragging.corrections import Corrections
from dragvideo_core.types import UserError


def test_a_step_is_adams_on_what_the_frames_are_changed_by():
    corrections = Corrections({3: torch.zeros(2, 4, 2, 2)}, 0.05)
    gradient = torch.randn(2, 4, 2, 2)
    corrections.step({3: 2 * corrections.values[3]}, {3: gradient})  # changed by twice the correction
    torch.testing.assert_close(corrections.values[3].grad, 2 * gradient)
    torch.testing.assert_close(corrections.values[3].detach(), -0.05 * gradient.sign(), rtol=1e-4, atol=1e-6)
    assert not corrections.before[3].any()


def test_a_skipped_step_takes_half_of_the_last_back_and_halves_the_rate():
    corrections = Corrections({3: torch.zeros(1, 4, 2, 2)}, 0.04)
    corrections.step({3: corrections.values[3] * 1}, {3: torch.ones(1, 4, 2, 2)})
    with pytest.warns(UserWarning, match="iteration 2.*halved to 0.02"):
        corrections.skip(2)
    torch.testing.assert_close(corrections.values[3].detach(), torch.full((1, 4, 2, 2), -0.02))
    assert corrections.learning_rate == 0.02


def test_after_three_it_is_given_up():
    corrections = Corrections({3: torch.zeros(1, 4, 2, 2)}, 0.04)
    with pytest.warns(UserWarning), pytest.raises(UserError, match="not finite 3 times"):
        for _ in range(3):
            corrections.skip(1)
