"""Temporal smoothing at late denoising steps (Sec. 3.3, optional; after ControlVideo's interleaved-frame smoother).

At two neighbouring steps every other predicted clean frame is replaced by an interpolation of its neighbours (odd frames at
one step, even ones at the next), encoded again, and brought back to the step's noise level.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from ..diffusion import batches
from ..diffusion.ddim import Ddim
from ..diffusion.denoiser import predict
from ..points.flow import optical_flow
from ..points.sampling import cell_centres, lookup
from ..types import DragModel, size_of

SMOOTHED_STEPS = (11, 10)


def smooth(latents: Tensor, model: DragModel, ddim: Ddim, step: int, odd: bool, chunks: batches.Chunks) -> Tensor:
    """Latents (N, 4, h, w) at a step, with the odd or even inner frames interpolated from their neighbours."""
    outputs = chunks.map(lambda part: predict(model, latents[part].to(model.device), ddim.timestep(step)).cpu())
    clean, noise = ddim.clean_and_noise(latents, torch.cat([output for _, output in outputs]), step)
    chosen = [i for i in range(1, len(latents) - 1) if i % 2 == int(odd)]
    if not chosen:
        return latents
    frames = batches.decode(model, clean, chunks)
    between = torch.stack([interpolate(frames[i - 1], frames[i + 1]) for i in chosen])
    clean = clean.clone()
    clean[chosen] = batches.encode(model, between, chunks)
    alpha = ddim.alpha(step)
    return alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise


def interpolate(before: Tensor, after: Tensor) -> Tensor:
    """The picture half-way between two (3, H, W): each half warped along half the optical flow to the other."""
    size = size_of(before)
    places = cell_centres(size, size)
    halves = []
    for one, other in ((before, after), (after, before)):
        back = rearrange(optical_flow(one, other), "xy h w -> h w xy") / 2
        halves.append(rearrange(lookup(one[None], (places - back)[None], size), "1 h w c -> c h w"))
    return (halves[0] + halves[1]) / 2
