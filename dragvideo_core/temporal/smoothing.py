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
from ..group import ALONE, Group
from ..points.flow import optical_flow
from ..points.sampling import cell_centres, lookup
from ..types import DragModel, size_of

SMOOTHED_STEPS = (11, 10)


def smooth(
    latents: Tensor, model: DragModel, ddim: Ddim, step: int, odd: bool, chunks: batches.Chunks, count: int, group: Group = ALONE
) -> Tensor:
    """Latents (n, 4, h, w) of this rank's share of `count` frames at a step, with the odd or even inner frames of the whole clip
    interpolated from their neighbours."""
    mine, output = group.share(count), torch.empty_like(latents)
    work = chunks.map(lambda part: predict(model, latents[part].to(model.device), ddim.timestep(step)).cpu(), len(latents))
    for part, predicted in work:
        output[part] = predicted
    clean, noise = ddim.clean_and_noise(latents, output, step)
    if not any(i % 2 == int(odd) for i in range(1, count - 1)):
        return latents
    all_clean = group.gather_frames(clean, count)
    chosen = [i for i in range(max(1, mine.start), min(mine.stop, count - 1)) if i % 2 == int(odd)]
    if chosen:
        first = chosen[0] - 1
        frames = batches.decode(model, all_clean[first : chosen[-1] + 2], chunks)
        between = torch.stack([interpolate(frames[i - 1 - first], frames[i + 1 - first]) for i in chosen])
        clean = clean.clone()
        clean[[i - mine.start for i in chosen]] = batches.encode(model, between, chunks)
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
