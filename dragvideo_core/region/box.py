"""The box around all that an edit touches: what lies outside of it is never looked at in full resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from ..types import PointTracks, Size


@dataclass(frozen=True)
class Box:
    """Rows and columns of a picture, in its pixels."""

    rows: slice
    columns: slice

    @property
    def size(self) -> Size:
        """(H, W)"""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def times(self, factor: int) -> Box:
        """The same part of a picture that is `factor` times as large."""
        return Box(*(slice(part.start * factor, part.stop * factor) for part in (self.rows, self.columns)))

    def cut(self, pictures: Tensor) -> Tensor:
        """That part of pictures (..., H, W)."""
        return pictures[..., self.rows, self.columns]


def box_around(mask: np.ndarray, margin: int, least: int) -> Box | None:
    """The box around what is True in a mask (H, W), `margin` px wider on every side, at least `least` px a side where the picture
    has so many; None where nothing is True."""
    lines = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    if len(lines[0]) == 0:
        return None
    return Box(
        *(_widened(int(at[0]) - margin, int(at[-1]) + margin + 1, least, side) for at, side in zip(lines, mask.shape, strict=True))
    )


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
