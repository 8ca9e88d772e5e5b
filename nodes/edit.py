"""Finished edits: saved, loaded, made weaker or stronger, and added up."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.files import edit_file
from ..dragvideo_core.files.edit_file import EditFile, clip_fingerprint, model_fingerprint
from ..dragvideo_core.stages.edit import STRONGEST, EditSettings, check_source, combined, report, scaled
from ..dragvideo_core.stages.pick import pick
from ..dragvideo_core.types import DragModel, DragResult, PointTracks, UserError
from . import sockets
from .comfy import folders, messages, values
from .comfy.run import run


def _strength(name: str, tooltip: str) -> io.Input:
    return sockets.setting(EditSettings, name, tooltip, 0.0, STRONGEST, 0.05)


class SaveEdit(io.ComfyNode):
    """Writes an edit to ComfyUI's output folder: what Drag found, with its tracks and how it was made. Load Edit brings it
    back, so that it is rendered again without being found again."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_SaveEdit",
            display_name="Save Edit",
            is_output_node=True,
            search_aliases=["export edit", "save latents"],
            inputs=[
                sockets.Edit.Input("edit", tooltip="From Drag or Combine Edits."),
                sockets.Tracks.Input("tracks", tooltip="The tracks that the edit was made with."),
                sockets.video("The frames that the edit was made on: an IMAGE batch or a VIDEO."),
                sockets.model(),
                io.String.Input(
                    "save_as",
                    default="edit",
                    tooltip=f"A file output/{folders.EDITS_FOLDER}/<this>_00001.safetensors; the number goes up, nothing is "
                    "overwritten.",
                ),
                io.String.Input(
                    "points",
                    optional=True,
                    force_input=True,
                    tooltip="The points as JSON, from Pick Points: kept in the file, so that they can be drawn on later.",
                ),
            ],
            outputs=[io.String.Output("file", display_name="file", tooltip="The name of the file.")],
        )

    @classmethod
    def validate_inputs(cls, save_as: str) -> bool | str:
        try:
            return save_as is None or bool(folders.new_edit_path(save_as))
        except UserError as error:
            return str(error)

    @classmethod
    def execute(
        cls, edit: DragResult, tracks: PointTracks, video, model: DragModel, save_as: str, points: str = ""
    ) -> io.NodeOutput:
        path, clip = folders.new_edit_path(save_as), values.to_clip(video)
        if points:
            run(pick, points, clip.size, len(clip))  # says what is wrong with them
        content = EditFile(edit, tracks, points, clip_fingerprint(clip), run(model_fingerprint, model), model.name)
        check_source(content, clip, None)
        run(edit_file.save, path, content)
        name = folders.output_name(path)
        return io.NodeOutput(name, ui={"text": [name]})


class LoadEdit(io.ComfyNode):
    """Loads a saved edit with its tracks, for Decode Edit: it is rendered again without being found again, as strong as you
    like. Wired into Drag, it starts another round."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_LoadEdit",
            display_name="Load Edit",
            search_aliases=["import edit", "edit strength"],
            inputs=[
                io.Combo.Input(
                    "edit_file",
                    options=folders.edit_names(),
                    tooltip=f"A file in ComfyUI's output/{folders.EDITS_FOLDER}, or in its input folder.",
                ),
                _strength("strength", "0: the original, exactly. 1: the edit as it was found. More goes beyond."),
                sockets.setting(EditSettings, "use_anyway", "Use the edit although it was made on other frames or another model."),
                io.MultiType.Input(
                    "video",
                    [io.Image, io.Video],
                    optional=True,
                    tooltip="The frames it will be used on: compared with those that it was made on.",
                ),
                sockets.Model.Input(
                    "model", optional=True, tooltip="The model it will be used with: compared with the one that it was made with."
                ),
            ],
            outputs=[
                sockets.Edit.Output("edit", display_name="edit", tooltip="The edit, for Decode Edit, Combine Edits or Drag."),
                sockets.Tracks.Output("tracks", display_name="tracks", tooltip="The tracks that it was made with."),
                io.String.Output(
                    "points", display_name="points", tooltip="Its points as JSON, for Pick Points; empty if none were saved."
                ),
                io.String.Output("report", display_name="report", tooltip="What the file holds, round by round."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, edit_file: str) -> bool | str:
        try:
            return edit_file is None or bool(folders.edit_path(edit_file))
        except UserError as error:
            return str(error)

    @classmethod
    def fingerprint_inputs(cls, edit_file: str, **_settings) -> str:
        return folders.file_fingerprint(folders.edit_path(edit_file))

    @classmethod
    def execute(
        cls, edit_file: str, strength: float, use_anyway: bool, video=None, model: DragModel | None = None
    ) -> io.NodeOutput:
        saved = run(_load, folders.edit_path(edit_file))
        clip = None if video is None else values.to_clip(video)
        with messages.warnings_on_node(cls.hidden.unique_id):
            run(check_source, saved, clip, model, EditSettings(use_anyway=use_anyway))
        summary = report(saved)
        return io.NodeOutput(scaled(saved.edit, strength), saved.tracks, saved.points, summary, ui={"text": [summary]})


class CombineEdits(io.ComfyNode):
    """Makes one edit of two edits of the same clip: their changes are added, their masks united. With one edit it is a
    strength slider. With other tracks alone, it readies an edit for another round with more handles."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_CombineEdits",
            display_name="Combine Edits",
            search_aliases=["add edits", "merge edits", "edit strength"],
            inputs=[
                sockets.Edit.Input("edit", tooltip="From Drag or Load Edit."),
                sockets.Tracks.Input("tracks", tooltip="The tracks of that edit."),
                _strength("strength", "0: without it, 1: as it was found."),
                sockets.Edit.Input("other_edit", optional=True, tooltip="Another edit of the same clip."),
                sockets.Tracks.Input(
                    "other_tracks", optional=True, tooltip="The tracks of the other edit; or alone, to add handles."
                ),
                _strength("other_strength", "0: without the other edit, 1: as it was found."),
            ],
            outputs=[
                sockets.Edit.Output("sum", display_name="edit", tooltip="The sum, for Decode Edit, Drag or Save Edit."),
                sockets.Tracks.Output("all_tracks", display_name="tracks", tooltip="The tracks of both, with one mask."),
            ],
        )

    @classmethod
    def execute(
        cls,
        edit: DragResult,
        tracks: PointTracks,
        strength: float,
        other_strength: float,
        other_edit: DragResult | None = None,
        other_tracks: PointTracks | None = None,
    ) -> io.NodeOutput:
        if other_edit is not None and other_tracks is None:
            raise UserError("an edit was wired in as 'other_edit' without its tracks: wire in 'other_tracks' too.")
        edit = run(scaled, edit, strength)
        if other_tracks is None:
            return io.NodeOutput(edit, tracks)
        other = None if other_edit is None else run(scaled, other_edit, other_strength)
        return io.NodeOutput(*run(combined, edit, tracks, other, other_tracks))


def _load(path) -> EditFile:
    """A file whose points, if it has some, are those of its clip."""
    saved = edit_file.load(path)
    if saved.points:
        count, _, height, width = saved.tracks.edit_mask.shape
        pick(saved.points, (height, width), count)
    return saved
