"""Points and layer, window by window: what one window hands on to the next."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ..types import PointPicks, PointTracks


@dataclass(frozen=True)
class Start:
    """A frame from which points are followed: its small copy, the points and the layer there."""

    index: int  # of the frame in the film
    picture: np.ndarray  # (h, w, 3) uint8
    picks: PointPicks  # `frame` is 0: the start is the first frame of its window
    layer: Tensor | None  # (1, h, w)


def later_start(start: Start, pictures: list[np.ndarray], indices: list[int], tracks: PointTracks) -> Start:
    """The last of these frames that shows every pair, as the start of what follows; the same start where none does.

    The frames have `indices` in the film, small copies `pictures`, and `tracks`.
    """
    shows_all = tracks.visible.any(2).all(1).nonzero().flatten().tolist()
    if not shows_all:
        return start
    i, middle = shows_all[-1], tracks.handles.shape[2] // 2
    handles = tracks.handles[i, :, middle]
    targets = handles + (start.picks.targets - start.picks.handles)
    picks = replace(start.picks, handles=handles, targets=targets, mask_points=tracks.mask_points[i], strokes=(), frame=0)
    return Start(indices[i], pictures[i], picks, None if tracks.layer is None else tracks.layer[i])


def joined(first: PointTracks, second: PointTracks) -> PointTracks:
    """The tracks of frames that follow one another."""
    values = {}
    for name in (one.name for one in fields(PointTracks)):
        pair = getattr(first, name), getattr(second, name)
        values[name] = None if pair[0] is None or pair[1] is None else torch.cat(pair)
    return PointTracks(**values)


def turned_round(tracks: PointTracks) -> PointTracks:
    """The tracks with their frames in the opposite order."""
    values = {one.name: getattr(tracks, one.name) for one in fields(PointTracks)}
    return PointTracks(**{name: None if value is None else value.flip(0) for name, value in values.items()})
