"""Pictures as they are kept, in bytes or as floats; a part of one is turned into floats when it is looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .camera import Array

Picture = np.ndarray  # (H, W, 3) RGB: uint8, uint16, or float32 in [0, 1]
Box = tuple[slice, slice]  # rows, columns


def as_floats(picture: Picture, out: Array | None = None) -> Array:
    """A picture (H, W, 3), or a part of one, as float32 in [0, 1], in `out` where that is given. Without, it is not to be written
    to: it may be the very picture."""
    if picture.dtype != np.float32:
        return np.divide(picture, np.float32(np.iinfo(picture.dtype).max), out=out, dtype=np.float32)
    if out is None:
        return np.ascontiguousarray(picture)
    np.copyto(out, picture)
    return out


def overlap(one: Box, other: Box) -> tuple[Box, Box] | None:
    """What two boxes of a picture share, as rows and columns of the one and of the other; None where they share nothing."""
    shared = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)]
    if any(side.start >= side.stop for side in shared):
        return None
    (rows, columns), (other_rows, other_columns) = (
        [slice(side.start - whole.start, side.stop - whole.start) for side, whole in zip(shared, of, strict=True)]
        for of in (one, other)
    )
    return (rows, columns), (other_rows, other_columns)


def box_around(places: Sequence[Array], margin: int, size: tuple[int, ...]) -> Box:
    """Rows and columns of a picture of this size (H, W) that lie within `margin` px of any of the places (..., 2); at least one
    pixel."""
    lines = []
    for axis, side in ((1, size[0]), (0, size[1])):
        first = math.floor(min(some[..., axis].min() for some in places)) - margin
        stop = math.ceil(max(some[..., axis].max() for some in places)) + margin + 1
        lines.append(slice(min(max(first, 0), side - 1), max(min(stop, side), 1)))
    return lines[0], lines[1]
