"""One pass over the frames in an iteration: the denoiser at every step of the chain, chunk by chunk (Sec. 3.3 and 3.4).

The same denoiser call gives the features that supervise, the features that track, and the output that leads to the next step
of the chain. Handles and templates change only between passes, so frames may be worked through in chunks of any size with
the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion import batches
from ..group import Group
from ..points.sampling import lookup
from . import offsets as latent_offsets
from . import supervision, tracking
from .plan import Plan
from .template_sums import TemplateSums

Tick = Callable[[], None]


@dataclass(frozen=True)
class Points:
    """Where the handles are in this pass, what they are drawn to, and which of them count."""

    handles: Tensor  # (K, J, S, 2) px
    templates: dict[int, Tensor]  # step -> (J, S, D, C)
    weight: Tensor  # (K, J, S) bool: False for points that are hidden, have arrived, or whose frame is not worked on


@dataclass(frozen=True)
class AtStep:
    """What a chunk of n frames gives at one step; all but the gradient summed over its frames."""

    gradient: Tensor  # (n, 4, h, w): of its offset
    losses: Tensor  # (2,): drag loss, mask loss
    distance: Tensor  # (J, S): from the features one cell ahead to the template
    patches: Tensor  # (J, S, D, C): around the handles
    along: Tensor  # (J, S, M): distances of Eq. 6


class Supervised:
    """What one pass gives for the n key frames that it goes over."""

    def __init__(self, offsets: dict[int, Tensor], points: Points, moves: int):
        """Before the first chunk. offsets: step -> (n, 4, h, w); moves: candidates of Eq. 6."""
        pairs, zeros = points.handles.shape[1:3], points.handles.new_zeros
        self.gradients = {step: torch.zeros_like(offset) for step, offset in offsets.items()}
        self.losses = zeros(2)
        self.distances = {step: zeros(pairs) for step in offsets}  # (J, S) each
        self.patches = {step: torch.zeros_like(template) for step, template in points.templates.items()}  # (J, S, D, C) each
        self.along = {step: zeros(*pairs, moves) for step in offsets}  # (J, S, M) each
        self.faults = zeros(())  # ranks with a gradient that is no number
        self.first_input: Tensor | None = None  # (1, 4, h, w): the first frame's at the lowest step, if it was worked on

    def add(self, part: slice, of_step: dict[int, AtStep]) -> None:
        """Take in a chunk."""
        for step, chunk in of_step.items():
            self.gradients[step][part] = chunk.gradient
            self.losses += chunk.losses
            self.distances[step] += chunk.distance
            self.patches[step] += chunk.patches
            self.along[step] += chunk.along

    def is_finite(self) -> bool:
        """Whether all of it are numbers, on this rank and on the others whose sums are in it. The one place of an iteration
        where a GPU is waited for before the update."""
        by_step = (self.gradients, self.distances, self.patches, self.along)
        tensors = [self.losses, *(tensor for values in by_step for tensor in values.values())]
        return bool(torch.stack([self.faults == 0, *(torch.isfinite(tensor).all() for tensor in tensors)]).all())

    def sum_over(self, group: Group, sums: TemplateSums | None, turn: int) -> None:
        """The sums over the frames of all ranks in the place of this rank's; gradients stay those of its own frames.

        sums: what adds up the patches; None: nobody needs them.
        """
        if group.size == 1:
            return
        own = [*self.gradients.values(), *self.patches.values()]
        self.faults = (~torch.stack([torch.isfinite(values).all() for values in own]).all()).to(self.losses.dtype)
        steps = list(self.patches)
        summed = [self.losses, self.faults, *(values[step] for values in (self.distances, self.along) for step in steps)]
        self.losses, self.faults, *rest = group.sum(summed)
        for values in (self.distances, self.along):
            for step in steps:
                values[step] = rest.pop(0)
        if sums is not None:
            self.patches = sums.of_all(turn, self.patches)


def supervise(
    plan: Plan,
    residuals: dict[int, Tensor],
    frames: slice,
    offsets: dict[int, Tensor],
    points: Points,
    is_busy: list[bool],
    chunks: batches.Chunks,
    tick: Tick,
) -> Supervised:
    """The pass over the key frames `frames`, whose offsets (n, 4, h, w) these are. Its sums are over these frames alone.

    frames: among those that this rank works on. is_busy: of each of all key frames, whether some point in it counts; under the
    lock a chunk without any is left out.
    """
    supervised = Supervised(offsets, points, len(plan.moves))

    def of_chunk(part: slice) -> tuple[dict[int, AtStep], Tensor | None]:
        chosen = slice(frames.start + part.start * frames.step, frames.start + part.stop * frames.step, frames.step)
        if plan.settings.lock and not any(is_busy[chosen]):
            return {}, None
        return supervise_chunk(plan, residuals, chosen, {step: offset[part] for step, offset in offsets.items()}, points)

    for part, (of_step, lowest_input) in chunks.map(of_chunk, len(is_busy[frames])):
        supervised.add(part, of_step)
        if frames.start == part.start == 0 and lowest_input is not None:
            supervised.first_input = lowest_input[:1]
        tick()
    return supervised


def supervise_chunk(
    plan: Plan, residuals: dict[int, Tensor], part: slice, offsets: dict[int, Tensor], points: Points
) -> tuple[dict[int, AtStep], Tensor]:
    """Step -> what a chunk, the key frames `part` with these offsets (n, 4, h, w), gives; and its input at the lowest step."""
    local = plan.local(part)
    handles, targets, visible = points.handles[part], plan.targets[part], plan.visible[part]
    ahead = handles + supervision.GRID * supervision.directions(handles, targets)
    candidates, middle = tracking.candidate_points(handles, targets, plan.moves), len(plan.patch) // 2
    weight, from_above, of_step = points.weight[part].float(), None, {}
    for step in plan.steps:
        offset, template = offsets[step].detach().requires_grad_(), points.templates[step]
        x_t = denoiser_input(plan, residuals, step, part, from_above, offset)
        features, output = plan.chain.look(x_t, step)
        drag_loss, distance = supervision.drag_loss(plan.around(features, ahead), template, weight)  # Eq. 4
        mask_loss = supervision.mask_loss(x_t, plan.latents[step][local], plan.cell_mask[local])  # Eq. 5
        gradient = torch.autograd.grad(drag_loss + plan.settings.mask_weight * mask_loss, offset)[0]
        with torch.no_grad():
            of_step[step] = AtStep(
                gradient=gradient,
                losses=torch.stack([drag_loss, mask_loss]),
                distance=distance,
                patches=supervision.sum_over_frames(plan.around(features, handles), visible),
                along=tracking.distances(lookup(features, candidates, plan.size), template[:, :, middle], visible),
            )
            x_t = x_t.detach()  # no gradient goes from step to step: the loss at a step trains that step's offset
            from_above = plan.chain.onward(x_t, output, step)
    return of_step, x_t


def denoiser_input(
    plan: Plan, residuals: dict[int, Tensor], step: int, part: slice, from_above: Tensor | None, offset: Tensor
) -> Tensor:
    """x_t (n, 4, h, w) of the key frames `part`; from_above: what the DDIM jump from the step above gave."""
    local = plan.local(part)
    if from_above is not None:
        from_above = from_above + residuals[step][local]
    mask = plan.cell_mask[local] if plan.settings.lock else None
    return latent_offsets.add_offset(plan.latents[step][local], from_above, offset, mask)
