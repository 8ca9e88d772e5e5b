"""A drag of three frames, taken into its parts."""

from __future__ import annotations

from dataclasses import dataclass

from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion import batches
from dragvideo_core.dragging import initial, rounds
from dragvideo_core.dragging.first_pass import Measured, measure
from dragvideo_core.dragging.initial import Initial
from dragvideo_core.dragging.iteration import iterate
from dragvideo_core.dragging.plan import Plan, make_plan
from dragvideo_core.dragging.settings import DragSettings
from dragvideo_core.dragging.state import DragState
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import DragModel, Inversion, PointTracks

SETTINGS = DragSettings(steps=(3, 2), iterations=2, learning_rate=0.05, warm_start=False, turns=1)


def tick() -> None:
    """Nobody looks."""


@dataclass
class SmallDrag:
    plan: Plan
    earlier: rounds.Earlier
    initial: Initial
    measured: Measured
    state: DragState
    chunks: batches.Chunks

    def iterate(self) -> bool:
        return iterate(self.plan, self.initial, self.measured.residuals, self.state, self.chunks, tick)


def small_inversion(model: DragModel, frames: int = 3, until: int = 3) -> Inversion:
    return invert(tiny_clip(frames), model, InvertSettings(until=until))


def small_drag(
    settings: DragSettings = SETTINGS,
    inversion: Inversion | None = None,
    tracks: PointTracks | None = None,
    model: DragModel | None = None,
) -> SmallDrag:
    """Measured, before its first iteration."""
    model = model or tiny_model()
    inversion = inversion or small_inversion(model)
    tracks = tracks or tiny_tracks(inversion.latents.shape[1])
    earlier = rounds.earlier(None, tracks)
    plan = make_plan(inversion, tracks, model, settings, earlier)
    chunks = plan.chunks()
    if settings.warm_start:
        first = initial.displaced(plan, inversion, tracks, None, model, chunks)
    else:
        first = initial.from_offsets(plan, inversion, earlier)
    measured = measure(plan, first, earlier, chunks, tick)
    return SmallDrag(plan, earlier, first, measured, DragState(plan, earlier, measured.patch_sums), chunks)
