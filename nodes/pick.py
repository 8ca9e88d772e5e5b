"""Pick: what the user drew on one frame."""

from __future__ import annotations

import hashlib
import json

from comfy_api.latest import io

from ..dragvideo_core.parts.drawing import draw_points
from ..dragvideo_core.stages.pick import MAX_TEXT, pick
from ..dragvideo_core.types import PointPicks, UserError
from . import convert, host, sockets

POINTS_WIDGET = "DRAGAVIDEO_POINTS"  # the canvas in js/
ANY_SIZE, ANY_FRAMES = (10**9, 10**9), 10**9  # of a clip that is not known yet


class Pick(io.ComfyNode):
    """Draw on a frame what should move: an arrow from each handle to its target, and mask points over everything that
    may change on the way. Run the graph once to see the frame here."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        points = io.String.Input(
            "points",
            default="",
            tooltip='Written by the canvas. As JSON: {"version": 1, "size": [width, height], "frame": 0, "pairs": '
            '[{"handle": [x, y], "target": [x, y]}], "mask_points": [[x, y]]}, in pixels of a picture of that size.',
        )
        points.extra_dict = {"widgetType": POINTS_WIDGET}
        return sockets.schema(
            cls,
            node_id="DragAVideo_Pick",
            display_name="Pick Points",
            is_output_node=True,
            search_aliases=["points editor", "drag points", "spline editor"],
            inputs=[
                sockets.video(
                    "The frames to draw on: an IMAGE batch or a VIDEO. Wire the same frames into every node."
                ),
                points,
                io.String.Input(
                    "other_points",
                    optional=True,
                    force_input=True,
                    tooltip="Points from another node, in the same JSON or as KJNodes writes them. They are where the"
                    " drawing here starts: what you draw wins until they change.",
                ),
            ],
            outputs=[
                sockets.Picks.Output("picks", display_name="picks", tooltip="The points, for Propagate Points."),
                io.String.Output("points_json", display_name="points", tooltip="The points as JSON."),
                io.Image.Output("preview", display_name="preview", tooltip="The frame with its points."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, points: str, other_points: str | None = "") -> bool | str:
        if points is None or other_points is None:  # wired, so known only when the graph runs
            return True
        try:
            pick(points, ANY_SIZE, ANY_FRAMES)
        except UserError as error:
            return (
                str(error) if points.strip() and _data(points).get("pairs", True) else True
            )  # a blank canvas has to be seen
        return True

    @classmethod
    def execute(cls, video, points: str, other_points: str | None = None) -> io.NodeOutput:
        clip = convert.to_clip(video)
        ui = {
            "drag_a_video_frames": host.save_for_page(clip.frames),
            "drag_a_video_size": [[clip.size[1], clip.size[0]]],
        }
        try:
            if other_points:
                upstream = host.run(pick, other_points, clip.size, len(clip))
                ui["drag_a_video_seed"] = [{"key": _key(other_points), "picks": _as_data(upstream)}]
            text = _newest(points, other_points)
            picks = host.run(pick, text, clip.size, len(clip))
        except UserError:
            host.show_on_node(ui, cls.hidden.unique_id)  # the frame has to be seen for the points to be put right
            raise
        drawn = draw_points(clip.frames[picks.frame], picks.handles, picks.targets)
        return io.NodeOutput(picks, json.dumps(_as_data(picks)), convert.to_image(drawn[None]), ui=ui)


def _newest(points: str, other_points: str | None) -> str:
    """What was drawn on the canvas wins if it was drawn on top of these very `other_points`, or if there are none."""
    return points if not other_points or _data(points).get("seed") == _key(other_points) else other_points


def _data(text: str) -> dict:
    """A JSON object, or an empty one for any other text."""
    try:
        data = json.loads(text) if len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        data = None
    return data if isinstance(data, dict) else {}


def _key(text: str) -> str:
    """What the canvas remembers of the upstream points that it started from."""
    return hashlib.sha1(text.encode()).hexdigest()


def _as_data(picks: PointPicks) -> dict:
    """Points as the JSON that the canvas reads, in the clip's pixels."""

    def rows(points) -> list[list[float]]:
        return [[round(float(x), 2), round(float(y), 2)] for x, y in points]

    pairs = zip(rows(picks.handles), rows(picks.targets))
    return {
        "version": 1,
        "size": [picks.size[1], picks.size[0]],
        "frame": picks.frame,
        "pairs": [{"handle": handle, "target": target} for handle, target in pairs],
        "mask_points": rows(picks.mask_points),
    }
