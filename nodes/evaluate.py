"""Evaluate: how good the edit is, in numbers and in one picture."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.media.drawing import draw_before_after
from ..dragvideo_core.stages.evaluate import EvaluateSettings, evaluate, plot_drag, plot_smoothness, verdict
from ..dragvideo_core.types import DragModel, DragResult, PointTracks
from . import sockets
from .comfy import messages, values
from .comfy.run import progress, run


class Evaluate(io.ComfyNode):
    """Measures an edit: how far the handles are from their targets, what changed outside the mask, how smooth the
    motion is. Says in a sentence how well it went and what to try next, and draws the first, middle and last frame before and
    after."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(EvaluateSettings, *row, **more)

        steady = "How many noises are averaged per frame to find the handles again. More is steadier and slower."
        return sockets.schema(
            cls,
            node_id="DragAVideo_Evaluate",
            display_name="Evaluate Edit",
            search_aliases=["metrics", "compare", "before after"],
            inputs=[
                io.MultiType.Input("original", [io.Image, io.Video], tooltip="The frames before the edit: IMAGE or VIDEO."),
                io.MultiType.Input("edited", [io.Image, io.Video], tooltip="The frames after the edit: IMAGE or VIDEO."),
                sockets.Tracks.Input("tracks", tooltip="From Propagate Points."),
                sockets.Model.Input("model", tooltip="The model before tuning, so that it judges without having learnt the clip."),
                setting("recipe", "Which of DIFT's settings find the handles again.", advanced=True),
                setting("ensemble", steady, 1, 64, advanced=True),
                setting("seed", "Seed of the noise that DIFT adds.", 0, 999_999_999, advanced=True),
                setting("chunk", sockets.CHUNK_TOOLTIP, 0, 256, advanced=True),
                sockets.Edit.Input("edit", optional=True, tooltip="From Drag: for the plots of the handles' paths and distances."),
            ],
            outputs=[
                io.String.Output(
                    "scores",
                    display_name="scores",
                    tooltip="JSON: each number with its unit, which way is better, and what it means.",
                ),
                io.Image.Output("before_after", display_name="before and after", tooltip="First, middle and last frame, labelled."),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="How well it went, what to try next, and the scores: for Preview as Text.",
                ),
                io.Image.Output("smoothness_plot", display_name="smoothness plot", tooltip="The smoothness of each frame."),
                io.Image.Output(
                    "paths_plot",
                    display_name="handle paths",
                    tooltip="The way of each handle over the first frame, to its target. Needs the edit.",
                ),
                io.Image.Output(
                    "distance_plot",
                    display_name="distance plot",
                    tooltip="How far the handles are from their targets after each iteration. Needs the edit.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, original, edited, tracks: PointTracks, model: DragModel, edit: DragResult | None = None, **settings
    ) -> io.NodeOutput:
        before, after, settings = values.to_clip(original), values.to_clip(edited), EvaluateSettings(**settings)
        with messages.warnings_on_node(cls.hidden.unique_id):
            scores = run(evaluate, before, after, tracks, model, settings, progress())
            said = verdict(scores, tracks)
            messages.say_on_node(said, cls.hidden.unique_id)
        sheet = values.to_image(draw_before_after(before.frames, after.frames, tracks)[None])
        text = values.to_json(scores)
        plots = [values.to_image(plot_smoothness(scores)[None])]
        if edit is None:
            plots += [messages.left_out(), messages.left_out()]
        else:
            plots += [values.to_image(plot[None]) for plot in run(plot_drag, before, tracks, edit)]
        return io.NodeOutput(text, sheet, f"{said}\n\n{values.to_lines(scores)}", *plots, ui={"text": [text]})
