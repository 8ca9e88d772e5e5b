"""The deterministic DDIM map between the steps of a short schedule, in both directions (Song et al. 2021).

`step` counts 0 (clean) to `total` (noise); `timestep` is the denoiser's own 0..999. With 50 steps and Stable Diffusion's
steps_offset of 1, steps 42, 41, 35, 30 are timesteps 821, 801, 681, 581 (our reading of the paper's set).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..types import UserError

STEPS = 50  # of the schedule that inversion, drag and decoding count in


@dataclass(frozen=True)
class Ddim:
    """A schedule of `total` steps over a model's noise levels."""

    alphas_cumprod: Tensor  # (1000,)
    prediction: str  # "epsilon" or "v_prediction"
    total: int = STEPS

    def timestep(self, step: int) -> int:
        """0 for the clean end, else (step - 1) * 1000 / total + 1."""
        return 0 if step == 0 else (step - 1) * (len(self.alphas_cumprod) // self.total) + 1

    def alpha(self, step: int) -> float:
        """Share of signal at a step; like Stable Diffusion (set_alpha_to_one=False) the clean end has timestep 0's."""
        return float(self.alphas_cumprod[self.timestep(step)])

    def clean_and_noise(self, x_t: Tensor, output: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What the denoiser's output says about x_t (B, 4, h, w) at this step: predicted clean latent and noise."""
        signal, sigma = self.alpha(step) ** 0.5, (1 - self.alpha(step)) ** 0.5
        if self.prediction == "v_prediction":
            return signal * x_t - sigma * output, sigma * x_t + signal * output
        return (x_t - sigma * output) / signal, output

    def move(self, x_t: Tensor, output: Tensor, step_from: int, step_to: int) -> Tensor:
        """The latent at `step_to`, given the one at `step_from` and the denoiser's output for it."""
        clean, noise = self.clean_and_noise(x_t, output, step_from)
        alpha = self.alpha(step_to)
        return alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise

    def invert_move(self, x_t: Tensor, output: Tensor, step_from: int, step_to: int) -> Tensor:
        """One step towards noise, with an output that was predicted for `step_to`: the exact inverse of `move`.

        `move(invert_move(x, e), e)` is x for the same epsilon; with v-prediction the output refers to the noisier latent,
        so the equation is solved for it.
        """
        alpha_from, alpha_to = self.alpha(step_from), self.alpha(step_to)
        if self.prediction == "epsilon":
            clean = (x_t - (1 - alpha_from) ** 0.5 * output) / alpha_from**0.5
            return alpha_to**0.5 * clean + (1 - alpha_to) ** 0.5 * output
        # x_from = sqrt(a_f)(s x - c v) + sqrt(1-a_f)(c x + s v) with s, c of step_to, solved for x
        s, c = alpha_to**0.5, (1 - alpha_to) ** 0.5
        on_x = alpha_from**0.5 * s + (1 - alpha_from) ** 0.5 * c
        on_v = (1 - alpha_from) ** 0.5 * s - alpha_from**0.5 * c
        return (x_t - on_v * output) / on_x


def check_stride(stride: int) -> None:
    """UserError unless the stride, the steps from one denoiser call to the next, is 1 or more."""
    if stride < 1:
        raise UserError(f"'stride' must be at least 1: got {stride}. Raise it.")


def stable_diffusion_alphas() -> Tensor:
    """Stable Diffusion's noise schedule: scaled-linear betas from 0.00085 to 0.012, (1000,) float32."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()
