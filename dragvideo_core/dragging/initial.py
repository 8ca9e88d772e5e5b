"""Where the optimisation starts: with zero offsets (Sec. 3.3), with an earlier edit's, or with displaced parts (ours).

The paper pulls the handles step by step over tens of iterations. What they pull can be moved there at once, by a displacement
of the frames; the iterations then only put right what a displacement cannot know. FastDrag (NeurIPS 2024) warps latents in the
same spirit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..diffusion import batches
from ..points.sampling import mask_to_cells
from ..types import Displacement, DragModel, Inversion, PointTracks, size_of
from . import offsets as latent_offsets
from . import warm_start
from .cell_moves import cell_moves, with_fresh_noise
from .plan import Plan
from .rounds import Earlier

FRESH_NOISE = 0  # seed: the same drag twice has the same result


@dataclass(frozen=True)
class Initial:
    """What every frame's offset is before the first correction."""

    offsets: dict[int, Tensor]  # step -> (n, 4, h, w) of this rank's frames (alone: of all), on the CPU
    key_offsets: dict[int, Tensor]  # step -> (k, 4, h, w): those of its key frames, on the device
    latents: dict[int, Tensor]  # step -> (k, 4, h, w) on the device: what the chain's residuals are measured on

    def is_displaced(self, plan: Plan) -> bool:
        """Whether the residuals are measured on other latents than the inverted ones."""
        return self.latents is not plan.latents


def from_offsets(plan: Plan, inversion: Inversion, earlier: Earlier) -> Initial:
    """The earlier edit's offsets, zero where it has none."""
    offsets = latent_offsets.zero_offsets(plan.steps, inversion.latents[0]) | earlier.offsets
    offsets = {step: offset[plan.frames] for step, offset in offsets.items()}
    return Initial(offsets, _of_keys(plan, offsets), plan.latents)


def displaced(
    plan: Plan,
    inversion: Inversion,
    tracks: PointTracks,
    displacement: Displacement | None,
    model: DragModel,
    chunks: batches.Chunks,
) -> Initial:
    """Starts with the parts where they are to be: by the displacement, or by a smooth one that knows no layer."""
    if plan.frames.start == plan.frames.stop:
        return from_offsets(plan, inversion, Earlier(tracks.handles[None], torch.zeros(0, 2)))  # of no frames
    inversion, tracks = _of_frames(inversion, plan.frames), tracks.of_frames(plan.frames)
    if displacement is None:
        moved = warm_start.moved_latents(inversion, tracks, model, plan.steps, chunks)
    else:
        moved = displaced_latents(inversion, tracks, displacement.of_frames(plan.frames), model, plan.steps, chunks)
    return _from_moved(plan, inversion, tracks, moved)


def displaced_latents(
    inversion: Inversion,
    tracks: PointTracks,
    displacement: Displacement,
    model: DragModel,
    steps: Sequence[int],
    chunks: batches.Chunks,
) -> dict[int, Tensor]:
    """Step -> (N, 4, h, w): the displaced frames with noise that went with the pixels, fresh where ground came free."""
    moves = cell_moves(displacement, tracks, size_of(inversion.latents))
    clean, new = inversion.latents[0], batches.encode(model, displacement.frames, chunks)
    if inversion.frames is None:  # only latents are there, and the autoencoder does not give back what it was given
        new = new + clean - batches.encode(model, batches.decode(model, clean, chunks), chunks)
    moved = {}
    for step in steps:
        alpha = model.alphas_cumprod[int(inversion.timesteps[step])].cpu()
        noise = (inversion.latents[step] - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        noise = with_fresh_noise(noise, moves, torch.Generator().manual_seed(FRESH_NOISE))
        moved[step] = torch.where(moves.touched, alpha.sqrt() * new + (1 - alpha).sqrt() * noise, inversion.latents[step])
    return moved


def _from_moved(plan: Plan, inversion: Inversion, tracks: PointTracks, moved: dict[int, Tensor]) -> Initial:
    """The first offset gives the moved latents (N, 4, h, w) at the highest step; the chain takes them down unchanged."""
    keys, top = plan.sharing.own_keys, plan.steps[0]
    cells = mask_to_cells(tracks.edit_mask, size_of(inversion.latents))
    may_change = cells if plan.settings.lock else torch.ones_like(cells)
    on_keys = may_change[keys].to(plan.cell_mask.device)
    latents = {step: z_t + on_keys * (moved[step][keys].to(z_t.device) - z_t) for step, z_t in plan.latents.items()}
    offsets = latent_offsets.zero_offsets(plan.steps, inversion.latents[0])
    offsets[top] = may_change * (moved[top] - inversion.latents[top])
    return Initial(offsets, _of_keys(plan, offsets), latents)


def _of_frames(inversion: Inversion, part: slice) -> Inversion:
    frames = None if inversion.frames is None else inversion.frames[part]
    return replace(inversion, latents=inversion.latents[:, part], frames=frames)


def _of_keys(plan: Plan, offsets: dict[int, Tensor]) -> dict[int, Tensor]:
    keys = plan.sharing.own_keys
    return {step: offset[keys].to(plan.cell_mask.device) for step, offset in offsets.items()}
