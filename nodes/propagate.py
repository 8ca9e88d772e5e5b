"""Propagate: the clicked points become sets and go through all frames."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.exchange.corrections import read_corrections
from ..dragvideo_core.media.drawing import draw_tracks
from ..dragvideo_core.points.flow import DIS
from ..dragvideo_core.stages.propagate import PropagateSettings, propagate
from ..dragvideo_core.stages.segment import segment
from ..dragvideo_core.types import DragModel, PointPicks, Segmenter
from . import sockets
from .comfy import messages, values
from .comfy.run import progress, run

CORRECTIONS_WIDGET = "DRAGAVIDEO_CORRECTIONS"  # the player in js/


class Propagate(io.ComfyNode):
    """Carries handles, targets and mask points from the frame they were clicked on to every other frame (Sec. 3.2 of
    the paper), and builds the mask of what may change. Look at the result before the long part of the edit: the sets
    should sit on the same spot of the thing in every frame. Where one does not, drag it there."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(PropagateSettings, *row, **more)

        scaled = "in pixels of a 512 x 512 picture; scaled to the size of yours."
        corrections = io.String.Input(
            "corrections",
            default="",
            optional=True,
            tooltip="Handles that you dragged to their place on the player; the next run starts from them.",
        )
        corrections.extra_dict = {"widgetType": CORRECTIONS_WIDGET}
        return sockets.schema(
            cls,
            node_id="DragAVideo_Propagate",
            display_name="Propagate Points",
            is_output_node=True,
            search_aliases=["track points", "dift", "point tracking"],
            inputs=[
                sockets.video(),
                sockets.Picks.Input("picks", tooltip="The points, from Pick Points."),
                sockets.model(optional=True),
                sockets.Segmenter.Input(
                    "segmenter",
                    optional=True,
                    tooltip="From SAM Segment: the thing's layer. Without it the thing is found by your strokes, or guessed.",
                ),
                setting("set_side", "Points per side of the square set around each handle. The paper uses 3.", 1, 9),
                setting("set_spacing", f"Distance between the points of a set, {scaled}", 0.5, 64.0, 0.5),
                setting(
                    "mask_radius",
                    f"Half the side of the square around each mask point, {scaled} Together the squares are what may change.",
                    1.0,
                    512.0,
                    1.0,
                ),
                setting("recipe", "Which of DIFT's settings describe the points: those for pictures or for videos.", advanced=True),
                setting(
                    "ensemble",
                    "How many noises are averaged per frame to describe the points. More is steadier and slower.",
                    1,
                    64,
                    advanced=True,
                ),
                setting("window", f"A point moves at most this far from frame to frame, {scaled}", 1.0, 512.0, 1.0, advanced=True),
                setting(
                    "round_trip",
                    f"A point that does not come back within this distance counts as hidden, {scaled}",
                    1.0,
                    512.0,
                    1.0,
                    advanced=True,
                ),
                setting("seed", "Seed of the noise that DIFT adds.", 0, 999_999_999, advanced=True),
                setting("chunk", sockets.CHUNK_TOOLTIP, 0, 256, advanced=True),
                corrections,
                sockets.edit_mask(),
                setting(
                    "tracker",
                    "What finds the points in the other frames. auto: optical flow where it is sure, else dift. dift: the "
                    "model's features, as in the paper. flow: optical flow alone, which is faster and does not ask the model.",
                    advanced=True,
                ),
                setting(
                    "fit_mask",
                    "On: the mask also covers the way from each handle to its target and, with SAM Segment, the part of the "
                    "thing around the handle, here and at the target. Look at the preview.",
                    advanced=True,
                ),
                sockets.OpticalFlow.Input(
                    "optical_flow",
                    optional=True,
                    tooltip="From core's Load Optical Flow Model (RAFT): measures the flow instead of OpenCV's DIS.",
                ),
                setting(
                    "guess_layer",
                    "On: where no MASK, SAM or stroke marks the thing, it is guessed: what moves with the handles, or "
                    "has the colours there. Off: without a mark all that lies inside the edit mask bends. Look at the preview.",
                    advanced=True,
                ),
            ],
            outputs=[
                *sockets.tracks_outputs(),
                io.String.Output(
                    "corrections_text",
                    display_name="corrections",
                    tooltip="Where you dragged handles to on the player, for Drag a Film.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        video,
        picks: PointPicks,
        mask_radius: float,
        model: DragModel | None = None,
        segmenter: Segmenter | None = None,
        corrections: str = "",
        edit_mask=None,
        optical_flow=None,
        **settings,
    ) -> io.NodeOutput:
        clip, segmenter = values.to_clip(video), segmenter or segment()
        settings = PropagateSettings(mask_radius=mask_radius, **settings)
        may_change = None if edit_mask is None else run(values.to_edit_mask, edit_mask, clip)
        flow = DIS if optical_flow is None else values.to_flow(optical_flow)
        moves = read_corrections(corrections, clip.size)
        on_progress = progress(pictures=False)
        with messages.warnings_on_node(cls.hidden.unique_id) as warned:
            tracks = run(propagate, clip, picks, segmenter, model, settings, on_progress, moves, may_change, flow)
        ui = {
            "drag_a_video_frames": messages.save_for_page(clip.frames),
            "drag_a_video_warnings": warned,
            "drag_a_video_tracks": [values.to_page(tracks, mask_radius, picks.frame)],
        }
        ui |= messages.layer_for_page(None if tracks.layer is None else tracks.layer[picks.frame, 0], picks.frame)
        preview = values.to_image(draw_tracks(clip.frames, tracks))
        return io.NodeOutput(*values.from_tracks(tracks, preview), corrections, ui=ui)
