"""The pass over the frames before the first iteration: residuals of the chain, and the patches of the first templates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion import batches
from ..diffusion.denoiser import features_without_output, predict
from . import offsets as latent_offsets
from . import supervision
from .initial import Initial
from .passes import Tick, denoiser_input
from .plan import Plan
from .rounds import Earlier


@dataclass(frozen=True)
class Measured:
    """What the first pass gives, on the device."""

    residuals: dict[int, Tensor]  # step -> (k, 4, h, w): what the DDIM jump from the step above misses
    patch_sums: dict[int, Tensor]  # step -> (turns, J, S, D, C): sums of the handles' patches over the frames of each turn


def measure(plan: Plan, initial: Initial, earlier: Earlier, chunks: batches.Chunks, tick: Tick) -> Measured:
    """Residuals of the chain, and the patches of Eq. 3: the look that the handles have before this round.

    A handle that an earlier round moved keeps the look that it had in the clip.
    """
    device = plan.handles.device
    residuals = {step: torch.zeros_like(z_t) for step, z_t in plan.latents.items()}
    handles = earlier.path[0][plan.sharing.keys].to(device)
    has_moved = earlier.has_moved
    sums: dict[int, Tensor] = {}
    mine = plan.mine()

    def of_chunk(local: slice) -> dict[int, Tensor]:
        part = slice(mine.start + local.start, mine.start + local.stop)
        patches = _patches_in_clip(plan, initial, residuals, handles, part)
        if earlier.rounds and not bool(has_moved.all()):
            edited, keeps = _patches_in_edit(plan, initial, residuals, part), has_moved.to(device)[:, None, None, None]
            patches = {step: torch.where(keeps, patches[step], edited[step]) for step in plan.steps}
        turns = [slice((turn - part.start) % plan.turns, None, plan.turns) for turn in range(plan.turns)]
        visible = plan.visible[part]
        return {
            step: torch.stack([supervision.sum_over_frames(of_step[turn], visible[turn]) for turn in turns])
            for step, of_step in patches.items()
        }

    tick()
    for _, of_step in chunks.map(of_chunk, len(plan.cell_mask)):
        sums = {step: sums.get(step, 0.0) + total for step, total in of_step.items()}
        tick()
    return Measured(residuals, _of_all_ranks(plan, sums))


def nothing_measured(plan: Plan) -> Measured:
    """For a round of no iterations, which asks for none of it: zeros."""
    templates = plan.handles.new_zeros(plan.turns, *plan.handles.shape[1:3], len(plan.patch), 1)
    return Measured({}, dict.fromkeys(plan.steps, templates))


def _of_all_ranks(plan: Plan, sums: dict[int, Tensor]) -> dict[int, Tensor]:
    """The sums (turns, J, S, D, C) of this rank's frames, none where it has no frames, added up over the group."""
    if plan.group.size == 1:
        return sums
    channels = int(plan.group.from_first(torch.tensor(sums[plan.steps[0]].shape[-1] if sums else 0)))
    nothing = plan.handles.new_zeros(plan.turns, *plan.handles.shape[1:3], len(plan.patch), channels)
    return dict(zip(plan.steps, plan.group.sum([sums.get(step, nothing) for step in plan.steps]), strict=True))


@torch.no_grad()
def _patches_in_clip(plan: Plan, initial: Initial, residuals: dict[int, Tensor], handles: Tensor, part: slice) -> dict[int, Tensor]:
    """Step -> patches (n, J, S, D, C) around the handles (K, J, S, 2) of a chunk in the clip; its residuals are written."""
    chain, patches, above, local = plan.chain, {}, None, plan.local(part)
    for step in plan.steps:
        x_t = initial.latents[step][local]
        if initial.is_displaced(plan):
            features = features_without_output(chain.model, plan.latents[step][local], chain.ddim.timestep(step))
            output = predict(chain.model, x_t, chain.ddim.timestep(step)) if chain.leads_on(step) else None
        else:
            features, output = chain.look(x_t, step)
        patches[step] = plan.around(features, handles[part])
        if above is not None:
            residuals[step][local] = latent_offsets.residual(chain.ddim, *above[1:], x_t, above[0], step)
        above = None if output is None else (step, x_t, output)
    return patches


@torch.no_grad()
def _patches_in_edit(plan: Plan, initial: Initial, residuals: dict[int, Tensor], part: slice) -> dict[int, Tensor]:
    """The same patches as the edit that this round starts from has them, around the handles where it left them."""
    patches, from_above = {}, None
    for step in plan.steps:
        x_t = denoiser_input(plan, residuals, step, part, from_above, initial.key_offsets[step][plan.local(part)])
        features, output = plan.chain.look(x_t, step)
        patches[step] = plan.around(features, plan.handles[part])
        from_above = plan.chain.onward(x_t, output, step)
    return patches
