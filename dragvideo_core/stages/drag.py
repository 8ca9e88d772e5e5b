"""Drag: latent offsets are optimised until the handles are at their targets in every frame (Sec. 3.3 and 3.4).

One pass over the frames measures the residuals of the chain and the first templates. Every iteration is one pass as well:
it gives the gradients of all offsets and the distances that tracking needs; then Adam makes a step and the handles move.

Between two iterations the work can be taken apart into a state and put together again, in this process or in another: it
ends as if it had not been broken off (same device, same chunks): bit for bit on the CPU. On CUDA the gradients of `grid_sample`
and of fused attention are added up in no fixed order, so two runs differ by rounding, broken off or not.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..diffusion.attention import text_once
from ..diffusion.denoiser import predict
from ..diffusion.pace import pace
from ..dragging import initial as initial_offsets
from ..dragging import rounds, state
from ..dragging.checks import check
from ..dragging.first_pass import measure, nothing_measured
from ..dragging.iteration import iterate, result
from ..dragging.plan import Plan, make_plan
from ..dragging.settings import DEFAULTS, DragSettings
from ..files.unfinished import NOT_KEPT, State, Unfinished
from ..group import ALONE, Group
from ..media.drawing import draw_points
from ..region.box import tracks_in
from ..region.edit import displacement_in, edit_from, edit_in, inversion_in
from ..types import Box, Displacement, DragModel, DragResult, Inversion, OnProgress, PointTracks, ignore_progress, size_of

__all__ = ["DragSettings", "drag"]


def drag(
    inversion: Inversion,
    tracks: PointTracks,
    model: DragModel,
    settings: DragSettings = DEFAULTS,
    on_progress: OnProgress = ignore_progress,
    start: DragResult | None = None,
    unfinished: Unfinished = NOT_KEPT,
    displaced: Displacement | None = None,
    group: Group = ALONE,
) -> DragResult:
    """Find the offsets. Stops when every pair has arrived or the iterations are used up.

    start: an edit of the same clip to go on from; its steps are added to `settings.steps`. displaced: what the warm start
    starts from, then with `settings.refine` iterations at most; None: a displacement that knows no layer. With `unfinished`,
    work that was broken off goes on where it was, and one that was finished need not be done again. With a `group` every rank works
    on its share of the key frames, all get the whole edit; the first one reads and writes the unfinished work and makes pictures.
    UserError when steps, tracks, inversion and edit do not fit together, and when gradients are no numbers again and again.
    """
    check(inversion, tracks, settings, start, displaced)
    box, whole = inversion.box, inversion.latents[0]
    if box is not None:
        inversion, tracks, start, displaced = _in_box(box, inversion, tracks, start, displaced, model.pixels_per_cell)
    settings = replace(settings, iterations=_most_iterations(settings, start, displaced))
    earlier = rounds.earlier(start, tracks)
    plan = make_plan(inversion, tracks, model, settings, earlier, group)
    chunks, total, done = plan.chunks(), max(1, settings.iterations), 0
    name = state.name(inversion, tracks, model, settings, start, displaced)
    group.check_alike("what is dragged (model, clip, tracks or settings)", lambda: name)
    work = (unfinished if group.is_first else NOT_KEPT).work(name)
    kept = group.state_from_first(work.resumed())
    chunks.size = min(chunks.size, state.chunk_of(kept))

    def tick() -> None:
        on_progress(min(done, total), total, None)

    with text_once(model.denoiser):
        if settings.warm_start and start is None:
            tick()
            initial = initial_offsets.displaced(plan, inversion, tracks, displaced, model, chunks)
        else:
            initial = initial_offsets.from_offsets(plan, inversion, earlier)
        measured = measure(plan, initial, earlier, chunks, tick) if settings.iterations else nothing_measured(plan)
        now = state.DragState(plan, earlier, measured.patch_sums)
        now.go_on_from(kept)
        resumed = now.done

        def taken_apart() -> State:
            return now.taken_apart(chunks.size)

        try:
            goes_on = now.done < settings.iterations and not now.all_arrived
            while goes_on:
                done = now.done
                if iterate(plan, initial, measured.residuals, now, chunks, tick):
                    on_progress(now.done, total, (lambda: picture(plan, now, tracks.edit_mask[0])) if group.is_first else None)
                goes_on, is_due = group.first_says(now.done < settings.iterations and not now.all_arrived, work.is_due)
                if is_due:
                    work.break_off(partial(dict, taken_apart()))  # all ranks take it apart, the first one writes
        except BaseException:
            if now.is_whole and now.done and group.size == 1:  # in a group it takes all ranks, and this one leaves
                work.break_off(taken_apart)
            raise
    if now.done > resumed:  # ComfyUI may let go of what is returned here: then it is found again without the iterations
        work.break_off(partial(dict, taken_apart()))
    made = result(plan, initial, now, earlier, tracks)
    return made if box is None else edit_from(box, made, whole, model.pixels_per_cell)


def seconds_of(
    inversion: Inversion,
    model: DragModel,
    settings: DragSettings = DEFAULTS,
    start: DragResult | None = None,
    displaced: Displacement | None = None,
) -> float:
    """About how long `drag` will take here at most, from some passes that are timed. Most drags arrive earlier."""
    iterations = _most_iterations(settings, start, displaced)
    if iterations == 0:
        return 0.0
    cell, (height, width) = model.pixels_per_cell, size_of(inversion.latents)
    if inversion.box is not None:
        height, width = (side // cell for side in inversion.box.size)
    keys = -(-inversion.latents.shape[1] // settings.key_every)
    turns = min(settings.turns, keys)
    frames = sum(len(range(i % turns, keys, turns)) for i in range(iterations))
    steps = len(settings.steps) if start is None else len({*settings.steps, *start.offsets})
    leading = steps - 1 if settings.chained else 0  # steps whose output leads to the next; of the others only features are needed
    is_warm = settings.warm_start and start is None
    looks = steps + (leading if is_warm else 0)  # of the first pass, which needs no gradients
    took = pace(model, (height, width), settings.chunk or keys)
    return frames * (leading * took.output + (steps - leading) * took.features) + keys * looks * took.forward


def _most_iterations(settings: DragSettings, start: DragResult | None, displaced: Displacement | None) -> int:
    is_refining = displaced is not None and settings.warm_start and start is None
    return min(settings.iterations, settings.refine) if is_refining else settings.iterations


def _in_box(
    box: Box,
    inversion: Inversion,
    tracks: PointTracks,
    start: DragResult | None,
    displaced: Displacement | None,
    cell: int,
) -> tuple[Inversion, PointTracks, DragResult | None, Displacement | None]:
    return (
        inversion_in(box, inversion, cell),
        tracks_in(box, tracks),
        None if start is None else edit_in(box, start, cell),
        None if displaced is None else displacement_in(box, displaced),
    )


@torch.no_grad()
def picture(plan: Plan, now: state.DragState, edit_mask: Tensor) -> Tensor:
    """The first frame as the lowest step predicts it now, with handles, targets and edit mask (1, H, W): (3, H, W)."""
    chain, step = plan.chain, plan.steps[-1]
    output = predict(chain.model, now.first_input, chain.ddim.timestep(step))
    clean, _ = chain.ddim.clean_and_noise(now.first_input, output, step)
    frame = chain.model.vae.decode(clean)[0].float().cpu()
    return draw_points(frame, now.path[-1][0], plan.targets[0].cpu(), edit_mask)
