"""Edited RGB back to a film's stored pixels.

Only pixels that differ from the film's own are converted: everything else keeps the very values that were decoded, so
that nothing is lost outside an edit but what the codec loses.
"""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np

from .. import masked
from ..types import Box, Size
from .colour import BESIDE, UNSPECIFIED, ColourTags, is_grey, is_ycbcr, matrix_and_range
from .filters import FilterChain, KeptChain, frame_of, planes_of, views_of
from .orientation import Orientation


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


def from_rgb(rgb: np.ndarray, pixels: str, tags: ColourTags, chain: KeptChain) -> av.VideoFrame:
    """RGB (H, W, 3) uint8 or uint16 as a frame of the pixel format `pixels`. chain: what is kept from frame to frame."""
    layout = "rgb24" if rgb.dtype == np.uint8 else "rgb48le"
    frame = frame_of([rgb], layout, rgb.shape[1], rgb.shape[0])
    matrix, colour_range = matrix_and_range(tags)
    scaling = f"flags=bicubic+accurate_rnd+full_chroma_inp:out_color_matrix={matrix}:out_range={colour_range}"
    return chain.convert(frame, ("scale", scaling), ("format", pixels))


def with_edit(
    own: av.VideoFrame,
    shown: Callable[[Box], np.ndarray],
    box: Box,
    changed: np.ndarray,
    values: np.ndarray,
    convert: Callable[[np.ndarray], av.VideoFrame],
) -> av.VideoFrame:
    """`own`, of which `shown` gives the RGB (h, w, 3) of a box, with other `values` (P, 3) where `changed` (h, w) bool, of the
    pixels of `box`, is True. convert: RGB to frames of the pixel format of `own`. A chroma value that several pixels share is
    changed where one of them is."""
    height, width = own.height, own.width
    around = box.widened(BESIDE, (height, width))
    inside, is_new = box.within(around), np.zeros(around.size, bool)
    is_new[inside.rows, inside.columns] = changed
    picture = shown(around).copy()
    masked.write(picture, is_new, values)
    frame = frame_of(views_of(own), own.format.name, width, height)
    for ours, theirs in zip(views_of(frame), views_of(convert(picture)), strict=True):  # of our own frame, which is written to
        y, x = (around.rows.start * ours.shape[0] // height, around.columns.start * ours.shape[1] // width)
        part = ours[y : y + theirs.shape[0], x : x + theirs.shape[1]]
        np.copyto(part, theirs, where=_cells(is_new, theirs.shape))
    return frame


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
