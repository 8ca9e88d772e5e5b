"""Latent offsets at several denoising steps at once, and how they act together (Sec. 3.3).

Our reading is a chain: the latent at the highest step is its inverted latent plus its offset; the denoiser's output for it
leads, by one DDIM jump, to the next lower step, where the next offset is added. The part of the inverted latent that the
jump does not explain (the residual) is measured once: with all offsets zero, so that zero offsets give the inverted latents
back exactly, or on the latents of a warm start (`warm_start.py`), so that its offset alone gives those at every step. The other
reading adds each offset to its inverted latent independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.ddim import Ddim
from ..diffusion.denoiser import features_and_output, features_without_output
from ..types import DragModel, UserError


@dataclass(frozen=True)
class Chain:
    """The denoiser at the selected steps, from high to low. Its last blocks run only where their output leads on."""

    model: DragModel
    ddim: Ddim
    steps: tuple[int, ...]
    chained: bool = True  # False: steps are independent

    def leads_on(self, step: int) -> bool:
        """Whether the denoiser's output at this step is needed."""
        return self.chained and step != self.steps[-1]

    def look(self, x_t: Tensor, step: int) -> tuple[Tensor, Tensor | None]:
        """Features (B, C, h, w) of x_t (B, 4, h, w) with gradients, and the output (B, 4, h, w) where it is needed."""
        if self.leads_on(step):
            return features_and_output(self.model, x_t, self.ddim.timestep(step))
        return features_without_output(self.model, x_t, self.ddim.timestep(step)), None

    def onward(self, x_t: Tensor, output: Tensor | None, step: int) -> Tensor | None:
        """The DDIM jump from x_t to the next lower step; None where there is no output to go by."""
        return None if output is None else self.ddim.move(x_t, output, step, self.steps[self.steps.index(step) + 1])


def residual(ddim: Ddim, z_from: Tensor, output: Tensor, z_to: Tensor, step_from: int, step_to: int) -> Tensor:
    """What has to be added to the DDIM jump from `z_from` to land on the inverted latent `z_to`."""
    return z_to - ddim.move(z_from, output, step_from, step_to)


def add_offset(z_t: Tensor, from_above: Tensor | None, offset: Tensor, cell_mask: Tensor | None) -> Tensor:
    """The denoiser's input x_t (B, 4, h, w).

    z_t: inverted latent; from_above: what the chain brought from the step above (None at the highest step, or when steps are
    independent); cell_mask (B, 1, h, w): with the hard lock, nothing changes where it is 0.
    """
    change = offset if from_above is None else from_above - z_t + offset
    return z_t + (change if cell_mask is None else change * cell_mask)


def check_steps(steps: tuple[int, ...], available: int) -> tuple[int, ...]:
    """The steps from high to low; ValueError unless each is unique and was reached by the inversion."""
    ordered = tuple(sorted(set(steps), reverse=True))
    if len(ordered) != len(steps) or not ordered:
        raise ValueError(f"drag steps must be given once each: got {steps}. Example: 42, 41, 35, 30")
    if ordered[0] > available or ordered[-1] < 1:
        raise ValueError(
            f"drag steps must lie between 1 and the inversion's last step {available}: got {steps}. "
            "Raise 'until' on the DDIM Invert node, or choose lower steps."
        )
    return ordered


def check_offsets(offsets: dict[int, Tensor], latents: Tensor) -> None:
    """UserError unless an edit's offsets (N, 4, h, w) belong to an inversion's latents (T + 1, N, 4, h, w)."""
    for step, offset in offsets.items():
        if not 1 <= step < len(latents):
            raise UserError(
                f"the edit changes step {step}, the inversion ends at {len(latents) - 1}: expected one that reaches it. "
                "Raise 'until' on the DDIM Invert node."
            )
        if offset.shape != latents.shape[1:]:
            raise UserError(
                f"the edit is of a clip with latents {tuple(offset.shape)}, the inversion's are {tuple(latents.shape[1:])} "
                "(frames, channels, height, width): expected the same clip. Load the video with the frames and the size "
                "that the edit was made on."
            )


def zero_offsets(steps: tuple[int, ...], like: Tensor) -> dict[int, Tensor]:
    """One zero offset (N, 4, h, w) per step."""
    return {step: torch.zeros_like(like) for step in steps}
