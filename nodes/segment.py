"""Segment: which pixels belong to the thing that was clicked."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..dragvideo_core.points.sam import load_sam
from ..dragvideo_core.stages.segment import segment
from ..dragvideo_core.types import UserError
from . import sockets
from .comfy import folders, memory
from .comfy.run import run

NONE = "none"


class Segment(io.ComfyNode):
    """Tells points on the thing from points on the background, which then move with it (Eq. 1 of the paper). By a
    Segment Anything checkpoint, or by a MASK that you have; without either every point counts as foreground."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_SAM",
            display_name="SAM Segment",
            search_aliases=["segment anything", "sam", "foreground mask"],
            inputs=[
                io.Combo.Input(
                    "checkpoint",
                    options=[NONE, *folders.sam_names()],
                    default=NONE,
                    tooltip="A Segment Anything checkpoint (vit_b, vit_l or vit_h) in models/sams. 'none': use the "
                    "MASK, or count every point as foreground.",
                ),
                io.Mask.Input(
                    "mask", optional=True, tooltip="White on the thing: one for all frames, or one per frame. It wins over SAM."
                ),
                sockets.SamModel.Input(
                    "sam_model",
                    optional=True,
                    tooltip="A SAM_MODEL that another pack's loader (the Impact pack's) has made. It wins over 'checkpoint'.",
                ),
            ],
            outputs=[sockets.Segmenter.Output("segmenter", display_name="segmenter", tooltip="For Propagate Points.")],
        )

    @classmethod
    def validate_inputs(cls, checkpoint: str) -> bool | str:
        try:
            return checkpoint in (None, NONE) or bool(folders.sam_path(checkpoint))
        except UserError as error:
            return str(error)

    @classmethod
    def fingerprint_inputs(cls, checkpoint: str, **_wired) -> str:
        return "" if checkpoint in (None, NONE) else folders.file_fingerprint(folders.sam_path(checkpoint))

    @classmethod
    def execute(cls, checkpoint: str, mask: Tensor | None = None, sam_model: Any = None) -> io.NodeOutput:
        if mask is None and sam_model is None and checkpoint != NONE:
            sam_model = run(load_sam, folders.sam_path(checkpoint), memory.compute_device())
        return io.NodeOutput(run(segment, mask, sam_model))
