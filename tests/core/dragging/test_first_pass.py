"""Laws of the pass before the first iteration."""

from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_model, tiny_tracks

from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.dragging.passes import denoiser_input

from .small_drag import SETTINGS, small_drag, small_inversion


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_patches_are_summed_up_by_turn_whatever_the_chunks(chunk):
    model, tracks = tiny_model(), tiny_tracks(5)
    inversion = small_inversion(model, 5)
    whole, chunked = (
        small_drag(replace(SETTINGS, turns=2, chunk=c), inversion, tracks, model).measured.patch_sums for c in (5, chunk)
    )
    alone = []
    for turn in range(2):
        few = replace(inversion, latents=inversion.latents[:, turn::2])
        of_turn = tracks.of_frames(slice(turn, None, 2))
        alone.append(small_drag(replace(SETTINGS, chunk=5), few, of_turn, model).measured.patch_sums)
    for step in SETTINGS.steps:
        torch.testing.assert_close(chunked[step], whole[step], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(whole[step], torch.cat([sums[step] for sums in alone]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("warm_start", [False, True])
def test_the_initial_offsets_alone_give_back_the_latents_that_were_measured(warm_start):
    """At every step of the chain: the inverted latents, or the displaced ones."""
    drag, from_above = small_drag(replace(SETTINGS, warm_start=warm_start)), None
    every, chain = slice(0, 3), drag.plan.chain
    for step in drag.plan.steps:
        x_t = denoiser_input(drag.plan, drag.measured.residuals, step, every, from_above, drag.initial.key_offsets[step])
        torch.testing.assert_close(x_t, drag.initial.latents[step], rtol=1e-4, atol=1e-4)
        output = predict(chain.model, x_t, chain.ddim.timestep(step)) if chain.leads_on(step) else None
        from_above = chain.onward(x_t, output, step)
    assert torch.equal(x_t, drag.plan.latents[2]) != warm_start
