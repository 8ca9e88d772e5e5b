"""Laws of the inversion as a stage."""

from dataclasses import replace

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model

from dragvideo_core.diffusion.ddim import Ddim, stable_diffusion_alphas
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_steps_between_two_calls_lie_on_the_way(monkeypatch, prediction):
    """A denoiser that always sees the same clean picture and noise: every latent is their mixture, whatever the stride."""
    clean, noise = 0.3 * torch.randn(2, 4, 16, 16), torch.randn(2, 4, 16, 16)
    model, alphas = tiny_model(prediction), stable_diffusion_alphas()

    def knowing(model, latents, timestep):
        signal, sigma = alphas[timestep] ** 0.5, (1 - alphas[timestep]) ** 0.5
        return noise if prediction == "epsilon" else signal * noise - sigma * clean

    monkeypatch.setattr("dragvideo_core.stages.invert.predict", knowing)
    ddim = Ddim(alphas, prediction)
    given = ddim.alpha(0) ** 0.5 * clean + (1 - ddim.alpha(0)) ** 0.5 * noise
    for stride in (1, 3):
        latents = invert(tiny_clip(2), model, InvertSettings(until=10, stride=stride, chunk=2), given=given).latents
        for step in range(11):
            wanted = ddim.alpha(step) ** 0.5 * clean + (1 - ddim.alpha(step)) ** 0.5 * noise
            torch.testing.assert_close(latents[step], wanted, rtol=1e-4, atol=1e-5)


def test_chunks_do_not_change_the_inversion():
    model, clip = tiny_model(), tiny_clip(3)
    one, all_ = (invert(clip, model, InvertSettings(until=3, chunk=c)).latents for c in (1, 3))
    torch.testing.assert_close(one, all_, rtol=1e-4, atol=1e-5)


def test_until_beyond_the_schedule_is_refused():
    with pytest.raises(UserError, match="between 1 and 50"):
        invert(tiny_clip(1), tiny_model(), InvertSettings(until=51))


def test_latents_made_elsewhere_are_taken_as_they_are():
    model, settings = tiny_model(), InvertSettings(until=2)
    wanted = invert(tiny_clip(2), model, settings).latents
    encoded = model.vae.encode(tiny_clip(2).frames)
    model = replace(model, vae=None)
    assert torch.equal(invert(tiny_clip(2), model, settings, given=encoded.half().float()).latents[0], encoded.half().float())
    assert torch.equal(invert(tiny_clip(2), model, settings, given=encoded).latents, wanted)


@pytest.mark.faults
@pytest.mark.parametrize(
    "given, words",
    [
        (torch.zeros(1, 4, 16, 16), r"\(2, 4, 16, 16\).*got \(1, 4, 16, 16\)"),
        (torch.zeros(2, 16, 16, 16), "got"),
        (torch.zeros(2, 4, 8, 16), "got"),
        (torch.zeros(1, 4, 2, 16, 16), "got"),
        (torch.full((2, 4, 16, 16), torch.nan), "NaN"),
    ],
)
def test_latents_that_are_not_the_clips(given, words):
    with pytest.raises(UserError, match=words):
        invert(tiny_clip(2), tiny_model(), InvertSettings(until=2), given=given)


@pytest.mark.parametrize("stride, calls", [(1, 3), (2, 2), (7, 1)])
def test_a_stride_inverts_with_one_call_for_so_many_steps(stride, calls):
    model = tiny_model()
    assert rows_of(model.denoiser, lambda: invert(tiny_clip(3), model, InvertSettings(until=3, stride=stride))) == 3 * calls
