"""Load: a video file to the clip that is edited."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.media.video_file import read_audio
from ..dragvideo_core.stages.load import MAX_RATE, MAX_SIDE, LoadSettings, load
from ..dragvideo_core.types import UserError
from . import sockets
from .comfy import folders, messages, values
from .comfy.run import progress, run

MOST = 1_000_000  # frames


class LoadVideo(io.ComfyNode):
    """Loads frames of a video at the size and rate that the edit works on: resized, cut in the middle, and by default
    one frame in three (the paper's choice). Works out what fits into memory before it decodes anything."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(LoadSettings, *row, **more)

        files = io.Combo.Input(
            "file",
            options=folders.video_names(),
            upload=io.UploadType.video,
            tooltip="A video in ComfyUI's input folder. The button uploads one.",
        )
        own = "Width and height 0: the video's own size."
        wide = "Pixels, a multiple of 64. The video is scaled to fill width x height and cut in the middle. Stable "
        wide += f"Diffusion 1.5 works best near 512. {own}"
        return sockets.schema(
            cls,
            node_id="DragAVideo_LoadVideo",
            display_name="Load Video (Drag-A-Video)",
            search_aliases=["vhs load video", "import video", "open video"],
            inputs=[
                files,
                setting("width", wide, 0, MAX_SIDE, 64),
                setting("height", f"Pixels, a multiple of 64. {own}", 0, MAX_SIDE, 64),
                setting("frame_load_cap", "At most this many frames. 0: all. Time and memory grow with them.", 0, MOST),
                setting("select_every_nth", "Keep one frame in this many. The speed of motion stays the same.", 1, MOST),
                setting("skip_first_frames", "Leave out this many frames at the start.", 0, MOST),
                setting(
                    "force_rate",
                    "First resample the video to this many frames per second. 0: keep its own rate.",
                    0.0,
                    MAX_RATE,
                    1.0,
                    advanced=True,
                ),
            ],
            outputs=[
                io.Image.Output("images", display_name="frames", tooltip="The frames, for every node with a 'video' input."),
                io.Video.Output("video", display_name="video", tooltip="The frames with their rate and sound, as one VIDEO."),
                io.Audio.Output("audio", display_name="audio", tooltip="The sound that belongs to these frames, if there is any."),
                io.Float.Output("fps", display_name="fps", tooltip="Frames per second after skipping."),
                io.Int.Output("frame_count", display_name="frame count", tooltip="How many frames were loaded."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        try:
            return file is None or bool(folders.video_path(file))
        except UserError as error:
            return str(error)

    @classmethod
    def fingerprint_inputs(cls, file: str, **_settings) -> str:
        return folders.file_fingerprint(folders.video_path(file))

    @classmethod
    def execute(cls, file: str, **settings) -> io.NodeOutput:
        path = folders.video_path(file)
        with messages.warnings_on_node(cls.hidden.unique_id):
            clip = run(load, path, LoadSettings(**settings), progress(pictures=False))
            audio = values.to_audio(run(read_audio, path, clip))
        return io.NodeOutput(values.to_image(clip.frames), values.to_video(clip, audio), audio, clip.fps, len(clip))
