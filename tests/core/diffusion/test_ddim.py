from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model
from diffusers import DDIMScheduler

from dragvideo_core.diffusion.ddim import Ddim, stable_diffusion_alphas
from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError


def scheduler(prediction):
    made = DDIMScheduler(
        1000, 0.00085, 0.012, "scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type=prediction
    )
    made.set_timesteps(50)
    return made


def test_schedule_is_stable_diffusions():
    torch.testing.assert_close(stable_diffusion_alphas(), scheduler("epsilon").alphas_cumprod, rtol=1e-5, atol=1e-7)


def test_steps_are_the_papers_timesteps():
    ddim = Ddim(stable_diffusion_alphas(), "epsilon")
    assert [ddim.timestep(s) for s in (42, 41, 35, 30, 1, 0)] == [821, 801, 681, 581, 1, 0]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_denoising_equals_diffusers_on_the_same_model(prediction):
    model = tiny_model(prediction)
    theirs, ddim = scheduler(prediction), Ddim(model.alphas_cumprod, prediction)
    x = y = torch.randn(2, 4, 16, 16)
    for step, timestep in zip(range(50, 0, -1), theirs.timesteps, strict=True):
        assert ddim.timestep(step) == timestep
        x = ddim.move(x, predict(model, x, ddim.timestep(step)), step, step - 1)
        y = theirs.step(predict(model, y, int(timestep)), timestep, y).prev_sample
    torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("step", [0, 7, 41])
def test_inverting_a_move_with_the_same_output_is_exact(prediction, step):
    ddim = Ddim(stable_diffusion_alphas().double(), prediction)
    x, output = torch.randn(2, 4, 4, 4, dtype=torch.float64), torch.randn(2, 4, 4, 4, dtype=torch.float64)
    there = ddim.invert_move(x, output, step, step + 1)
    torch.testing.assert_close(ddim.move(there, output, step + 1, step), x)


def test_an_analytic_denoiser_is_inverted_and_sampled_back():
    """The noise of a Gaussian of known width is linear in x_t: with small steps DDIM must come back to the start."""
    ddim = Ddim(stable_diffusion_alphas(), "epsilon", total=200)

    def output(x, step):
        return (1 - ddim.alpha(step)) ** 0.5 * x / (ddim.alpha(step) * 0.25 + 1 - ddim.alpha(step))

    clean = 0.5 * torch.randn(1, 4, 8, 8)
    x = clean
    for step in range(160):
        guess = x
        for _ in range(4):
            guess = ddim.invert_move(x, output(guess, step + 1), step, step + 1)
        x = guess
    for step in range(160, 0, -1):
        x = ddim.move(x, output(x, step), step, step - 1)
    torch.testing.assert_close(x, clean, rtol=1e-4, atol=1e-4)


def test_refinements_bring_the_inversion_nearer_to_exact():
    model, clip = tiny_model(), tiny_clip(2)
    ddim = Ddim(model.alphas_cumprod, "epsilon")

    def gap(refinements):
        latents = invert(clip, model, InvertSettings(until=20, refinements=refinements)).latents
        x = latents[-1]
        for step in range(20, 0, -1):
            x = ddim.move(x, predict(model, x, ddim.timestep(step)), step, step - 1)
        return (x - latents[0]).abs().max().item()

    assert gap(2) < 0.5 * gap(0)


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
