"""Laws of the chain of offsets."""

import pytest
import torch
from core.tiny import tiny_clip, tiny_model

from dragvideo_core.diffusion.ddim import Ddim
from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.dragging import offsets
from dragvideo_core.stages.invert import invert
from dragvideo_core.types import UserError


def test_chain_residuals_give_the_inverted_latents_back():
    model = tiny_model()
    inversion, ddim, above = invert(tiny_clip(2), model), Ddim(model.alphas_cumprod, "epsilon"), None
    for step in (42, 41, 35, 30):
        z_t = inversion.latents[step]
        if above is not None:
            r_t = offsets.residual(ddim, *above[1:], z_t, above[0], step)
            from_above = ddim.move(above[1], above[2], above[0], step) + r_t
            x_t = offsets.add_offset(z_t, from_above, torch.zeros_like(z_t), None)
            torch.testing.assert_close(x_t, z_t, rtol=1e-4, atol=1e-4)
        above = (step, z_t, predict(model, z_t, ddim.timestep(step)))


def test_the_mask_holds_the_offset_and_what_comes_from_above():
    z_t, mask = torch.randn(1, 4, 2, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 1, 2, 2)
    x_t = offsets.add_offset(z_t, z_t + 3, torch.full_like(z_t, 2.0), mask)
    torch.testing.assert_close(x_t, z_t + 5 * mask)


@pytest.mark.parametrize("chained, leads_on", [(True, [True, True, False]), (False, [False, False, False])])
def test_the_output_is_needed_only_where_the_chain_goes_on(chained, leads_on):
    model = tiny_model()
    chain = offsets.Chain(model, Ddim(model.alphas_cumprod, "epsilon"), (9, 5, 2), chained)
    assert [chain.leads_on(step) for step in chain.steps] == leads_on


def test_steps_are_put_in_order_and_bad_ones_refused():
    assert offsets.check_steps((30, 42, 35), 42) == (42, 35, 30)
    for steps in ((), (3, 3), (43,), (0,)):
        with pytest.raises(ValueError, match="drag steps must"):
            offsets.check_steps(steps, 42)


def test_an_edit_of_other_steps_or_of_another_clip_is_refused():
    latents = torch.zeros(6, 2, 4, 8, 8)
    offsets.check_offsets({5: torch.zeros(2, 4, 8, 8)}, latents)
    with pytest.raises(UserError, match="ends at 5"):
        offsets.check_offsets({6: torch.zeros(2, 4, 8, 8)}, latents)
    with pytest.raises(UserError, match="same clip"):
        offsets.check_offsets({5: torch.zeros(3, 4, 8, 8)}, latents)
