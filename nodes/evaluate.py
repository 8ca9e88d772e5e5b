"""Evaluate: how good the edit is, in numbers and in one picture."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.parts.drawing import draw_before_after
from ..dragvideo_core.stages.evaluate import EvaluateSettings, evaluate
from ..dragvideo_core.types import DragModel, PointTracks
from . import convert, host, sockets


class Evaluate(io.ComfyNode):
    """Measures an edit: how far the handles are from their targets, what changed outside the mask, how smooth the
    motion is. And draws the first, middle and last frame before and after."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(EvaluateSettings, *row, **more)

        steady = "Noises averaged per frame to find the handles again. More is steadier and slower."
        return sockets.schema(
            cls,
            node_id="DragAVideo_Evaluate",
            display_name="Evaluate Edit",
            search_aliases=["metrics", "compare", "before after"],
            inputs=[
                io.MultiType.Input(
                    "original", [io.Image, io.Video], tooltip="The frames before the edit: IMAGE or VIDEO."
                ),
                io.MultiType.Input(
                    "edited", [io.Image, io.Video], tooltip="The frames after the edit: IMAGE or VIDEO."
                ),
                sockets.Tracks.Input("tracks", tooltip="From Propagate Points."),
                sockets.Model.Input(
                    "model", tooltip="The model before tuning, so that it judges without having learnt the clip."
                ),
                setting("recipe", "Which of DIFT's settings find the handles again.", advanced=True),
                setting("ensemble", steady, 1, 64, advanced=True),
                setting("seed", "Of the noise that DIFT adds.", 0, 999_999_999, advanced=True),
                setting("chunk", sockets.CHUNK_TOOLTIP, 0, 256, advanced=True),
            ],
            outputs=[
                io.String.Output(
                    "scores",
                    display_name="scores",
                    tooltip="JSON: each number with its unit, which way is better, and what it means.",
                ),
                io.Image.Output(
                    "before_after", display_name="before and after", tooltip="First, middle and last frame, labelled."
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="The scores as a table, for the core node Preview as Text."
                ),
            ],
        )

    @classmethod
    def execute(cls, original, edited, tracks: PointTracks, model: DragModel, **settings) -> io.NodeOutput:
        before, after, settings = convert.to_clip(original), convert.to_clip(edited), EvaluateSettings(**settings)
        scores = host.run(evaluate, before, after, tracks, model, settings, host.progress())
        sheet = convert.to_image(draw_before_after(before.frames, after.frames, tracks)[None])
        text = convert.to_json(scores)
        return io.NodeOutput(text, sheet, convert.to_table(scores), ui={"text": [text]})
