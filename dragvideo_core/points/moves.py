"""The way from handle to target in each frame. By Eq. 2 of the paper it is the same in all; keyed targets and a strength change it.

Ours: between two keys the way is eased from one to the other, before the first and after the last it stays. The target that was
picked is the key of its own frame. The strength, from 0 to 1 and keyed by frame alike, multiplies all ways. The page shows the same
(`js/keyed_moves.mjs`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..types import PointPicks


def moves_of(picks: PointPicks, count: int) -> Tensor:
    """(N, J, 2) px: the way of each pair in each of `count` frames."""
    picked = (picks.targets - picks.handles).float()
    if not picks.keys and not picks.strength:
        return picked.expand(count, -1, -1)
    ways = torch.empty(count, *picked.shape)
    for pair in range(len(picked)):
        keys = {picks.frame: picked[pair]} | {key.frame: key.move.float() for key in picks.keys if key.pair == pair}
        frames = sorted(keys)
        ways[:, pair] = _eased(frames, torch.stack([keys[frame] for frame in frames]), count)
    if picks.strength:
        strength = dict(sorted(picks.strength))
        ways *= _eased(list(strength), torch.tensor(list(strength.values()))[:, None], count)[:, None]
    return ways


def _eased(frames: list[int], values: Tensor, count: int) -> Tensor:
    """Values (K, C) given on `frames`, in order, for each of `count` frames: (N, C)."""
    rows = []
    for i in range(count):
        after = next((k for k, frame in enumerate(frames) if frame >= i), len(frames) - 1)
        before = max(after - 1, 0) if frames[after] > i else after
        length = frames[after] - frames[before]
        share = (i - frames[before]) / length if length else 0.0
        share = share * share * (3 - 2 * share)
        rows.append((1 - share) * values[before] + share * values[after])
    return torch.stack(rows)
