"""Invert: each frame's latent is carried towards noise."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.diffusion.ddim import STEPS
from ..dragvideo_core.stages.invert import InvertSettings, invert
from ..dragvideo_core.types import DragModel, PointTracks
from . import sockets
from .comfy import folders, messages, values
from .comfy.run import progress, run


class Invert(io.ComfyNode):
    """DDIM inversion: finds, for every frame, the noisy latents that lead back to it. The drag works on these."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(InvertSettings, *row, **more)

        until = f"The last of {STEPS} steps: at least the highest of Drag's steps. The paper's is 42."
        refinements = io.Int.Input(
            "refinements",
            default=0,
            min=0,
            max=10,
            control_after_generate=False,
            optional=True,
            tooltip="Does nothing. It is kept so that saved workflows open with their values in the right places.",
        )
        refinements.extra_dict = {"advanced": True}
        stride = "Steps that one model call serves: 2 halves the time. 1: each has its own, as in the paper."
        return sockets.schema(
            cls,
            node_id="DragAVideo_Invert",
            display_name="DDIM Invert",
            search_aliases=["ddim inversion", "unsampler"],
            inputs=[
                sockets.video(),
                sockets.model(),
                setting("until", until, 1, STEPS),
                refinements,
                setting("chunk", sockets.CHUNK_TOOLTIP, 0, 256, advanced=True),
                setting("stride", stride, 1, STEPS, advanced=True),
                io.Latent.Input(
                    "clip_latent",
                    optional=True,
                    tooltip="The clip's latents from another node (a VAE Encode, a sampler), one per frame. Without it the "
                    "frames are encoded.",
                ),
                sockets.only_mask(),
            ],
            outputs=[
                sockets.Inversion.Output(
                    "inversion", display_name="inversion", tooltip="The latents of every frame at every step."
                ),
                io.Latent.Output(
                    "latent", display_name="latent", tooltip="The latents at the last step: noise that holds the clip."
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        video,
        model: DragModel,
        clip_latent: dict | None = None,
        refinements: int = 0,
        tracks: PointTracks | None = None,
        **settings,
    ) -> io.NodeOutput:
        clip, settings = values.to_clip(video), InvertSettings(**settings)
        given = None if clip_latent is None else values.from_latent(clip_latent, model)
        with messages.warnings_on_node(cls.hidden.unique_id):
            on_progress = progress()
            inversion = run(invert, clip, model, settings, on_progress, given, folders.unfinished(), tracks=tracks)
        return io.NodeOutput(inversion, values.to_latent(inversion.latents[-1], model))
