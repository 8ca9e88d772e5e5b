"""The state of a drag between two iterations: taken apart into tensors, and put together again bit for bit.

What goes on from it is the same bit for bit on the CPU, and but for rounding on CUDA (`stages/drag.py`).

What is measured before the first iteration (the residuals of the chain) is measured anew: it depends on nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..files.fingerprint import fingerprint
from ..files.unfinished import State, adam_state, fits, set_adam_state
from ..types import Displacement, DragModel, DragResult, Inversion, PointTracks
from . import supervision
from .corrections import Corrections
from .plan import Plan
from .rounds import Earlier
from .settings import DragSettings
from .template_sums import TemplateSums
from .templates import Templates

LAYOUT = "drag 5"  # of the state; one of another layout is not read
LARGEST_CHUNK = 2**31


class DragState:
    """All that changes while a drag runs."""

    def __init__(self, plan: Plan, earlier: Earlier, patch_sums: dict[int, Tensor]):
        """patch_sums: step -> (turns, J, S, D, C), as measured before the first iteration."""
        self.plan = plan
        self.path = list(earlier.path[:, plan.sharing.keys])  # (K, J, S, 2) px each, on the CPU: of all rounds
        self.losses = list(earlier.losses)  # (2,) each, on the CPU: of all rounds
        self.first = len(self.losses)  # iteration of this round
        self.templates = Templates(patch_sums, plan.visible)
        self.template_sums = TemplateSums(plan.group)
        held = plan.sharing.span.held
        like = {step: z_t.new_zeros(held.stop - held.start, *z_t.shape[1:]) for step, z_t in plan.latents.items()}
        self.corrections = Corrections(like, plan.settings.learning_rate)
        self.first_input = plan.latents[plan.steps[-1]][:1]  # x_t of the first frame at the lowest step, for the preview
        self.is_whole = True  # whether it can be taken apart: not in the middle of an update
        self._place(plan.handles)

    def advance(self, handles: Tensor, losses: Tensor) -> None:
        """An iteration is done: handles (K, J, S, 2) after it, its losses (2,)."""
        handles_on_cpu, losses_on_cpu = self._place(handles, losses)
        self.path.append(handles_on_cpu)
        self.losses.append(losses_on_cpu)

    def _place(self, handles: Tensor, *others: Tensor) -> list[Tensor]:
        """Put the handles on the device in their places; returns them and other tensors on the CPU.

        The only wait for a GPU after an update: what the CPU has to know comes over in one piece.
        """
        self.handles = handles
        self.remaining = (self.plan.targets - handles).norm(dim=-1).mean(0)  # (J, S) px: the mean over frames
        self.arrived = self.remaining.mean(-1) < self.plan.settings.arrive * supervision.GRID  # (J,): the set is, on average
        tensors = [handles, *others, self.arrived.to(handles.dtype)]
        pieces = torch.cat([tensor.flatten() for tensor in tensors]).cpu().split([tensor.numel() for tensor in tensors])
        *on_cpu, arrived = [piece.view(tensor.shape).clone() for piece, tensor in zip(pieces, tensors, strict=True)]
        self.arrived_on_cpu = arrived.bool()
        return on_cpu

    @property
    def done(self) -> int:
        """Iterations of this round."""
        return len(self.losses) - self.first

    @property
    def all_arrived(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.arrived_on_cpu.all())

    def taken_apart(self, chunk: int) -> State:
        """The state of all ranks as tensors on the CPU; `chunk`: frames at a time, of which the rounding depends.

        In a group all ranks call it together.
        """
        by_step = {
            "template": self.templates.mean,
            "patch_sums": self.templates.patch_sums,
            "first_distance": self.templates.first_distance,
        }
        tensors = {
            f"{name}.{step}": values[step].detach().cpu().clone() for name, values in by_step.items() for step in self.plan.steps
        }
        held = {f"correction.{step}": own for step, own in self.corrections.values.items()}
        held |= {f"before.{step}": own for step, own in self.corrections.before.items()}
        adam = adam_state(self.corrections.optimiser)
        held |= {name: moment for name, moment in adam.items() if moment.dim()}
        return {
            "chunk": torch.tensor(chunk),
            "learning_rate": torch.tensor(self.corrections.learning_rate, dtype=torch.float64),
            "path": torch.stack(self.path),
            "losses": torch.stack(self.losses) if self.losses else torch.zeros(0, 2),
            **tensors,
            **adam,
            **{name: self.plan.of_all_keys(own.detach()).clone() for name, own in held.items()},
        }

    def go_on_from(self, kept: State | None) -> None:
        """Take over a state that was kept, if it is one of this drag and not further than it goes."""
        if kept is None or not fits(kept, self.taken_apart(chunk_of(kept)), ("path", "losses")):
            return
        done = len(kept["losses"]) - self.first
        if len(kept["path"]) != len(kept["losses"]) + 1 or not 0 < done <= self.plan.settings.iterations:
            return
        device, span = self.handles.device, self.plan.sharing.span
        self.path, self.losses = list(kept["path"]), list(kept["losses"])
        self._place(self.path[-1].to(device))
        self.corrections.learning_rate = float(kept["learning_rate"])
        for step in self.plan.steps:
            self.corrections.values[step].detach().copy_(kept[f"correction.{step}"][span.held])  # in place: Adam holds them
            self.corrections.before[step] = kept[f"before.{step}"][span.held].to(device)
            self.templates.mean[step] = kept[f"template.{step}"].to(device)
            self.templates.patch_sums[step] = kept[f"patch_sums.{step}"].to(device)
            self.templates.first_distance[step] = kept[f"first_distance.{step}"].to(device)
        adam = {name: value for name, value in kept.items() if name.startswith("adam.")}
        set_adam_state(
            self.corrections.optimiser, {name: value[span.held] if value.dim() else value for name, value in adam.items()}
        )


def name(
    inversion: Inversion,
    tracks: PointTracks,
    model: DragModel,
    settings: DragSettings,
    start: DragResult | None,
    displaced: Displacement | None = None,
) -> str:
    """What a state depends on: not on how many iterations there may be, nor on the chunks.

    start: the edit that it goes on from; displaced: what its warm start starts from.
    """
    given = (tracks.handles, tracks.targets, tracks.visible, tracks.edit_mask, inversion.latents, inversion.frames is None)
    before = () if start is None else (sorted(start.offsets), *(start.offsets[s] for s in sorted(start.offsets)), start.handle_path)
    moved = () if displaced is None else (displaced.frames, displaced.backward, displaced.freed, tracks.layer)
    alike = replace(settings, iterations=0, refine=0, chunk=0)
    return fingerprint(
        LAYOUT, *given, model.denoiser, model.context, model.alphas_cumprod, model.prediction, alike, *before, *moved
    )


def chunk_of(kept: State | None) -> int:
    """Frames at a time of the run that the state is of: another size would round otherwise."""
    size = (kept or {}).get("chunk")
    return int(size) if size is not None and size.numel() == 1 and int(size) > 0 else LARGEST_CHUNK
