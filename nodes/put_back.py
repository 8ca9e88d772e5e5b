"""Put Back into Film: the edit of a loaded clip in the whole film that it was loaded from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from comfy_api.latest import InputImpl, io

from ..dragvideo_core.stages.put_back import PutBackSettings, put_back
from . import sockets
from .comfy import folders, messages, values
from .comfy.run import progress, run
from .film import ENDINGS, file_inputs, file_of, outputs


class PutBack(io.ComfyNode):
    """Writes the whole film with your edited frames in their places: its other frames, its size, rate and sound stay. For edits
    that a model made of some frames; Drag a Film needs no such step."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_PutBack",
            display_name="Put Back into Film",
            is_output_node=True,
            search_aliases=["paste into film", "merge into video", "whole film"],
            inputs=[
                io.Video.Input("video", tooltip="The whole film, from core's Load Video."),
                io.MultiType.Input(
                    "original",
                    [io.Image, io.Video],
                    tooltip="The frames as they were before the edit, from Load Video (Drag-A-Video), with select_every_nth 1.",
                ),
                io.MultiType.Input("edited", [io.Image, io.Video], tooltip="The same frames after the edit."),
                sockets.setting(
                    PutBackSettings,
                    "first_frame",
                    "The frame of the film that the edited frames begin with: what skip_first_frames is on Load Video.",
                    0,
                    1_000_000,
                ),
                *file_inputs(PutBackSettings),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Only changes where this is white go into the film. Wire Propagate Points' mask here when a node "
                    "changed all of the frame. One mask for all frames, or one for each.",
                ),
            ],
            outputs=outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        original: Any,
        edited: Any,
        first_frame: int,
        codec: str,
        quality: int,
        save_as: str,
        mask: Any = None,
    ) -> io.NodeOutput:
        path = folders.new_film_path(save_as, ENDINGS[codec])
        before, after = (values.frames_of(frames)[0] for frames in (original, edited))
        settings = PutBackSettings(first_frame, codec, quality)
        mask = None if mask is None else mask.reshape(-1, *mask.shape[-2:])
        with tempfile.TemporaryDirectory() as scratch, messages.warnings_on_node(cls.hidden.unique_id):
            source = file_of(video, Path(scratch))
            run(put_back, source, before, after, path, settings, mask, progress(show=messages.PictureOnNode(cls.hidden.unique_id)))
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), str(path), ui=messages.film_on_node(path))
