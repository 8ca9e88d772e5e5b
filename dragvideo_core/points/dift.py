"""DIFT: points found again in other frames by the denoiser's features (Tang et al. 2023; Sec. 3.2).

A noised latent goes through the denoiser once with an empty prompt; the output of an up block, averaged over several
noises, describes each place. A point is found where the cosine similarity is highest; its position between cells is the
softmax mean of the best places in a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..diffusion.denoiser import features_only
from ..types import DragModel, Size
from .sampling import cell_centres, lookup


@dataclass(frozen=True)
class Recipe:
    """One of DIFT's published settings."""

    timestep: int
    block: int  # up block


RECIPES = {"image": Recipe(261, 1), "video": Recipe(51, 2)}
TEMPERATURE = 0.02  # of cosine similarities


def describe(model: DragModel, latents: Tensor, recipe: Recipe, ensemble: int, generator: torch.Generator) -> Tensor:
    """Unit-length descriptors (B, C, h, w) of clean latents (B, 4, h0, w0): the mean over `ensemble` noises."""
    alpha = float(model.alphas_cumprod[recipe.timestep])
    total = None
    for _ in range(ensemble):
        noise = torch.randn(latents.shape[1:], generator=generator).to(latents.device)  # the same for every frame
        features = features_only(model, alpha**0.5 * latents + (1 - alpha) ** 0.5 * noise, recipe.timestep, recipe.block)
        total = features if total is None else total + features
    return functional.normalize(total, dim=1)


def match(
    descriptors: Tensor, features: Tensor, size: Size, around: Tensor | None = None, window: float | None = None
) -> tuple[Tensor, Tensor]:
    """Find descriptors (P, C) in one frame's features (C, h, w): positions (P, 2) px and similarity (P,) in [-1, 1].

    around (P, 2) and window (px): search only places at most `window` away from these positions, per axis.
    """
    centres = cell_centres(features.shape[1:], size, features.device).reshape(-1, 2)
    similarity = functional.normalize(descriptors, dim=-1) @ features.flatten(1)  # (P, h * w)
    if around is not None and window is not None:
        far = (centres[None] - around[:, None]).abs().amax(-1) > window
        similarity = similarity.masked_fill(far, -2.0)
    best, index = similarity.max(-1)
    cell = torch.tensor([size[1] / features.shape[2], size[0] / features.shape[1]], device=features.device)
    near = ((centres[None] - centres[index][:, None]).abs() <= 1.6 * cell).all(-1)
    weight = (similarity.masked_fill(~near, -2.0) / TEMPERATURE).softmax(-1)
    return weight @ centres, best


def sample(features: Tensor, points: Tensor, size: Size) -> Tensor:
    """Unit-length descriptors (P, C) of points (P, 2) in one frame's features (C, h, w)."""
    return functional.normalize(lookup(features[None], points[None], size)[0], dim=-1)
