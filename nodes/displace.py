"""Displace: the dragged part moves as a piece, without a model."""

from __future__ import annotations

import dataclasses

from comfy_api.latest import io

from ..dragvideo_core.displacement.st_map import st_map
from ..dragvideo_core.stages.displace import DisplaceSettings, displace
from ..dragvideo_core.types import PointTracks
from . import sockets
from .comfy import messages, values
from .comfy.run import progress, run


class Displace(io.ComfyNode):
    """Moves the dragged part of every frame to its target as a piece, and fills the ground that came free. It needs no
    model and takes seconds: wired to Save Video alone it is a whole edit, and the node plays it beside the clip. Wire its
    displacement into Drag and Decode Edit to let a model repaint what moving pixels cannot show."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Displace",
            display_name="Displace",
            is_output_node=True,
            search_aliases=["warp", "puppet", "liquify", "st map", "displacement", "quick drag"],
            inputs=[
                sockets.video(),
                sockets.Tracks.Input("tracks", tooltip="The points in every frame, from Propagate Points or Use Tracks."),
                sockets.setting(
                    DisplaceSettings,
                    "stiffness",
                    "How the part bends. 0: like rubber, it stretches. 1: like a board, it turns and moves but hardly bends.",
                    0.0,
                    1.0,
                    0.05,
                ),
                sockets.frame_rate(),
                sockets.player(),
            ],
            outputs=[
                io.Image.Output("frames", display_name="frames", tooltip="The edited frames."),
                io.Mask.Output(
                    "freed",
                    display_name="freed ground",
                    tooltip="White where ground came free that no other frame shows: what an inpainting node may paint.",
                ),
                io.Mask.Output("matte", display_name="matte", tooltip="How much of each pixel the moved part covers."),
                io.Image.Output(
                    "st_map",
                    display_name="ST-map",
                    tooltip="Where each pixel comes from, for compositing programs: red from left to right, green from bottom "
                    "to top, blue the matte. Save it as EXR.",
                ),
                sockets.Displacement.Output(
                    "displacement", display_name="displacement", tooltip="All of it, for Drag and Decode Edit."
                ),
                io.Video.Output("edited_video", display_name="video", tooltip="The edited frames with their rate and sound."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, video, tracks: PointTracks, fps: float = sockets.DEFAULT_FPS, player: str = "", **settings) -> io.NodeOutput:
        clip = values.to_clip(video, fps)
        with messages.warnings_on_node(cls.hidden.unique_id) as warned:
            made = run(displace, clip, tracks, DisplaceSettings(**settings), progress(pictures=False))
        ui = messages.for_player(clip.frames, made.frames, clip.fps) | {"drag_a_video_warnings": warned}
        outputs = (
            values.to_image(made.frames),
            values.to_mask(made.freed & ~made.shown_elsewhere),
            values.to_mask(made.matte),
            values.handed_on(st_map(made.backward, made.matte)),
            made,
            values.to_video(dataclasses.replace(clip, frames=made.frames), values.audio_of(video)),
        )
        return io.NodeOutput(*outputs, ui=ui)
