"""Which frames are optimised where it is not all of them: most where the points move most.

What the drag finds in a key frame is carried to the frames between, as the points move (`sharing.py`). How well that goes depends
on how far they went, not on how many frames that took: so key frames come at equal distances along the points' way. A part that
turns in its place has moved too: by the turn of its set, at the drag's length from the handle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..types import PointTracks


def key_frames(tracks: PointTracks, every: int) -> list[int]:
    """As many as every n-th of the N frames are, the first one always among them; these very frames where all move alike."""
    count = len(tracks.handles)
    wanted = len(range(0, count, every))
    way = torch.cat([torch.zeros(1), _moved(tracks).cumsum(0)]).tolist()  # px, from the first frame on
    pace = every * way[-1] / max(1, count - 1)
    keys = [0]
    for number in range(1, wanted):
        soonest, latest = keys[-1] + 1, count - (wanted - number)
        reached = (i for i in range(soonest, latest) if way[i] >= number * pace - 1e-3)
        keys.append(next(reached, latest) if pace else number * every)
    return keys


def _moved(tracks: PointTracks) -> Tensor:
    """How far the set that goes farthest goes from each frame to the next, (N - 1,) px: the mean of its points or of its targets,
    and its turn. Points that one of the two frames does not show do not count."""
    both = (tracks.visible[1:] & tracks.visible[:-1]).float()[..., None]
    shown = both.sum(2).clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return (values * both).sum(2) / shown  # of each set

    before, after = (one - mean(one)[:, :, None] for one in (tracks.handles[:-1], tracks.handles[1:]))
    across = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    turn = torch.atan2(*(mean(one[..., None]) for one in (across, (before * after).sum(-1)))).abs()
    ways = [mean((ends[1:] - ends[:-1]).norm(dim=-1, keepdim=True)) for ends in (tracks.handles, tracks.targets)]
    length = (tracks.targets - tracks.handles)[:-1].mean(2).norm(dim=-1, keepdim=True)
    moved = (torch.maximum(*ways) + turn * length).flatten(1)
    return moved.amax(1) if moved.shape[1] else moved.sum(1)
