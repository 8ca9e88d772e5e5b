"""Points to start the drawing from, in the forms that other packs use, as the text that `stages/pick.py` reads.

A text (our own JSON, or KJNodes' points) stays as it is. A track, of TRACKS or of tracks JSON, becomes an arrow from
where it begins to where it ends; a BOUNDING_BOX becomes mask points whose squares fill it: it says where the thing is,
not where it should go. Pixels of the clip.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from ..types import Size, UserError
from . import tracks as given_tracks

VERSION = 1
STEP = 1.5  # mask points lie this many half sides apart, as far as the canvas puts those that are painted
MAX_BOXES = 256


def points_text(value: Any, size: Size, mask_radius: float) -> str:
    """The text for a clip of `size` (H, W), empty where there is nothing; `mask_radius`: half a mask square's side, px.

    UserError for anything that is no text, TRACKS, tracks JSON or BOUNDING_BOX.
    """
    if value is None or (isinstance(value, list) and not value):
        return ""
    if isinstance(value, str):
        return _text(_arrows(value, size), [], size) if _is_tracks_json(value) else value
    if isinstance(value, dict) and "track_path" in value:
        return _text(_arrows(value, size), [], size)
    if not isinstance(value, (dict, list)):
        raise _wrong(f"a value of type {type(value).__name__}")
    boxes = _of_one_frame(value)
    if len(boxes) > MAX_BOXES:
        raise _wrong(f"{len(boxes)} boxes, of at most {MAX_BOXES}")
    boxes = [_box(box) for box in boxes]
    return _text([], [point for box in boxes for point in _inside(box, size, mask_radius)], size)


def _text(pairs: list[tuple], mask_points: list[tuple], size: Size) -> str:
    data = {
        "version": VERSION,
        "size": [size[1], size[0]],
        "frame": 0,
        "pairs": [{"handle": list(handle), "target": list(target)} for handle, target in pairs],
        "mask_points": [list(point) for point in mask_points],
    }
    return json.dumps(data)


def _is_tracks_json(text: str) -> bool:
    """Tracks are lists in a list; in a list of points the points are no lists."""
    return "".join(text[:100].split()).startswith("[[")


def _arrows(value: Any, size: Size) -> list[tuple]:
    places = given_tracks.read_tracks(value).places
    return [(_kept(first, size), _kept(last, size)) for first, last in zip(places[0].tolist(), places[-1].tolist(), strict=True)]


def _kept(point: Sequence[float], size: Size) -> tuple[float, float]:
    """The nearest place inside the frame: tracks may run out of it."""
    x, y = (round(min(max(value, 0.0), side - 1.0), 2) for value, side in zip(point, (size[1], size[0]), strict=True))
    return x, y


def _of_one_frame(value: dict | list) -> list:
    """A box alone, a list of them, or the first of a list of such lists."""
    if isinstance(value, dict):
        return [value]
    return value[0] if isinstance(value[0], list) else value


def _box(box: Any) -> tuple[float, float, float, float]:
    numbers: list[Any] = [box.get(name) if isinstance(box, dict) else None for name in ("x", "y", "width", "height")]
    if not all(isinstance(number, Real) for number in numbers) or not all(abs(number) <= 1e9 for number in numbers):
        raise _wrong(f"{str(box)[:60]} among the boxes")
    x, y, width, height = map(float, numbers)
    return x, y, width, height


def _inside(box: tuple[float, float, float, float], size: Size, radius: float) -> list[tuple]:
    """Middles of squares of half side `radius` that fill a box, as far as it lies in the frame."""

    def along(start: float, length: float, side: int) -> list[float]:
        first, last = max(start, 0.0), min(start + length, float(side)) - 1
        if last < first:
            return []
        if last - first <= 2 * radius:
            return [round((first + last) / 2, 2)]
        count = math.ceil((last - first - 2 * radius) / (STEP * radius))
        return [round(first + radius + (last - first - 2 * radius) * k / count, 2) for k in range(count + 1)]

    x, y, width, height = box
    return [(px, py) for py in along(y, height, size[0]) for px in along(x, width, size[1])]


def _wrong(got: str) -> UserError:
    return UserError(
        "other_points must be points as text, TRACKS, tracks JSON, or a BOUNDING_BOX "
        f'({{"x", "y", "width", "height"}}): got {got}. Check what is wired into Pick Points.'
    )
