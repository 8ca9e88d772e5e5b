"""Edits that need no model, as rows of the benchmarks: displacements of the frames, and no edit at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from unittest.mock import patch

import cv2
import numpy as np
from torch import Tensor

from dragvideo_core import embedded
from dragvideo_core.stages.displace import DisplaceSettings, displace
from dragvideo_core.stages.pick import pick
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import Displacement, DragModel, PointTracks, VideoClip

from . import inpaint4drag, strokes, today
from .cases import Case

GIVEN, FOUND = "layered displacement alone", "layered displacement alone, layer found"  # the default way, and from two strokes
WITH_TELEA = "layered displacement, Telea's fill"
SMOOTH = "layered displacement, smooth ground"

LayerSource = Literal["none", "given", "found", "guessed"]

# The settings of the demo workflow; without a model points are followed by optical flow alone.
PROPAGATE = PropagateSettings(recipe="video", ensemble=4, mask_radius=68.0)
BY_FLOW = replace(PROPAGATE, tracker="flow")


@dataclass(frozen=True)
class Displacing:
    """One way to edit a clip without a model."""

    layer: LayerSource  # none, the true one, the one that two rough strokes lead to, or one that is guessed from the handles
    edit: Callable[[VideoClip, PointTracks], Tensor | Displacement]  # frames alone, or with the ground that came free
    settings: dict[str, Any] = field(default_factory=dict)  # for the record
    has_mask: bool = True  # somebody painted what may change; else it is made around the drag


def _layered(clip: VideoClip, tracks: PointTracks) -> Displacement:
    return displace(clip, tracks)


def _telea(
    pictures: list[np.ndarray], covered: np.ndarray, freed: np.ndarray, plate: None = None
) -> tuple[list[np.ndarray], np.ndarray]:
    """OpenCV's Telea (2004) in the place of `fill_freed`: frame by frame, from all that is not covered."""
    filled = []
    for picture, taken, hole in zip(pictures, covered | freed, freed, strict=True):
        octets = np.ascontiguousarray((picture * 255).round().clip(0, 255).astype(np.uint8))
        made = cv2.inpaint(octets, taken.astype(np.uint8), inpaint4drag.FILL_RADIUS, cv2.INPAINT_TELEA)
        filled.append(made[hole].astype(np.float32) / 255)
    return filled, np.zeros_like(freed)


def layered_with_telea(clip: VideoClip, tracks: PointTracks) -> Displacement:
    """*Displace* with OpenCV's Telea in the place of our fill."""
    with patch("dragvideo_core.stages.displace.fill_freed", _telea):
        return displace(clip, tracks)


def layered_with_smooth_ground(clip: VideoClip, tracks: PointTracks) -> Displacement:
    """Without pieces of the ground beside the hole: all that no frame shows is filled smoothly."""
    with patch("dragvideo_core.ground.fill.stamped", lambda picture, known, hole, smooth: smooth):
        return displace(clip, tracks)


VARIANTS: dict[str, Displacing] = {  # by the names of their rows
    "unedited": Displacing("none", lambda clip, tracks: clip.frames),
    "displacement of today": Displacing("none", lambda clip, tracks: today.displaced(clip.frames, tracks)),
    "Inpaint4Drag's displacement, layer given": Displacing(
        "given",
        lambda clip, tracks: inpaint4drag.displaced(clip.frames, tracks),
        {"fill": "Telea", "nearest": inpaint4drag.NEAREST, "power": inpaint4drag.POWER, "pin_gap": inpaint4drag.PIN_GAP},
    ),
    GIVEN: Displacing("given", _layered, dataclasses.asdict(DisplaceSettings())),
    WITH_TELEA: Displacing("given", layered_with_telea, dataclasses.asdict(DisplaceSettings()) | {"fill": "Telea"}),
    SMOOTH: Displacing("given", layered_with_smooth_ground, dataclasses.asdict(DisplaceSettings()) | {"fill": "smooth"}),
    FOUND: Displacing("found", _layered, dataclasses.asdict(DisplaceSettings())),
    "layered displacement alone, layer guessed": Displacing("guessed", _layered, dataclasses.asdict(DisplaceSettings())),
    "layered displacement alone, no layer": Displacing("none", _layered, dataclasses.asdict(DisplaceSettings())),
    "layer given, no mask": Displacing("given", _layered, dataclasses.asdict(DisplaceSettings()), has_mask=False),
    "layer guessed, no mask": Displacing("guessed", _layered, dataclasses.asdict(DisplaceSettings()), has_mask=False),
    "no layer, no mask": Displacing("none", _layered, dataclasses.asdict(DisplaceSettings()), has_mask=False),
}


def tracks_of(
    case: Case, layer: LayerSource, settings: PropagateSettings = BY_FLOW, model: DragModel | None = None, has_mask: bool = True
) -> PointTracks:
    """The case's points in every frame, and its layer from that source. model: for trackers that look by features."""
    settings, clip = replace(settings, fit_mask=case.fit_mask and has_mask, guess_layer=layer == "guessed"), case.clip
    text = strokes.with_strokes(case) if layer == "found" else case.picks
    if not has_mask:
        text = json.dumps(json.loads(text) | {"mask_points": []})
    front = None if case.front is None or layer in ("none", "guessed") else case.front[:, 0]
    segmenter = segment(mask=case.layer[:, 0] if layer == "given" else None, front=front)
    return propagate(clip, pick(text, clip.size, len(clip)), segmenter, model or embedded.drag_model(case.kind), settings)
