"""Does a model know pictures of this kind? Measured by how well it predicts noise added to one: its training's loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ..types import DragModel
from ..warning import warn
from .batches import check_size
from .denoiser import predict

TIMESTEP = 100  # little noise: what the picture shows has to be known
NOISES = 4  # averaged


def noise_error(model: DragModel, frame: Tensor) -> float:
    """Mean squared error of the noise (or v) that the model predicts for a frame (3, H, W); 1 = it knows nothing."""
    with torch.no_grad():
        clean = model.vae.encode(frame[None].to(model.device)).float().cpu()
        noise = torch.randn(NOISES, *clean.shape[1:], generator=torch.Generator().manual_seed(0))
        share = float(model.alphas_cumprod[TIMESTEP])
        noisy = share**0.5 * clean + (1 - share) ** 0.5 * noise
        wanted = noise if model.prediction == "epsilon" else share**0.5 * noise - (1 - share) ** 0.5 * clean
        output = predict(model, noisy.to(model.device), TIMESTEP).cpu()
    return float((output - wanted).square().mean())


def warn_if_strange(model: DragModel, frame: Tensor) -> None:
    """A warning where the model was made for other pictures than this frame (3, H, W). Models that do not say so are not asked.

    UserError for a frame of a size that no model takes.
    """
    check_size(frame)
    if model.most_noise_error is None:
        return
    error = noise_error(model, frame)
    if error > model.most_noise_error:
        warn(
            f"the {model.name} model does not know pictures like this one: its error is {error:.2f}, on pictures that it knows at "
            f"most {model.most_noise_error:.2f}. What it paints will look wrong. Use Displace without a model, or a Stable "
            "Diffusion model.",
        )
