"""Compare: the clip and its edit in one player, with a wipe between them."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..dragvideo_core.types import UserError
from . import sockets
from .comfy import messages, values


class Compare(io.ComfyNode):
    """Plays the clip and its edit at once: drag the line between them, or press Play."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Compare",
            display_name="Compare Videos",
            is_output_node=True,
            search_aliases=["before after", "wipe", "side by side", "compare video"],
            inputs=[
                io.MultiType.Input("original", [io.Image, io.Video], tooltip="The frames before the edit: IMAGE or VIDEO."),
                io.MultiType.Input("edited", [io.Image, io.Video], tooltip="The frames after it, as many: IMAGE or VIDEO."),
                sockets.player(),
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
        return io.NodeOutput(ui=messages.for_player(before, after, rate))
