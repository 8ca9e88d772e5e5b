"""Evaluate: how good the edit is, in numbers and in one picture."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.parts.drawing import draw_before_after
from ..dragvideo_core.stages.evaluate import EvaluateSettings, evaluate
from ..dragvideo_core.types import DragModel, PointTracks
from . import convert, host, sockets

DEFAULTS = EvaluateSettings()


class Evaluate(io.ComfyNode):
    """Measures an edit: how far the handles are from their targets, what changed outside the mask, how smooth the
    motion is. And draws the first, middle and last frame before and after."""

    @classmethod
    def define_schema(cls) -> io.Schema:
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
                sockets.advanced(
                    io.Combo.Input(
                        "recipe",
                        options=sockets.choices(EvaluateSettings, "recipe"),
                        default=DEFAULTS.recipe,
                        tooltip="Which of DIFT's settings find the handles again.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "ensemble",
                        default=DEFAULTS.ensemble,
                        min=1,
                        max=64,
                        tooltip="Noises averaged per frame to find the handles again. More is steadier and slower.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "seed",
                        default=DEFAULTS.seed,
                        min=0,
                        max=999_999_999,
                        control_after_generate=False,
                        tooltip="Of the noise that DIFT adds.",
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
                io.String.Output(
                    "scores",
                    display_name="scores",
                    tooltip="JSON: each number with its unit, which way is better, and what it means.",
                ),
                io.Image.Output(
                    "before_after", display_name="before and after", tooltip="First, middle and last frame, labelled."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, original, edited, tracks: PointTracks, model: DragModel, recipe: str, ensemble: int, seed: int, chunk: int
    ) -> io.NodeOutput:
        before, after = convert.to_clip(original), convert.to_clip(edited)
        settings = EvaluateSettings(recipe=recipe, ensemble=ensemble, seed=seed, chunk=chunk)
        scores = host.run(evaluate, before, after, tracks, model, settings, host.progress(after.frames))
        sheet = draw_before_after(before.frames, after.frames, tracks)
        return io.NodeOutput(convert.to_json(scores), convert.to_image(sheet[None]))
