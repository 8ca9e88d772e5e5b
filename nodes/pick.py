"""Pick: what the user drew on one frame."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from comfy_api.latest import io

from ..dragvideo_core.exchange.points_json import points_text
from ..dragvideo_core.exchange.tracks import as_boxes, as_points
from ..dragvideo_core.media.drawing import draw_points
from ..dragvideo_core.points.edit_mask import may_change
from ..dragvideo_core.points.sets import REFERENCE
from ..dragvideo_core.stages.pick import MAX_TEXT, pick
from ..dragvideo_core.stages.propagate import PropagateSettings
from ..dragvideo_core.types import PointPicks, UserError
from . import sockets
from .comfy import messages, values
from .comfy.run import run

POINTS_WIDGET = "DRAGAVIDEO_POINTS"  # the canvas in js/
MOST_SHOWN = 240  # frames of a long film, around the picked one: more would take long to write
ANY_SIZE, ANY_FRAMES = (10**9, 10**9), 10**9  # of a clip that is not known yet


class Pick(io.ComfyNode):
    """Draw on a frame what should move: an arrow from each handle to its target, pins on what should stay, and a mask
    over everything that may change. The picture moves with the mouse. Press Run once if there is no picture yet."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        points = io.String.Input(
            "points", default="", tooltip="What you draw on the canvas, as JSON (the help page says how it is written)."
        )
        points.extra_dict = {"widgetType": POINTS_WIDGET}
        return sockets.schema(
            cls,
            node_id="DragAVideo_Pick",
            display_name="Pick Points",
            is_output_node=True,
            search_aliases=["points editor", "drag points", "spline editor"],
            inputs=[
                sockets.video("The frames to draw on: an IMAGE batch or a VIDEO. Wire the same frames into every node."),
                points,
                io.MultiType.Input(
                    "other_points",
                    [io.String, sockets.TrackData, sockets.Boxes],
                    optional=True,
                    tooltip="Points from another node to start the drawing from (JSON, KJNodes' points, TRACKS, or boxes "
                    "for the mask): what you draw wins until they change.",
                ),
            ],
            outputs=[
                sockets.Picks.Output("picks", display_name="picks", tooltip="The points, for Propagate Points."),
                io.String.Output("points_json", display_name="points", tooltip="The points as JSON."),
                io.Image.Output("preview", display_name="preview", tooltip="The frame with its points."),
                io.String.Output(
                    "handles", display_name="handles", tooltip="The handles as KJNodes' points, for SAM2 and SAM3 nodes."
                ),
                io.Mask.Output("mask", display_name="mask", tooltip="White where this frame may change."),
                sockets.Boxes.Output("boxes", display_name="boxes", tooltip="The box around what may change in this frame."),
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
            return str(error) if points.strip() and _data(points).get("pairs", True) else True  # a blank canvas has to be seen
        return True

    @classmethod
    def execute(cls, video, points: str, other_points=None) -> io.NodeOutput:
        with messages.warnings_in_log():
            film = values.long_film(video, MOST_SHOWN)
            clip = values.to_clip(video) if film is None else None
            size, count = (clip.size, len(clip)) if clip is not None else (film.size, len(film.times))
        seed: dict[str, list] = {}
        picks, problem = None, None
        try:
            upstream = run(points_text, other_points, size, _mask_radius(size))
            if upstream:
                started = run(pick, upstream, size, count, least=0)
                seed = {"drag_a_video_seed": [{"key": _key(upstream), "picks": _as_data(started)}]}
            picks = run(pick, _newest(points, upstream), size, count)
        except UserError as error:
            problem = error
        with messages.warnings_in_log():
            if clip is not None:
                shown = {"drag_a_video_frames": messages.save_for_page(clip.frames)}
            else:  # how many there are is said by the picker: a text on the node would make its picture smaller
                first = 0 if picks is None else max(0, min(picks.frame - MOST_SHOWN // 2, count - MOST_SHOWN))
                frames = messages.save_for_page(values.film_frames(film, first, MOST_SHOWN))
                shown = {"drag_a_video_frames": frames, "drag_a_video_first": [first], "drag_a_video_count": [count]}
        ui = {**shown, "drag_a_video_size": [[size[1], size[0]]], **seed}
        if picks is None:
            messages.show_on_node(ui, cls.hidden.unique_id)  # the frame has to be seen for the points to be put right
            raise problem
        drawn_on = clip.frames[picks.frame] if clip is not None else next(values.film_frames(film, picks.frame, 1))
        drawn = draw_points(drawn_on, picks.handles, picks.targets)
        text, given = json.dumps(_as_data(picks)), (picks.mask_points[None], picks.handles[None], picks.targets[None])
        mask = may_change(*given, _mask_radius(size), size)
        others = as_points(picks.handles), values.to_mask(mask), as_boxes(mask)
        return io.NodeOutput(picks, text, values.to_image(drawn[None]), *others, ui=ui)


def _newest(points: str, upstream: str) -> str:
    """What was drawn on the canvas wins if it was drawn on these very `upstream` points, or if there are none."""
    return points if not upstream or _data(points).get("seed") == _key(upstream) else upstream


def _mask_radius(size: tuple[int, int]) -> float:
    """Half the side of a mask square in a clip of `size` (H, W), px, as Propagate Points has it by default."""
    return PropagateSettings().mask_radius * min(size) / REFERENCE


def _data(text: str) -> dict:
    """A JSON object, or an empty one for any other text."""
    try:
        data = json.loads(text) if len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        data = None
    return data if isinstance(data, dict) else {}


def _key(text: str) -> str:
    """What the canvas remembers of the upstream points that it started from."""
    return hashlib.sha1(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_data(picks: PointPicks) -> dict[str, Any]:
    """Points as the JSON that the canvas reads, in the clip's pixels."""

    def rows(points) -> list[list[float]]:
        return [[round(float(x), 2), round(float(y), 2)] for x, y in points]

    pairs: list[dict[str, Any]] = [
        {"handle": handle, "target": target} for handle, target in zip(rows(picks.handles), rows(picks.targets), strict=True)
    ]
    for key in picks.keys:
        pairs[key.pair].setdefault("keys", []).append({"frame": key.frame, "move": rows(key.move[None])[0]})
    strokes = [{"kind": one.kind, "radius": round(one.radius, 2), "points": rows(one.points)} for one in picks.strokes]
    strength = [[frame, round(value, 2)] for frame, value in picks.strength]
    return (
        {
            "version": 3 if picks.keys or strength else 2 if strokes else 1,
            "size": [picks.size[1], picks.size[0]],
            "frame": picks.frame,
            "pairs": pairs,
            "mask_points": rows(picks.mask_points),
        }
        | ({"strokes": strokes} if strokes else {})
        | ({"strength": strength} if strength else {})
    )
