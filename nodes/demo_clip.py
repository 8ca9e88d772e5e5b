"""A drawn clip to try everything on."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..dragvideo_core.embedded.demo_clip import FPS, MOST_FRAMES, demo_clip
from ..dragvideo_core.embedded.drawn_world import KINDS
from . import sockets
from .comfy import values
from .comfy.run import run


class DemoClip(io.ComfyNode):
    """Draws a short 128 x 128 clip of something with one part that can be dragged, with points that fit it. As the clip
    is drawn from numbers, it also draws the TRUE edited clip, to compare your edit with. Another seed, another clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def drag(name: str, way: str):
            tooltip = f"Pixels by which the true edit moves the part {way}"
            return io.Float.Input(name, default=0.0, min=-100.0, max=100.0, step=0.5, optional=True, tooltip=tooltip)

        return sockets.schema(
            cls,
            node_id="DragAVideo_DemoClip",
            display_name="Drawn Demo Clip",
            search_aliases=["test video", "sample video", "example clip"],
            inputs=[
                io.Combo.Input("kind", options=list(KINDS), default=KINDS[0], tooltip="What is drawn."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=999_999_999,
                    control_after_generate=False,
                    tooltip="Another number: other colours, proportions, background and motion, and another suggested drag.",
                ),
                io.Int.Input("frames", default=8, min=1, max=MOST_FRAMES, tooltip=f"How many frames, at {FPS:g} per second."),
                io.Boolean.Input("occluded", default=False, tooltip="Let a pole pass in front of the part that is dragged."),
                drag("drag_x", "to the right. With 'drag_y' also 0: a drag that fits."),
                drag("drag_y", "down. With 'drag_x' also 0: a drag that fits."),
            ],
            outputs=[
                io.Image.Output("images", display_name="frames", tooltip="The clip."),
                io.Image.Output("true_edit", display_name="true edit", tooltip="The clip as a perfect edit would make it."),
                io.String.Output("picks_json", display_name="points", tooltip="Points that fit: wire them into Pick Points."),
                io.Float.Output("frame_rate", display_name="fps", tooltip="Frames per second."),
                io.Mask.Output(
                    "layer", display_name="layer", tooltip="The thing in each frame, true to the part of a pixel: for SAM Segment."
                ),
                io.Mask.Output("front", display_name="front", tooltip="The pole in front of it; black without one."),
            ],
        )

    @classmethod
    def execute(cls, kind: str, seed: int, frames: int, occluded: bool, drag_x: float = 0.0, drag_y: float = 0.0) -> io.NodeOutput:
        drag = (drag_x, drag_y) if drag_x or drag_y else None
        drawn = run(demo_clip, kind, seed, frames, occluded, drag)
        front = torch.zeros_like(drawn.layer) if drawn.front is None else drawn.front
        pictures = values.to_image(drawn.clip.frames), values.to_image(drawn.true_edit.frames)
        return io.NodeOutput(*pictures, drawn.picks, drawn.clip.fps, values.to_mask(drawn.layer), values.to_mask(front))
