"""Segment: which pixels belong to the thing that was clicked."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..dragvideo_core.layers.sam import load_sam
from ..dragvideo_core.stages.segment import segment
from ..dragvideo_core.types import UserError
from . import sockets
from .comfy import folders, memory
from .comfy.run import run

NONE = "none"


class Segment(io.ComfyNode):
    """Tells the thing that is dragged from the ground behind it: by a MASK that you have, or by a Segment Anything
    checkpoint. Its layer is then displaced as a piece, and points on the ground move with the thing (Eq. 1 of the paper)."""

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
                    tooltip="A Segment Anything checkpoint (vit_b, vit_l or vit_h) in models/sams. 'none': use the MASK; without "
                    "one, your strokes, or a guess.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White on the thing, grey where it covers a part of a pixel: one per frame, or one alone, of the frame "
                    "that the points are picked on, which is carried to the others. It wins over SAM.",
                ),
                sockets.SamModel.Input(
                    "sam_model",
                    optional=True,
                    tooltip="A SAM_MODEL that another pack's loader (the Impact pack's) has made. It wins over 'checkpoint'.",
                ),
                io.Mask.Input(
                    "front",
                    optional=True,
                    tooltip="White on things that pass in front of it, such as a pole, and stay: one per frame or one for all.",
                ),
            ],
            outputs=[
                sockets.Segmenter.Output(
                    "segmenter", display_name="segmenter", tooltip="For Propagate Points, Use Tracks, Drag a Film or Save Job."
                )
            ],
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
    def execute(
        cls, checkpoint: str, mask: Tensor | None = None, sam_model: Any = None, front: Tensor | None = None
    ) -> io.NodeOutput:
        if mask is None and sam_model is None and checkpoint != NONE:
            sam_model = run(load_sam, folders.sam_path(checkpoint), memory.compute_device())
        return io.NodeOutput(run(segment, mask, sam_model, front))
