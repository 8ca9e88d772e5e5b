"""The small model that the pack ships, the drawn world it was trained on, and the training script."""

from __future__ import annotations

from ..diffusion.ddim import stable_diffusion_alphas
from ..types import DragModel
from . import model as _model

MOST_NOISE_ERROR = 0.25  # measured: drawings 0.05 to 0.12, frames of the shared films 0.41 to 0.94


def drag_model(prompt: str = "") -> DragModel:
    """The embedded model as the stages want it. Prompt: any of the drawn kinds' names, or nothing."""
    embedded = _model.load()
    return DragModel(
        denoiser=embedded.denoiser,
        vae=embedded.vae,
        context=embedded.context(prompt).detach(),
        empty_context=embedded.context("").detach(),
        alphas_cumprod=stable_diffusion_alphas(),
        pixels_per_cell=_model.PATCH,
        name="embedded",
        most_noise_error=MOST_NOISE_ERROR,
        paint_from=0,  # docs/model.md: at no level better than the fill without a model
    )
