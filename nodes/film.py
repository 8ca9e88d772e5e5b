"""Drag a Film: a whole film in, a whole film out, without a model."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from comfy_api.latest import InputImpl, io

from ..dragvideo_core.exchange.tracks import read_tracks
from ..dragvideo_core.film_edit import FilmSettings, drag_a_film
from ..dragvideo_core.points.flow import DIS
from ..dragvideo_core.stages.displace import DisplaceSettings
from ..dragvideo_core.types import Segmenter, UserError
from . import sockets
from .comfy import folders, messages, values
from .comfy.run import progress, run

ENDINGS = {"h264": ".mp4", "hevc": ".mp4", "ffv1": ".mkv"}


def codec_input() -> io.Input:
    """The codec that the film is written with."""
    return io.Combo.Input(
        "codec",
        options=list(ENDINGS),
        default="h264",
        tooltip="h264 plays everywhere. hevc makes smaller files. ffv1 loses nothing and makes large .mkv files.",
    )


def file_inputs(settings: type) -> list[io.Input]:
    """How a film is written, and where. settings: what `quality` belongs to."""
    return [
        codec_input(),
        sockets.setting(settings, "quality", "0 loses nothing, 51 is worst. For h264 and hevc.", 0, 51),
        io.String.Input("save_as", default="drag-a-video/film", tooltip="The file's name in the output folder; a number is added."),
    ]


def outputs() -> list[io.Output]:
    """The film and its file."""
    return [
        io.Video.Output("edited_video", display_name="video", tooltip="The edited film."),
        io.String.Output("file", display_name="file", tooltip="The file's whole name."),
    ]


def margin_input() -> io.Input:
    """How far around the edit ground is searched for."""
    return sockets.setting(
        FilmSettings,
        "margin",
        "How much of the picture around what may change is looked at, in pixels of a picture whose short side is about 300. Ground "
        "that comes free is filled from there: more finds more ground, and is slower.",
        4,
        150,
        advanced=True,
    )


class DragFilm(io.ComfyNode):
    """Edits a whole film without a model: every frame, at the film's own size and rate, with its sound and its colours. The part
    moves as a piece; what is outside of the edit stays as it is. Pick the points on a frame of the same VIDEO."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Film",
            display_name="Drag a Film",
            is_output_node=True,
            search_aliases=["whole film", "quick drag", "full resolution", "1080p"],
            inputs=[
                io.Video.Input("video", tooltip="The film, from Load Video. It is read as it is needed, never all at once."),
                io.String.Input("points", tooltip="The points as JSON: Pick Points' output 'points'.", force_input=True),
                sockets.Segmenter.Input(
                    "segmenter",
                    optional=True,
                    tooltip="From SAM Segment: the thing's layer on the picked frame. Without it the thing is found by your "
                    "strokes, or guessed.",
                ),
                sockets.setting(
                    DisplaceSettings, "stiffness", "How the part bends. 0: like rubber. 1: like a board.", 0.0, 1.0, 0.05
                ),
                *file_inputs(FilmSettings),
                margin_input(),
                io.String.Input(
                    "corrections",
                    optional=True,
                    force_input=True,
                    tooltip="Propagate Points' output 'corrections', of the same film: handles that you dragged to "
                    "their place on its player. The points go on from there.",
                ),
                sockets.OpticalFlow.Input(
                    "optical_flow",
                    optional=True,
                    tooltip="From core's Load Optical Flow Model (RAFT): measures the flow instead of OpenCV's DIS.",
                ),
                io.MultiType.Input(
                    "given",
                    [sockets.TrackData, io.String],
                    optional=True,
                    display_name="given tracks",
                    tooltip="Point tracks (TRACKS or JSON) of every frame of the film from its first one, in its pixels. The "
                    "points move with them while they are visible; where they are hidden or end, optical flow goes on.",
                ),
            ],
            outputs=outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        points: str,
        stiffness: float,
        codec: str,
        quality: int,
        save_as: str,
        segmenter: Segmenter | None = None,
        margin: int = FilmSettings.margin,
        corrections: str = "",
        optical_flow: Any = None,
        given: Any = None,
    ) -> io.NodeOutput:
        settings = FilmSettings(DisplaceSettings(stiffness), margin=margin, codec=codec, quality=quality)
        path = folders.new_film_path(save_as, ENDINGS[codec])
        flow = DIS if optical_flow is None else values.to_flow(optical_flow)
        tracks = None if given is None else run(read_tracks, given)
        with tempfile.TemporaryDirectory() as scratch, messages.warnings_on_node(cls.hidden.unique_id):
            source = file_of(video, Path(scratch))
            keep = source.parent != Path(scratch)  # a copy made for this run is gone with it
            on_progress = progress(show=messages.PictureOnNode(cls.hidden.unique_id))
            report = run(drag_a_film, source, points, path, settings, segmenter, on_progress, keep, corrections, tracks, flow)
        found = messages.layer_for_page(report.layer, report.picked) | messages.box_for_page(report.box, report.picked)
        ui = messages.film_on_node(path) | found
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), str(path), ui=ui)


def file_of(video: Any, scratch: Path) -> Path:
    """The file behind a VIDEO; one that has none is written into the scratch folder without loss."""
    source = values.source_of(video)
    if isinstance(source, str) and not values.is_part(video):
        return Path(source)
    if not hasattr(video, "save_to"):
        raise UserError(f"expected a VIDEO: got {type(video).__name__}. Wire in Load Video's output.")
    file = scratch / "film.mp4"
    if isinstance(source, BytesIO):
        file.write_bytes(source.getbuffer())
    else:
        video.save_to(str(file))
    return file
