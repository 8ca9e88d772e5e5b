"""Decode: the edit becomes frames."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.stages.decode import DecodeSettings, decode
from ..dragvideo_core.types import Displacement, DragModel, DragResult, Inversion, PointTracks
from . import sockets
from .comfy import values
from .comfy.run import progress, run


class Decode(io.ComfyNode):
    """Denoises the edited latents down to frames. While it does, each frame looks at its unedited self (cross-branch
    attention), so that everything but the drag stays as it was."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(DecodeSettings, *row, **more)

        looks = "What each edited frame looks at to keep its looks: its own unedited frame (the paper's), the first one, "
        return sockets.schema(
            cls,
            node_id="DragAVideo_Decode",
            display_name="Decode Edit",
            search_aliases=["masactrl", "render edit"],
            inputs=[
                sockets.video("The frames that were edited: an IMAGE batch or a VIDEO, which brings its rate and sound."),
                sockets.Inversion.Input("inversion", tooltip="From DDIM Invert."),
                sockets.Edit.Input("edit", tooltip="From Drag, Load Edit or Combine Edits."),
                sockets.Tracks.Input("tracks", tooltip="From Propagate Points: its mask says what may change."),
                sockets.model(),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Sound for the VIDEO output. Without it, the sound of the VIDEO that went in."
                ),
                sockets.frame_rate(),
                setting("cross_branch", looks + "all of them, or nothing."),
                setting("lock", "Keep what is outside the mask exactly as it is."),
                setting("smoothing", "Even out flicker between frames at two late steps. Slower, and a little softer."),
                setting(
                    "feather",
                    "The edit fades in over this width inside the mask's edge, in pixels of a 512 x 512 picture.",
                    0.0,
                    128.0,
                    1.0,
                    advanced=True,
                ),
                setting("chunk", sockets.CHUNK_TOOLTIP, 0, 256, advanced=True),
                setting(
                    "stride",
                    "Steps that one pair of model calls serves: 2 halves the time. 1: each has its own, as in the paper.",
                    1,
                    50,
                    advanced=True,
                ),
                setting(
                    "keep_pixels",
                    "With a displacement: what moved as a piece keeps its own pixels; the model paints only ground that came free "
                    "and that no other frame shows, and what is much stretched. Off: the model's picture everywhere.",
                    advanced=True,
                ),
                setting(
                    "paint_from",
                    "With a displacement: from which of 50 steps on the model paints over the fill of the freed ground. Higher: it "
                    "invents more. 0: the fill stays as it is. -1: what suits the model (10; with the embedded model 0).",
                    -1,
                    50,
                    advanced=True,
                ),
                sockets.Displacement.Input(
                    "displacement", optional=True, tooltip="From Displace: the one that was wired into Drag."
                ),
            ],
            outputs=[
                io.Image.Output("images", display_name="frames", tooltip="The edited frames."),
                io.Video.Output("edited_video", display_name="video", tooltip="The edited frames with their rate and sound."),
                io.Latent.Output("latent", display_name="latent", tooltip="The edited clip's latents."),
            ],
        )

    @classmethod
    def execute(
        cls,
        video,
        inversion: Inversion,
        edit: DragResult,
        tracks: PointTracks,
        model: DragModel,
        fps: float,
        audio: dict | None = None,
        displacement: Displacement | None = None,
        **settings,
    ) -> io.NodeOutput:
        clip, settings = values.to_clip(video, fps), DecodeSettings(**settings)
        on_progress = progress()
        edited, latents = run(decode, clip, inversion, edit, tracks, model, settings, on_progress, displacement)
        on_progress.finish(edited.frames[len(edited) // 2])
        sound = values.audio_of(video) if audio is None else audio
        return io.NodeOutput(values.to_image(edited.frames), values.to_video(edited, sound), values.to_latent(latents, model))
