"""Edited RGB back to a film's stored pixels.

Only pixels that differ from the film's own are converted: everything else keeps the very values that were decoded, so
that nothing is lost outside an edit but what the codec loses.
"""

from __future__ import annotations

import av
import numpy as np

from ..types import Box, Size
from .colour import UNSPECIFIED, ColourTags, is_grey, is_ycbcr, matrix_and_range
from .filters import FilterChain, frame_of, planes_of, views_of
from .orientation import Orientation

BESIDE = 16  # px around an edit that are converted with it: chroma is averaged over fewer


def upright(frame: av.VideoFrame, pixels: str, orientation: Orientation, tags: ColourTags) -> av.VideoFrame:
    """A decoded YCbCr or grey frame, turned, in the pixel format `pixels`, in its own matrix and range. The very frame
    where there is nothing to do, its own values where nothing but the turn is to be done."""
    if frame.format.name.replace("yuvj", "yuv") != pixels:
        matrix, colour_range = matrix_and_range(tags)
        same = f"in_color_matrix={matrix}:in_range={colour_range}:out_color_matrix={matrix}:out_range={colour_range}"
        chain = FilterChain(frame, ("scale", f"flags=bicubic+accurate_rnd:{same}"), ("format", pixels))
        (frame,) = chain.push(frame)
    elif orientation == Orientation() and frame.format.name == pixels:
        return frame
    planes = [orientation.apply(plane) for plane in planes_of(frame)]
    return frame_of(planes, pixels, *orientation.size((frame.height, frame.width))[::-1])


def from_rgb(rgb: np.ndarray, pixels: str, tags: ColourTags) -> av.VideoFrame:
    """RGB (H, W, 3) uint8 or uint16 as a frame of the pixel format `pixels`."""
    layout = "rgb24" if rgb.dtype == np.uint8 else "rgb48le"
    frame = frame_of([rgb], layout, rgb.shape[1], rgb.shape[0])
    matrix, colour_range = matrix_and_range(tags)
    scaling = f"flags=bicubic+accurate_rnd+full_chroma_inp:out_color_matrix={matrix}:out_range={colour_range}"
    (stored,) = FilterChain(frame, ("scale", scaling), ("format", pixels)).push(frame)
    return stored


def with_edit(
    own: av.VideoFrame, rgb: np.ndarray, box: Box, changed: np.ndarray, values: np.ndarray, pixels: str, tags: ColourTags
) -> av.VideoFrame:
    """`own`, which is of the pixel format `pixels` and shows `rgb` (H, W, 3), with other `values` (P, 3) where `changed` (h, w)
    bool, of the pixels of a box, is True, at least in one pixel. A chroma value that several pixels share is changed where one of
    them is."""
    height, width = rgb.shape[:2]
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    top, bottom = _around(rows + box.rows.start, height)
    left, right = _around(columns + box.columns.start, width)
    part, y, x = rgb[top:bottom, left:right].copy(), box.rows.start - top, box.columns.start - left
    whole = np.zeros(part.shape[:2], bool)
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    whole[inside[0].start + y : inside[0].stop + y, inside[1].start + x : inside[1].stop + x] = changed[inside]
    part[whole] = values
    changed, edited = whole, views_of(from_rgb(part, pixels, tags))
    frame = frame_of(views_of(own), own.format.name, width, height)
    for ours, theirs in zip(views_of(frame), edited, strict=True):  # of our own frame, which is written to
        y, x = (top * ours.shape[0] // height, left * ours.shape[1] // width)
        part = ours[y : y + theirs.shape[0], x : x + theirs.shape[1]]
        np.copyto(part, theirs, where=_cells(changed, theirs.shape))
    return frame


def _around(places: np.ndarray, side: int) -> tuple[int, int]:
    """The part of a side that these places are in, `BESIDE` px wider: from a multiple of it, so that no chroma value is cut."""
    return max(0, (int(places[0]) // BESIDE - 1) * BESIDE), min(side, (int(places[-1]) // BESIDE + 2) * BESIDE)


def keeps_planes(source: av.VideoFormat, pixels: str) -> bool:
    """Can frames of the pixel format `source` be written in `pixels` without a way over RGB? Not RGB, palettes and alpha,
    nor where the chroma is of another resolution."""
    written = av.VideoFormat(pixels)
    if is_grey(source):
        return is_grey(written)
    if not is_ycbcr(source) or any(c.is_alpha for c in source.components):
        return False
    return (written.chroma_width(64), written.chroma_height(64)) == (source.chroma_width(64), source.chroma_height(64))


def tags_to_write(tags: ColourTags, is_toned: bool, source: av.VideoFormat) -> ColourTags:
    """The film's own; BT.709 where its frames were brought down from HDR, or had no YCbCr matrix."""
    if is_toned:
        return ColourTags(1, 1, 1, 1)
    if not is_ycbcr(source) and not is_grey(source):
        return ColourTags(1, 1, 1 if tags.primaries == UNSPECIFIED else tags.primaries, tags.transfer)
    return tags


def _cells(changed: np.ndarray, shape: Size) -> np.ndarray:
    """`changed` at the resolution of a plane: True where any pixel of the cell is."""
    steps = -(-changed.shape[0] // shape[0]), -(-changed.shape[1] // shape[1])
    if steps == (1, 1):
        return changed
    padded = np.zeros((shape[0] * steps[0], shape[1] * steps[1]), bool)
    padded[: changed.shape[0], : changed.shape[1]] = changed
    parts = [padded[top :: steps[0], left :: steps[1]] for top in range(steps[0]) for left in range(steps[1])]
    return np.logical_or.reduce(parts)
