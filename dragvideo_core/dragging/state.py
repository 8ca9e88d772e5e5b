"""The state of a drag between two iterations: taken apart into tensors, and put together again bit for bit.

What is measured before the first iteration (the residuals of the chain) is measured anew: it depends on nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ..files.fingerprint import fingerprint
from ..files.unfinished import State, adam_state, fits, set_adam_state
from ..types import DragModel, DragResult, Inversion, PointTracks

LAYOUT = "drag 3"  # of the state; one of another layout is not read
LARGEST_CHUNK = 2**31


def name(inversion: Inversion, tracks: PointTracks, model: DragModel, settings: Any, start: DragResult | None) -> str:
    """What a state depends on: not on how many iterations there may be, nor on the chunks.

    settings: the stage's; start: the edit that it goes on from.
    """
    given = (tracks.handles, tracks.targets, tracks.visible, tracks.edit_mask, inversion.latents, inversion.frames is None)
    before = () if start is None else (sorted(start.offsets), *(start.offsets[s] for s in sorted(start.offsets)), start.handle_path)
    alike = replace(settings, iterations=0, chunk=0)
    return fingerprint(LAYOUT, *given, model.denoiser, model.context, model.alphas_cumprod, model.prediction, alike, *before)


def take(run: Any) -> State:
    """The state of a run of the stage `drag` that has been measured, on the CPU."""
    state = {
        "chunk": torch.tensor(run.chunks.size),
        "learning_rate": torch.tensor(run.optimiser.param_groups[0]["lr"], dtype=torch.float64),
        "path": torch.stack(run.path),
        "losses": torch.stack(run.losses) if run.losses else torch.zeros(0, 2),
    }
    for step in run.steps:
        first = run.first_distance.get(step, torch.zeros(run.handles.shape[1:3]))
        tensors = {
            "correction": run.corrections,
            "before": run.before,
            "template": run.templates,
            "looks": run.looks,
            "first_distance": {step: first},
        }
        state |= {f"{name}.{step}": by_step[step].detach().cpu().clone() for name, by_step in tensors.items()}
    return state | adam_state(run.optimiser)


def chunk_of(state: State | None) -> int:
    """Frames at a time of the run that the state is of: another size would round otherwise."""
    size = (state or {}).get("chunk")
    return int(size) if size is not None and size.numel() == 1 and int(size) > 0 else LARGEST_CHUNK


def put_back(run: Any, state: State | None) -> None:
    """Let a measured run go on from a state, if it is one of this run and not further than the run goes."""
    if state is None or not fits(state, take(run), ("path", "losses")):
        return
    done = len(state["losses"]) - run.first
    if len(state["path"]) != len(state["losses"]) + 1 or not 0 < done <= run.settings.iterations:
        return
    device = run.handles.device
    run.optimiser.param_groups[0]["lr"] = float(state["learning_rate"])
    run.path, run.losses = list(state["path"]), list(state["losses"])
    run.handles = run.path[-1].to(device)
    for step in run.steps:
        run.corrections[step].detach().copy_(state[f"correction.{step}"])  # in place: Adam holds them
        run.before[step] = state[f"before.{step}"]
        run.templates[step] = state[f"template.{step}"].to(device)
        run.looks[step] = state[f"looks.{step}"].to(device)
        if run.settings.moving_average:
            run.first_distance[step] = state[f"first_distance.{step}"].to(device)
    set_adam_state(run.optimiser, state)
