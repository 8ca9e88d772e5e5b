"""Compare: the clip and its edit in one player, with a wipe between them."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor
from torch.nn import functional

from ..dragvideo_core.types import UserError
from . import sockets
from .comfy import messages, values

COMPARE_WIDGET = "DRAGAVIDEO_COMPARE"  # the player in js/
MOST_SIDE = 1024  # px, of what the page is sent


class Compare(io.ComfyNode):
    """Plays the clip and its edit at once: drag the line between them, or press Play."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        player = io.String.Input("player", default="", optional=True, tooltip="The player. There is nothing to set.")
        player.extra_dict = {"widgetType": COMPARE_WIDGET}
        return sockets.schema(
            cls,
            node_id="DragAVideo_Compare",
            display_name="Compare Videos",
            is_output_node=True,
            search_aliases=["before after", "wipe", "side by side", "compare video"],
            inputs=[
                io.MultiType.Input("original", [io.Image, io.Video], tooltip="The frames before the edit: IMAGE or VIDEO."),
                io.MultiType.Input("edited", [io.Image, io.Video], tooltip="The frames after it, as many: IMAGE or VIDEO."),
                player,
                io.Float.Input(
                    "fps",
                    default=values.DEFAULT_FPS,
                    min=0.01,
                    max=1000.0,
                    step=0.01,
                    optional=True,
                    tooltip="Frames per second to play at. A VIDEO brings its own.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, original: Any, edited: Any, player: str = "", fps: float = values.DEFAULT_FPS) -> io.NodeOutput:
        (before, rate), (after, _) = (values.frames_of(video, fps) for video in (original, edited))
        if len(before) != len(after):
            raise UserError(
                f"Compare Videos: expected as many frames before as after: got {len(before)} and {len(after)}. "
                "Wire in the clip that was edited, and all of its edit."
            )
        return io.NodeOutput(
            ui={
                "drag_a_video_original": messages.save_for_page(_small(before)),
                "drag_a_video_edited": messages.save_for_page(_small(after)),
                "drag_a_video_fps": [rate],
                "drag_a_video_size": [[before.shape[3], before.shape[2]]],
            }
        )


def _small(frames: Tensor) -> Tensor:
    """Frames (N, 3, H, W) no larger than the page needs."""
    scale = MOST_SIDE / max(frames.shape[-2:])
    if scale >= 1:
        return frames
    size = [max(1, round(side * scale)) for side in frames.shape[-2:]]
    return torch.cat([functional.interpolate(frame[None], size, mode="area") for frame in frames])
