"""One iteration of the drag, and what comes of all of them.

What Adam changes are corrections, one per key frame; `sharing.py` makes every frame's offset of them. Frames take turns
(ours; the paper has all of them in every iteration): an iteration works on every n-th, on others each time, and what it finds
serves those between. It costs an n-th; for what the edit loses by it see `make bench-quality`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion import batches
from ..points.sampling import mask_to_cells
from ..types import DragResult, PointTracks, size_of
from . import passes, rounds, tracking
from .halo import restricted
from .initial import Initial
from .plan import Plan
from .rounds import Earlier
from .state import DragState


def iterate(
    plan: Plan, initial: Initial, residuals: dict[int, Tensor], state: DragState, chunks: batches.Chunks, tick: passes.Tick
) -> bool:
    """A pass over the frames whose turn it is, a step of Adam, one shared move. False if the step had to be skipped."""
    turn, corrections = plan.turn(state.done), state.corrections
    weight = torch.zeros_like(plan.visible)
    weight[turn] = (plan.visible & ~state.arrived[:, None])[turn]
    is_busy = (plan.shown & ~state.arrived_on_cpu).any(1).tolist()
    mine, heard = plan.mine(turn), restricted(turn, plan.sharing.span.heard)
    changes = {step: plan.sharing.to_keys(own, heard) for step, own in corrections.values.items()}
    own_changes = slice((mine.start - heard.start) // turn.step, (mine.stop - heard.start + turn.step - 1) // turn.step)
    offsets = {step: initial.key_offsets[step][plan.local(mine)] + change.detach()[own_changes] for step, change in changes.items()}
    points = passes.Points(state.handles, state.templates.mean, weight)
    supervised = passes.supervise(plan, residuals, mine, offsets, points, is_busy, chunks, tick)
    supervised.sum_over(plan.group, state.template_sums if plan.settings.moving_average else None, turn.start)
    if not supervised.is_finite():
        corrections.skip(state.done + 1)
        return False
    state.is_whole = False
    corrections.step(changes, plan.halo.heard(supervised.gradients, turn))
    if plan.settings.moving_average:
        state.templates.follow(turn.start, supervised.patches, supervised.distances, weight)
    handles = _moved(state, supervised)
    if supervised.first_input is not None:
        state.first_input = supervised.first_input
    state.advance(handles, supervised.losses * len(weight) / len(weight[turn]))  # as of all frames
    state.is_whole = True
    return True


def _moved(state: DragState, supervised: passes.Supervised) -> Tensor:
    """The handles (K, J, S, 2) after Eq. 6 and 7; sets that have arrived stay."""
    move = tracking.shared_move(list(supervised.along.values()), state.plan.moves, state.remaining)
    move = state.plan.group.from_first(move)
    move = torch.where(state.arrived[:, None], torch.zeros_like(move), move)
    return tracking.move_handles(state.handles, state.plan.targets, move)


def result(plan: Plan, initial: Initial, state: DragState, earlier: Earlier, tracks: PointTracks) -> DragResult:
    """The edit as it is now, of all frames."""
    path, first = torch.stack(state.path), state.first
    moved = (path[first:] - path[first]).transpose(0, 1)
    if plan.settings.key_every > 1:
        moved = plan.gather_frames(plan.sharing.moves_to_all(moved))
    offsets = {step: _offset(plan, initial, step, own.detach()) for step, own in state.corrections.values.items()}
    if plan.settings.lock:  # what came from a neighbour whose mask is larger
        cell_mask = mask_to_cells(tracks.edit_mask, size_of(plan.cell_mask))
        offsets = {step: offset * cell_mask for step, offset in offsets.items()}
    done = rounds.record(plan.settings, state.done, path[first], path[-1], plan.targets.cpu())
    return DragResult(
        offsets=offsets,
        handle_path=torch.cat([earlier.path[:-1], earlier.path[-1] + moved.transpose(0, 1)]),
        losses=torch.stack(state.losses) if state.losses else torch.zeros(0, 2),
        arrived=state.arrived_on_cpu,
        rounds=(*earlier.rounds, done),
    )


def _offset(plan: Plan, initial: Initial, step: int, held: Tensor) -> Tensor:
    """The offset of all frames, (N, 4, h, w) on the CPU, from the corrections that are held."""
    corrections = plan.of_all_keys(held).to(held.device)
    return plan.gather_frames(initial.offsets[step] + plan.sharing.to_all(corrections).cpu())
