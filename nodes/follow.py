"""Follow: points go through all frames along tracks from another pack."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.exchange.tracks import read_tracks
from ..dragvideo_core.media.drawing import draw_tracks
from ..dragvideo_core.stages.follow import FollowSettings, follow
from ..dragvideo_core.stages.segment import segment
from ..dragvideo_core.types import PointPicks, Segmenter, UserError
from . import sockets
from .comfy import messages, values
from .comfy.run import run


class UseTracks(io.ComfyNode):
    """Replaces Propagate Points: each handle and each mask point moves like the nearest of the tracks that
    another node made (CoTracker, Wan-Move, KJNodes). A MASK, from SAM2 or painted, can say what may change."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(FollowSettings, *row, **more)

        scaled = "in pixels of a 512 x 512 picture; scaled to the size of yours."
        return sockets.schema(
            cls,
            node_id="DragAVideo_UseTracks",
            display_name="Use Tracks",
            search_aliases=["cotracker", "external tracks", "point tracking"],
            inputs=[
                sockets.video(),
                sockets.Picks.Input("picks", tooltip="The points, from Pick Points."),
                io.MultiType.Input(
                    "given",
                    [sockets.TrackData, io.String],
                    display_name="given tracks",
                    tooltip="TRACKS, or tracks as JSON: a list of tracks, each a list of {x, y} with one per frame.",
                ),
                sockets.edit_mask(),
                setting("set_side", "Points per side of the square set around each handle. The paper uses 3.", 1, 9),
                setting("set_spacing", f"Distance between the points of a set, {scaled}", 0.5, 64.0, 0.5),
                setting("mask_radius", f"Half the side of the square around each mask point, {scaled}", 1.0, 512.0, 1.0),
                sockets.Segmenter.Input(
                    "segmenter",
                    optional=True,
                    tooltip="From SAM Segment: the thing's layer. Without it the thing is found by your strokes, or guessed.",
                ),
                setting(
                    "guess_layer",
                    "On: where no MASK, SAM or stroke marks the thing, it is guessed: what moves with the handles, or "
                    "has the colours there. Off: without a mark all that lies inside the edit mask bends. Look at the preview.",
                    advanced=True,
                ),
            ],
            outputs=sockets.tracks_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, video, picks: PointPicks, given, edit_mask=None, segmenter: Segmenter | None = None, **settings
    ) -> io.NodeOutput:
        clip = values.to_clip(video)
        if given is None:
            raise UserError("expected TRACKS or tracks JSON: got nothing. Wire a point tracker's output into 'given tracks'.")
        with messages.warnings_on_node(cls.hidden.unique_id):
            may_change = None if edit_mask is None else run(values.to_edit_mask, edit_mask, clip)
            tracks = run(
                follow, clip, picks, run(read_tracks, given), may_change, FollowSettings(**settings), segmenter or segment()
            )
        return io.NodeOutput(*values.from_tracks(tracks, values.to_image(draw_tracks(clip.frames, tracks))))
