import pytest
import torch
from core.tiny import tiny_model
from diffusers import DDIMScheduler

from dragvideo_core.diffusion.ddim import Ddim, stable_diffusion_alphas
from dragvideo_core.diffusion.denoiser import predict


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
