"""Edits that need no model, as rows of the benchmarks: displacements of the frames, and no edit at all."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Tensor

from dragvideo_core import embedded
from dragvideo_core.stages.pick import pick
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import DragModel, PointTracks, VideoClip

from . import inpaint4drag, today
from .cases import Case

LayerSource = Literal["none", "given", "found"]

# The settings of the demo workflow; without a model points are followed by optical flow alone.
PROPAGATE = PropagateSettings(recipe="video", ensemble=4, mask_radius=68.0)
BY_FLOW = replace(PROPAGATE, tracker="flow")


@dataclass(frozen=True)
class Displacing:
    """One way to edit a clip without a model."""

    layer: LayerSource  # that it is given: none, the true one, or the one that two rough strokes lead to
    edit: Callable[[VideoClip, PointTracks], Tensor]
    settings: dict[str, Any] = field(default_factory=dict)  # for the record


def variants() -> dict[str, Displacing]:
    """By the names of their rows. The layered displacement is missing as long as the pack has none."""
    known: dict[str, Displacing] = {
        "unedited": Displacing("none", lambda clip, tracks: clip.frames),
        "displacement of today": Displacing("none", lambda clip, tracks: today.displaced(clip.frames, tracks)),
        "Inpaint4Drag's displacement, layer given": Displacing(
            "given",
            lambda clip, tracks: inpaint4drag.displaced(clip.frames, tracks),
            {"fill": "Telea", "nearest": inpaint4drag.NEAREST, "power": inpaint4drag.POWER},
        ),
    }
    if importlib.util.find_spec("dragvideo_core.stages.displace"):
        from dragvideo_core.stages.displace import DisplaceSettings, displace

        def layered(clip: VideoClip, tracks: PointTracks) -> Tensor:
            return displace(clip, tracks).frames

        said = dataclasses.asdict(DisplaceSettings())
        known["layered displacement alone"] = Displacing("given", layered, said)
        known["layered displacement alone, layer found"] = Displacing("found", layered, said)
    return known


def tracks_of(case: Case, layer: LayerSource, settings: PropagateSettings = BY_FLOW, model: DragModel | None = None) -> PointTracks:
    """The case's points in every frame, and its layer from that source. model: for trackers that look by features."""
    settings, clip = replace(settings, fit_mask=case.fit_mask), case.clip
    picks = pick(case.picks, clip.size, len(clip))
    tracks = propagate(clip, picks, segment(), model or embedded.drag_model(case.kind), settings)
    return tracks if layer == "none" else replace(tracks, layer=case.layer, front=case.front)
