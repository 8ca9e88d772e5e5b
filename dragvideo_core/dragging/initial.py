"""Where the optimisation starts: with zero offsets (Sec. 3.3), with an earlier edit's, or with a warm start's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion import batches
from ..points.sampling import mask_to_cells
from ..types import DragModel, Inversion, PointTracks
from . import offsets as latent_offsets
from . import warm_start
from .plan import Plan, key_frames
from .rounds import Earlier


@dataclass(frozen=True)
class Initial:
    """What every frame's offset is before the first correction."""

    offsets: dict[int, Tensor]  # step -> (N, 4, h, w) of all frames, on the CPU
    key_offsets: dict[int, Tensor]  # step -> (K, 4, h, w): those of the key frames, on the device
    latents: dict[int, Tensor]  # step -> (K, 4, h, w) on the device: what the chain's residuals are measured on

    def is_displaced(self, plan: Plan) -> bool:
        """Whether the residuals are measured on other latents than the inverted ones."""
        return self.latents is not plan.latents


def from_offsets(plan: Plan, inversion: Inversion, earlier: Earlier) -> Initial:
    """The earlier edit's offsets, zero where it has none."""
    offsets = latent_offsets.zero_offsets(plan.steps, inversion.latents[0]) | earlier.offsets
    return Initial(offsets, _of_keys(plan, offsets), plan.latents)


def from_warm_start(plan: Plan, inversion: Inversion, tracks: PointTracks, model: DragModel, chunks: batches.Chunks) -> Initial:
    """The first offset puts the dragged parts where they are to be; the chain takes them down unchanged."""
    moved = warm_start.moved_latents(inversion, tracks, model, plan.steps, chunks)
    keys, top = key_frames(plan.settings), plan.steps[0]
    cells = mask_to_cells(tracks.edit_mask, inversion.latents.shape[-2:])
    may_change = cells if plan.settings.lock else torch.ones_like(cells)
    on_keys = may_change[keys].to(plan.cell_mask.device)
    latents = {step: z_t + on_keys * (moved[step][keys].to(z_t.device) - z_t) for step, z_t in plan.latents.items()}
    offsets = latent_offsets.zero_offsets(plan.steps, inversion.latents[0])
    offsets[top] = may_change * (moved[top] - inversion.latents[top])
    return Initial(offsets, _of_keys(plan, offsets), latents)


def _of_keys(plan: Plan, offsets: dict[int, Tensor]) -> dict[int, Tensor]:
    keys = key_frames(plan.settings)
    return {step: offset[keys].to(plan.cell_mask.device) for step, offset in offsets.items()}
