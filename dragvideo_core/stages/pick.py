"""Pick: the text that the Pick Points node holds to checked points (the user's input of Sec. 3.1).

The text is versioned JSON, points in pixels of the picture they were clicked on, pixel centres at integers:

    {"version": 3, "size": [W, H], "frame": 0,
     "pairs": [{"handle": [x, y], "target": [x, y], "keys": [{"frame": f, "move": [x, y]}, ...]}, ...],
     "mask_points": [[x, y], ...],
     "strokes": [{"kind": "thing" or "ground", "radius": r, "points": [[x, y], ...]}, ...],
     "strength": [[f, 0 to 1], ...]}

Strokes are painted roughly over the thing that is dragged and over the ground around it, with a round brush of radius r px.
A key is the way from handle to target in another frame, the strength what all ways are multiplied with (`points/moves.py`).
Version 2 is the same without keys and strength, version 1 without strokes too; both are read as well. Everything but the
version may be left out.
The points of KJNodes are read as well: `[{"x": .., "y": ..}, ...]` with handles and targets in turn, or
`{"positive": [handles], "negative": [targets]}`, in pixels of the clip. The text may come from a stranger's workflow:
its length is bounded before it is parsed, and everything in it is checked.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from ..types import PointPicks, Size, Stroke, TargetKey, UserError

VERSIONS = (1, 2, 3)
MAX_TEXT = 1_000_000  # characters
MAX_PAIRS = 256
MAX_MASK_POINTS = 1024
MAX_STROKES = 200
MAX_STROKE_POINTS = 500  # of each
MAX_KEYS = 64  # of a pair, and of the strength
MAX_FRAME = 1_000_000  # of a key: the clip may be cut shorter later
MAX_SIDE = 100_000  # px of the picture that was clicked on

Point = tuple[float, float]
PaintedStroke = tuple[str, float, list[Point]]  # kind, radius, way


def pick(text: str, size: Size, frames: int, least: int = 1) -> PointPicks:
    """Reads the points for a clip of `frames` frames of `size` (H, W), at least `least` pairs of them (0 or 1: points
    to start a drawing from need none). Points that were clicked on a picture of another size are rescaled.

    UserError, naming the Pick Points node, for a text that is not such JSON, an unknown version, unpaired points, no pair
    at all, points that are no numbers or outside the picture, too many of them, or a frame that the clip does not have.
    """
    data = _parse(text)
    if isinstance(data, dict) and not {"positive", "negative"} & data.keys():
        handles, targets, mask_points, strokes, frame, clicked = _read_own(data, size)
        keys, strength = _keys(data, frame), _strength(data)
    else:
        keys, strength = [], []
        (handles, targets), mask_points, strokes, frame, clicked = _read_kjnodes(data), [], [], 0, size
    if len(handles) < least:
        raise _wrong("at least one pair", "no pair", "Drag from a handle to where it should go on the canvas")
    if len(handles) > MAX_PAIRS:
        raise _wrong(f"at most {MAX_PAIRS} pairs", len(handles), "Delete some")
    if len(mask_points) > MAX_MASK_POINTS:
        raise _wrong(f"at most {MAX_MASK_POINTS} mask points", len(mask_points), "Delete some")
    if not 0 <= frame < frames:
        raise _wrong(f"a frame from 1 to {frames}", frame + 1, "Choose a frame that the clip has, or load more frames")
    for what, points in (("handle", handles), ("target", targets), ("mask point", mask_points)):
        _check_inside(what, points, clicked)
    return PointPicks(
        handles=_rescale(handles, clicked, size),
        targets=_rescale(targets, clicked, size),
        mask_points=_rescale(mask_points, clicked, size),
        frame=frame,
        size=(size[0], size[1]),
        strokes=tuple(_stroke(number, stroke, clicked, size) for number, stroke in enumerate(strokes, 1)),
        keys=tuple(TargetKey(at, pair, torch.tensor(move) * _scale(clicked, size)) for at, pair, move in keys),
        strength=tuple(strength),
    )


# ---------------------------------------------------------------------------------------------------------- formats


def _parse(text: str) -> Any:
    if not isinstance(text, str):
        raise _wrong("a JSON text", type(text).__name__, "Wire in a STRING")
    if len(text) > MAX_TEXT:
        raise _wrong(f"at most {MAX_TEXT} characters", len(text), "Delete points")
    if not text.strip():
        raise _wrong("at least one pair", "an empty text", "Drag from a handle to where it should go on the canvas")
    try:
        return _loads(text)
    except ValueError as error:
        try:
            return _loads(text.replace("'", '"'))  # KJNodes' points often come in single quotes
        except ValueError:
            raise _wrong("JSON", f"{reprlib.repr(text)} ({error})", "Clear the points and draw them again") from error


def _loads(text: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number that a point can have")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _read_own(data: dict, size: Size) -> tuple[list[Point], list[Point], list[Point], list[PaintedStroke], int, Size]:
    version = data.get("version")
    if type(version) is not int or version not in VERSIONS:
        raise _wrong(
            f'"version" {" or ".join(map(str, VERSIONS))}', reprlib.repr(version), "Update Drag-A-Video, or draw the points again"
        )
    width, height = _two(data.get("size", [size[1], size[0]]), '"size"')
    for side in (width, height):
        if type(side) is not int or not 1 <= side <= MAX_SIDE:
            raise _wrong(f'"size" of whole numbers from 1 to {MAX_SIDE}', reprlib.repr(side), "Draw the points again")
    frame: Any = data.get("frame", 0)
    if type(frame) is not int:
        raise _wrong('a whole number as "frame"', reprlib.repr(frame), "Draw the points again")
    handles, targets = [], []
    for number, pair in enumerate(_list(data.get("pairs", []), '"pairs"', MAX_PAIRS), 1):
        if not isinstance(pair, dict) or not {"handle", "target"} <= pair.keys():
            raise _wrong(
                "a handle and a target in every pair",
                f"pair {number}: {reprlib.repr(pair)}",
                "Add the missing end on the canvas, or delete the pair",
            )
        handles.append(_point(_two(pair["handle"], f"handle {number}"), f"handle {number}"))
        targets.append(_point(_two(pair["target"], f"target {number}"), f"target {number}"))
    mask_points = [
        _point(_two(point, f"mask point {number}"), f"mask point {number}")
        for number, point in enumerate(_list(data.get("mask_points", []), '"mask_points"', MAX_MASK_POINTS), 1)
    ]
    strokes = [
        _painted(number, stroke) for number, stroke in enumerate(_list(data.get("strokes", []), '"strokes"', MAX_STROKES), 1)
    ]
    return handles, targets, mask_points, strokes, frame, (height, width)


def _keys(data: dict, picked: int) -> list[tuple[int, int, Point]]:
    """(frame, pair, move in pixels of the picture that was clicked on) of every key."""
    keys = []
    for pair, one in enumerate(data.get("pairs", [])):
        seen: set[int] = {picked}
        for key in _list(one.get("keys", []), f"the keys of pair {pair + 1}", MAX_KEYS):
            what = f"a key of pair {pair + 1}"
            if not isinstance(key, dict) or not {"frame", "move"} <= key.keys():
                raise _wrong(f"a frame and a move in {what}", reprlib.repr(key), "Set the target on that frame again")
            move = _point(_two(key["move"], f"the move of {what}"), f"the move of {what}")
            keys.append((_key_frame(key["frame"], seen, what), pair, move))
    return keys


def _strength(data: dict) -> list[tuple[int, float]]:
    strength: list[tuple[int, float]] = []
    seen: set[int] = set()
    for entry in _list(data.get("strength", []), '"strength"', MAX_KEYS):
        frame, value = _two(entry, "a value of the strength")
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise _wrong("a strength from 0 to 1", reprlib.repr(value), "Set it again")
        strength.append((_key_frame(frame, seen, "a value of the strength"), float(value)))
    return strength


def _key_frame(frame: Any, seen: set[int], what: str) -> int:
    """A frame's number, one that is not among the `seen` ones, which it joins."""
    if type(frame) is not int or not 0 <= frame < MAX_FRAME or frame in seen:
        raise _wrong(f"another frame's number for {what}", reprlib.repr(frame), "Set it again")
    seen.add(frame)
    return frame


def _painted(number: int, stroke: Any) -> PaintedStroke:
    """A stroke in pixels of the picture that was painted on."""
    if not isinstance(stroke, dict) or stroke.get("kind") not in ("thing", "ground"):
        raise _wrong('"kind" "thing" or "ground" in every stroke', f"stroke {number}: {reprlib.repr(stroke)}", "Paint it again")
    radius: Any = stroke.get("radius")
    if not (type(radius) in (int, float) and 0 < radius <= MAX_SIDE):
        raise _wrong(f"a radius from 0 to {MAX_SIDE} px for stroke {number}", reprlib.repr(radius), "Paint it again")
    points = _list(stroke.get("points", []), f"the points of stroke {number}", MAX_STROKE_POINTS)
    if not points:
        raise _wrong(f"at least one point in stroke {number}", "none", "Paint it again")
    what = f"a point of stroke {number}"
    return stroke["kind"], float(radius), [_point(_two(point, what), what) for point in points]


def _read_kjnodes(data: Any) -> tuple[list[Point], list[Point]]:
    if isinstance(data, dict):
        handles = _xy_points(data.get("positive", []), '"positive"')
        targets = _xy_points(data.get("negative", []), '"negative"')
    else:
        points = _xy_points(data, "the points")
        handles, targets = points[0::2], points[1::2]
    if len(handles) != len(targets):
        raise _wrong(
            "handles and targets that pair up",
            f"{len(handles)} handles, {len(targets)} targets",
            "Add the missing point on the canvas, or delete the odd one",
        )
    return handles, targets


def _xy_points(data: Any, what: str) -> list[Point]:
    points = []
    for number, point in enumerate(_list(data, what, 2 * MAX_PAIRS), 1):
        if not isinstance(point, dict) or not {"x", "y"} <= point.keys():
            raise _wrong('points {"x": .., "y": ..}', f"point {number}: {reprlib.repr(point)}", "Draw the points again")
        points.append(_point((point["x"], point["y"]), f"point {number}"))
    return points


# ------------------------------------------------------------------------------------------------------------ checks


def _list(data: Any, what: str, most: int) -> list:
    if not isinstance(data, list):
        raise _wrong(f"a list as {what}", reprlib.repr(data), "Draw the points again")
    if len(data) > most:
        raise _wrong(f"at most {most} entries in {what}", len(data), "Delete some")
    return data


def _two(data: Any, what: str) -> list:
    if not isinstance(data, list) or len(data) != 2:
        raise _wrong(f"a list of two numbers as {what}", reprlib.repr(data), "Draw the points again")
    return data


def _point(values: Sequence[Any], what: str) -> Point:
    for value in values:
        is_number = type(value) in (int, float) and abs(value) <= 1e9  # false for NaN too
        if not is_number:
            raise _wrong(f"two finite numbers as {what}", reprlib.repr(value), "Draw the point again")
    return float(values[0]), float(values[1])


def _check_inside(what: str, points: list[Point], size: Size) -> None:
    """Pixel centres lie at integers, so the picture reaches from -0.5 to W - 0.5."""
    height, width = size
    for number, (x, y) in enumerate(points, 1):
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            raise _wrong(f"{what} {number} inside the {width} x {height} picture", f"({x:g}, {y:g})", "Move it into the frame")


def _stroke(number: int, stroke: PaintedStroke, clicked: Size, size: Size) -> Stroke:
    """A stroke in the clip's pixels. It may run over the picture's border, but not lie outside of it altogether."""
    kind, radius, points = stroke
    height, width = clicked
    if not any(-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5 for x, y in points):
        raise _wrong(f"stroke {number} (over the {kind}) inside the {width} x {height} picture", "all of it outside", "Delete it")
    return Stroke(kind, radius * min(size) / min(clicked), _rescale(points, clicked, size))


def _rescale(points: list[Point], size_from: Size, size_to: Size) -> Tensor:
    """(P, 2) float32; the same place in a picture of another size, pixel centres at integers in both."""
    return (torch.tensor(points).reshape(-1, 2) + 0.5) * _scale(size_from, size_to) - 0.5


def _scale(size_from: Size, size_to: Size) -> Tensor:
    """(2,): what x and y are multiplied with."""
    return torch.tensor([size_to[1] / size_from[1], size_to[0] / size_from[0]])


def _wrong(expected: str, got: object, what_to_do: str) -> UserError:
    return UserError(f"Pick Points: expected {expected}, got {got}. {what_to_do} (in the Pick Points node).")
