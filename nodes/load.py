"""Load: a video file to the clip that is edited."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.parts.video_file import read_audio
from ..dragvideo_core.stages.load import MAX_RATE, MAX_SIDE, LoadSettings, load
from ..dragvideo_core.types import UserError
from . import convert, host, sockets

DEFAULTS = LoadSettings()
MOST = 1_000_000  # frames


class LoadVideo(io.ComfyNode):
    """Loads frames of a video at the size and rate that the edit works on: resized, cut in the middle, and by default
    one frame in three (the paper's choice). Works out what fits into memory before it decodes anything."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_LoadVideo",
            display_name="Load Video (Drag-A-Video)",
            search_aliases=["vhs load video", "import video", "open video"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=host.video_names(),
                    upload=io.UploadType.video,
                    tooltip="A video in ComfyUI's input folder. The button uploads one.",
                ),
                io.Int.Input(
                    "width",
                    default=DEFAULTS.width,
                    min=0,
                    max=MAX_SIDE,
                    step=64,
                    tooltip="Pixels, a multiple of 64. The video is scaled to fill width x height and cut in the "
                    "middle. Stable Diffusion 1.5 works best near 512. Width and height 0: the video's own "
                    "size.",
                ),
                io.Int.Input(
                    "height",
                    default=DEFAULTS.height,
                    min=0,
                    max=MAX_SIDE,
                    step=64,
                    tooltip="Pixels, a multiple of 64. Width and height 0: the video's own size.",
                ),
                io.Int.Input(
                    "frame_load_cap",
                    default=DEFAULTS.frame_load_cap,
                    min=0,
                    max=MOST,
                    tooltip="Load at most this many frames. 0: all. Time and memory grow with the number of frames.",
                ),
                io.Int.Input(
                    "select_every_nth",
                    default=DEFAULTS.select_every_nth,
                    min=1,
                    max=MOST,
                    tooltip="Keep one frame in this many. The paper keeps one in three. The speed of motion stays the"
                    " same.",
                ),
                io.Int.Input(
                    "skip_first_frames",
                    default=DEFAULTS.skip_first_frames,
                    min=0,
                    max=MOST,
                    tooltip="Leave out this many frames at the start.",
                ),
                sockets.advanced(
                    io.Float.Input(
                        "force_rate",
                        default=DEFAULTS.force_rate,
                        min=0.0,
                        max=MAX_RATE,
                        step=1.0,
                        tooltip="First resample the video to this many frames per second. 0: keep its own rate.",
                    )
                ),
            ],
            outputs=[
                io.Image.Output(
                    "images", display_name="frames", tooltip="The frames, for every node with a 'video' input."
                ),
                io.Video.Output(
                    "video", display_name="video", tooltip="The frames with their rate and sound, as one VIDEO."
                ),
                io.Audio.Output(
                    "audio",
                    display_name="audio",
                    tooltip="The sound that belongs to these frames, if the file has any.",
                ),
                io.Float.Output("fps", display_name="fps", tooltip="Frames per second after skipping."),
                io.Int.Output("frame_count", display_name="frame count", tooltip="How many frames were loaded."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        try:
            return file is None or bool(host.video_path(file))
        except UserError as error:
            return str(error)

    @classmethod
    def fingerprint_inputs(cls, file: str, **_settings) -> str:
        return host.file_fingerprint(host.video_path(file))

    @classmethod
    def execute(
        cls,
        file: str,
        width: int,
        height: int,
        frame_load_cap: int,
        select_every_nth: int,
        skip_first_frames: int,
        force_rate: float,
    ) -> io.NodeOutput:
        path = host.video_path(file)
        settings = LoadSettings(
            width=width,
            height=height,
            frame_load_cap=frame_load_cap,
            select_every_nth=select_every_nth,
            skip_first_frames=skip_first_frames,
            force_rate=force_rate,
        )
        with host.warnings_on_node(cls.hidden.unique_id):
            clip = host.run(load, path, settings, host.progress())
            audio = convert.to_audio(host.run(read_audio, path, clip))
        return io.NodeOutput(convert.to_image(clip.frames), convert.to_video(clip, audio), audio, clip.fps, len(clip))
