"""Propagate: the clicked points become sets and go through all frames."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.parts.drawing import draw_tracks
from ..dragvideo_core.stages.propagate import PropagateSettings, propagate
from ..dragvideo_core.stages.segment import segment
from ..dragvideo_core.types import DragModel, PointPicks, Segmenter
from . import convert, host, sockets

DEFAULTS = PropagateSettings()


class Propagate(io.ComfyNode):
    """Carries handles, targets and mask points from the frame they were clicked on to every other frame (Sec. 3.2 of
    the paper), and builds the mask of what may change. Look at the preview before the long part of the edit: the red
    sets should sit on the same spot of the thing in every frame."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Propagate",
            display_name="Propagate Points",
            search_aliases=["track points", "dift", "point tracking"],
            inputs=[
                sockets.video(),
                sockets.Picks.Input("picks", tooltip="The points, from Pick Points."),
                sockets.model(),
                sockets.Segmenter.Input(
                    "segmenter",
                    optional=True,
                    tooltip="From SAM Segment: says which pixels belong to the thing. Without it, every point counts "
                    "as foreground.",
                ),
                io.Int.Input(
                    "set_side",
                    default=DEFAULTS.set_side,
                    min=1,
                    max=9,
                    tooltip="Points per side of the square set around each handle. The paper uses 3 (3 x 3 points).",
                ),
                io.Float.Input(
                    "set_spacing",
                    default=DEFAULTS.set_spacing,
                    min=0.5,
                    max=64.0,
                    step=0.5,
                    tooltip="Pixels between the points of a set, for a 512 x 512 picture; scaled to the size of yours.",
                ),
                io.Float.Input(
                    "mask_radius",
                    default=DEFAULTS.mask_radius,
                    min=1.0,
                    max=512.0,
                    step=1.0,
                    tooltip="Half the side of the square around each mask point, in pixels of a 512 x 512 picture; "
                    "scaled to the size of yours. Together the squares are what may change.",
                ),
                sockets.advanced(
                    io.Combo.Input(
                        "recipe",
                        options=sockets.choices(PropagateSettings, "recipe"),
                        default=DEFAULTS.recipe,
                        tooltip="Which of DIFT's settings describe the points: those for pictures or those for videos.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "ensemble",
                        default=DEFAULTS.ensemble,
                        min=1,
                        max=64,
                        tooltip="Noises averaged per frame to describe the points. More is steadier and slower.",
                    )
                ),
                sockets.advanced(
                    io.Float.Input(
                        "window",
                        default=DEFAULTS.window,
                        min=1.0,
                        max=512.0,
                        step=1.0,
                        tooltip="A point moves at most this far from frame to frame, in pixels of a 512 x 512 picture.",
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
            ],
            outputs=[
                sockets.Tracks.Output(
                    "tracks",
                    display_name="tracks",
                    tooltip="The point sets in every frame, for Drag, Decode and Evaluate.",
                ),
                io.Mask.Output(
                    "mask",
                    display_name="mask",
                    tooltip="What may change in each frame: 1 inside the squares of the mask points.",
                ),
                io.Image.Output(
                    "preview", display_name="preview", tooltip="Every frame with its point sets and its mask."
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        video,
        picks: PointPicks,
        model: DragModel,
        set_side: int,
        set_spacing: float,
        mask_radius: float,
        recipe: str,
        ensemble: int,
        window: float,
        seed: int,
        segmenter: Segmenter | None = None,
    ) -> io.NodeOutput:
        clip = convert.to_clip(video)
        settings = PropagateSettings(
            set_side=set_side,
            set_spacing=set_spacing,
            mask_radius=mask_radius,
            recipe=recipe,
            ensemble=ensemble,
            window=window,
            seed=seed,
        )
        segmenter = segmenter or segment()
        try:
            with host.warnings_on_node(cls.hidden.unique_id) as warned:
                tracks = host.run(propagate, clip, picks, segmenter, model, settings, host.progress(clip.frames))
        finally:
            segmenter.free()
        ui = {
            "drag_a_video_frames": host.save_for_page(clip.frames),
            "drag_a_video_warnings": warned,
            "drag_a_video_tracks": [convert.to_page(tracks, mask_radius)],
        }
        preview = convert.to_image(draw_tracks(clip.frames, tracks))
        return io.NodeOutput(tracks, convert.to_mask(tracks.edit_mask), preview, ui=ui)
