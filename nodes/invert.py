"""Invert: each frame's latent is carried towards noise."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.stages.invert import InvertSettings, invert
from ..dragvideo_core.types import DragModel
from . import convert, host, sockets

DEFAULTS = InvertSettings()


class Invert(io.ComfyNode):
    """DDIM inversion: finds, for every frame, the noisy latents that lead back to it. The drag works on these."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Invert",
            display_name="DDIM Invert",
            search_aliases=["ddim inversion", "unsampler"],
            inputs=[
                sockets.video(),
                sockets.model(),
                io.Int.Input(
                    "until",
                    default=DEFAULTS.until,
                    min=1,
                    max=DEFAULTS.total,
                    tooltip=f"The last of {DEFAULTS.total} steps: at least the highest of Drag's steps. The paper's "
                    "is 42.",
                ),
                sockets.advanced(
                    io.Int.Input(
                        "refinements",
                        default=DEFAULTS.refinements,
                        min=0,
                        max=10,
                        tooltip="Extra model calls per step that make the way back more exact. 0 is plain DDIM "
                        "inversion.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "chunk",
                        default=DEFAULTS.chunk,
                        min=1,
                        max=256,
                        tooltip="Frames at a time. Lower needs less memory.",
                    )
                ),
            ],
            outputs=[
                sockets.Inversion.Output(
                    "inversion",
                    display_name="inversion",
                    tooltip="The latents of every frame at every step, for Drag and Decode.",
                ),
                io.Latent.Output(
                    "latent", display_name="latent", tooltip="The latents at the last step: noise that holds the clip."
                ),
            ],
        )

    @classmethod
    def execute(cls, video, model: DragModel, until: int, refinements: int, chunk: int) -> io.NodeOutput:
        clip = convert.to_clip(video)
        settings = InvertSettings(until=until, refinements=refinements, chunk=chunk)
        inversion = host.run(invert, clip, model, settings, host.progress(clip.frames))
        return io.NodeOutput(inversion, convert.to_latent(inversion.latents[-1], model))
