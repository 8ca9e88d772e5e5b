"""What the nodes' schemas are made of: this pack's socket types, and the inputs that several nodes share."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, get_args, get_type_hints

from comfy_api.latest import io

CATEGORY = "Drag-A-Video"
COMPARE_WIDGET = "DRAGAVIDEO_COMPARE"  # the player in js/
DEFAULT_FPS = 8.0  # of an IMAGE batch, which carries no frame rate
CHUNK_TOOLTIP = "Frames at a time; the result is the same. 0: as many as fit into memory."

Model = io.Custom("DRAGVIDEO_MODEL")  # dragvideo_core.types.DragModel
Picks = io.Custom("DRAGVIDEO_PICKS")  # PointPicks
Segmenter = io.Custom("DRAGVIDEO_SEGMENTER")  # Segmenter
Tracks = io.Custom("DRAGVIDEO_TRACKS")  # PointTracks
Displacement = io.Custom("DRAGVIDEO_DISPLACEMENT")  # Displacement
Inversion = io.Custom("DRAGVIDEO_INVERSION")  # Inversion
Edit = io.Custom("DRAGVIDEO_EDIT")  # DragResult
LoraModel = io.Custom("LORA_MODEL")  # core's: weights by name
LossMap = io.Custom("LOSS_MAP")  # core's: {"loss": [...]}
OpticalFlow = io.Custom("OPTICAL_FLOW")  # core's: a model patcher around torchvision's RAFT
TrackData = io.Custom("TRACKS")  # {"track_path": (F, P, 2) px, "track_visibility": (F, P)}
Boxes = io.Custom("BOUNDING_BOX")  # a list per frame of {"x", "y", "width", "height"}
SamModel = io.Custom("SAM_MODEL")  # the Impact pack's


def schema(node: type[io.ComfyNode], **fields: Any) -> io.Schema:
    """The schema of a node: its docstring is the description; fields that this ComfyUI does not know are left out."""
    fields = {"category": CATEGORY, "description": " ".join(inspect.getdoc(node).split()), **fields}
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return io.Schema(**{name: value for name, value in fields.items() if name in known})


def video(tooltip: str = "The frames to edit: an IMAGE batch or a VIDEO. Wire the same frames into every node.") -> io.Input:
    """The clip, as an IMAGE batch or a VIDEO."""
    return io.MultiType.Input("video", [io.Image, io.Video], tooltip=tooltip)


def edit_mask() -> io.Input:
    """A mask of what may change, in the place of the one that is painted on Pick Points."""
    return io.Mask.Input(
        "edit_mask",
        optional=True,
        tooltip="White where the picture may change: one mask for all frames, or one per frame. Without it: what you painted "
        "on Pick Points, or what lies near the arrows.",
    )


def tracks_outputs() -> list[io.Output]:
    """What a node that makes tracks hands on: ours, and the forms that other packs read."""
    return [
        Tracks.Output("tracks", display_name="tracks", tooltip="The point sets in every frame, for the nodes that follow."),
        io.Mask.Output("mask", display_name="mask", tooltip="White where the picture may change, in each frame."),
        io.Image.Output("preview", display_name="preview", tooltip="Every frame with its point sets and its mask."),
        TrackData.Output("track_data", display_name="TRACKS", tooltip="The handles in every frame, for nodes of other packs."),
        io.String.Output("tracks_json", display_name="tracks JSON", tooltip="The same as text: one list of {x, y} per handle."),
        Boxes.Output("boxes", display_name="boxes", tooltip="The box around what may change, one per frame."),
    ]


def model(optional: bool = False) -> io.Input:
    """The model that all stages share."""
    without = " Without one, points are followed by optical flow." if optional else ""
    return Model.Input(
        "model",
        optional=optional,
        tooltip=f"The diffusion model: from Stable Diffusion Model, Embedded Model or Tune LoRA.{without}",
    )


def frame_rate() -> io.Input:
    """The rate of a VIDEO output."""
    return io.Float.Input(
        "fps",
        default=DEFAULT_FPS,
        min=0.01,
        max=1000.0,
        step=0.01,
        tooltip="Frames per second of the VIDEO output when frames come in as IMAGE: wire the loader's fps here.",
    )


def player() -> io.Input:
    """Not a setting: where the page puts the player of before and after."""
    widget = io.String.Input("player", default="", optional=True, tooltip="The player. There is nothing to set.")
    widget.extra_dict = {"widgetType": COMPARE_WIDGET}
    return widget


def only_mask() -> io.Input:
    """The tracks whose mask says which part of the picture the model has to see."""
    return Tracks.Input(
        "tracks",
        optional=True,
        tooltip="From Propagate Points: the model sees only a box around their mask. Faster, but the model knows less of the "
        "picture: the embedded one then paints specks. Wire the same tracks into Tune LoRA, DDIM Invert, Drag and Decode Edit. "
        "Without them the model sees whole frames.",
    )


def setting(
    settings: type,
    name: str,
    tooltip: str,
    least: float | None = None,
    most: float | None = None,
    step: float | None = None,
    advanced: bool = False,
) -> io.Input:
    """The widget of one field of a settings class: its kind and its default are the field's.

    Advanced ones may be left out of a graph, and the page folds them away where it can.
    """
    default, choices = getattr(settings(), name), get_args(get_type_hints(settings)[name])
    common = {"id": name, "default": default, "tooltip": tooltip, "optional": advanced}
    if isinstance(default, bool):
        widget = io.Boolean.Input(**common)
    elif isinstance(default, str):
        widget = io.Combo.Input(options=list(choices), **common)
    elif isinstance(default, int):
        widget = io.Int.Input(min=least, max=most, step=step or 1, control_after_generate=False, **common)
    else:
        widget = io.Float.Input(min=least, max=most, step=step, **common)
    if advanced:
        widget.extra_dict = {"advanced": True}
    return widget
