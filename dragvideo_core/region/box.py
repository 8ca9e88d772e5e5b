"""The box around all that an edit touches: what lies outside of it is never looked at in full resolution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from ..types import HALVED, Box, PointTracks


def box_around(mask: np.ndarray, margin: int, least: int) -> Box | None:
    """The box around what is True in a mask (H, W), `margin` px wider on every side, at least `least` px a side where the picture
    has so many; None where nothing is True."""
    lines = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    if len(lines[0]) == 0:
        return None
    return Box(
        *(_widened(int(at[0]) - margin, int(at[-1]) + margin + 1, least, side) for at, side in zip(lines, mask.shape, strict=True))
    )


def model_box(mask: Tensor, cell: int) -> Box | None:
    """The box that a denoiser has to see of a clip where only some of it may change: mask (N, 1, H, W) bool, True in any frame.

    cell: px of a latent cell. Each side is a multiple of eight cells, which a denoiser halves three times. None where nothing may
    change, and where the box would be the whole picture.
    """
    changing = mask.flatten(0, 1).any(0).cpu().numpy()
    lines = changing.any(1).nonzero()[0], changing.any(0).nonzero()[0]
    if len(lines[0]) == 0:
        return None
    box = Box(*(_in_cells(int(at[0]), int(at[-1]) + 1, cell, side) for at, side in zip(lines, changing.shape, strict=True)))
    return None if box.size == changing.shape else box


def _in_cells(start: int, stop: int, cell: int, side: int) -> slice:
    """The shortest part of a line of `side` px that holds `start` to `stop`: whole cells, a multiple of eight of them."""
    first, last = start // cell, -(-stop // cell)
    count = -(-(last - first) // HALVED) * HALVED
    first = max(0, min(first - (count - (last - first)) // 2, side // cell - count))
    return slice(first * cell, (first + count) * cell)


def _widened(start: int, stop: int, least: int, side: int) -> slice:
    missing = max(0, least - (stop - start))
    start, stop = start - missing // 2, stop + missing - missing // 2
    shift = max(0, -start) - max(0, stop - side)
    return slice(max(0, start + shift if shift else start), min(side, stop + shift if shift else stop))


def tracks_in(box: Box, tracks: PointTracks) -> PointTracks:
    """The tracks as they are in the box: points and masks in its pixels."""
    corner = tracks.handles.new_tensor([box.columns.start, box.rows.start])
    return replace(
        tracks,
        handles=tracks.handles - corner,
        targets=tracks.targets - corner,
        mask_points=tracks.mask_points - corner,
        edit_mask=box.cut(tracks.edit_mask),
        layer=None if tracks.layer is None else box.cut(tracks.layer),
        front=None if tracks.front is None else box.cut(tracks.front),
    )
