"""Which way up a frame is meant to be seen: its display matrix, rounded to quarter turns and mirrorings."""

from __future__ import annotations

import re
from dataclasses import dataclass

import av
import numpy as np

from ..types import Box, Size
from .filters import FilterChain


@dataclass(frozen=True)
class Orientation:
    """How stored pixels become upright: first the quarter turn (a transposition), then the flips."""

    is_quarter: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, values: np.ndarray) -> np.ndarray:
        """(H, W, ...), as stored, to a view of it as it is meant to be seen"""
        if self.is_quarter:
            values = values.swapaxes(0, 1)
        return values[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def stored_box(self, box: Box, stored: Size) -> Box:
        """A part of a frame as it is meant to be seen, as that part of the stored one of size (H, W)."""
        lines = (box.rows, self.flip_y), (box.columns, self.flip_x)
        sides = [_turned(part, side) if flips else part for (part, flips), side in zip(lines, self.size(stored), strict=True)]
        return Box(*sides[::-1]) if self.is_quarter else Box(*sides)

    def size(self, stored: Size) -> Size:
        """(H, W) as stored to (H, W) as seen"""
        return (stored[1], stored[0]) if self.is_quarter else stored


def _turned(part: slice, side: int) -> slice:
    """The same part of a line of `side` px, counted from the other end."""
    return slice(side - part.stop, side - part.start)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Of a decoded frame, by its display matrix: x' = a x + c y, y' = b x + d y."""
    data = _display_matrix(frame)
    if data is None:
        return Orientation()
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, flip_x=c < 0, flip_y=b < 0)
    return Orientation(False, flip_x=a < 0, flip_y=d < 0)


def _display_matrix(frame: av.VideoFrame) -> bytes | None:
    """PyAV gives none of a frame's side data where it does not know the kind of one (EXIF of photos, phones' 3-D),
    so those are dropped, kind by kind, until it does."""
    unknown: set[str] = set()
    while True:
        try:
            data = frame.side_data.get("DISPLAYMATRIX")
            return None if data is None else bytes(data)
        except ValueError as error:
            number = re.match(r"\d+", str(error))
            if number is None or number[0] in unknown:
                raise
            unknown.add(number[0])
            (frame,) = FilterChain(frame, ("sidedata", f"mode=delete:type={number[0]}")).push(frame)
