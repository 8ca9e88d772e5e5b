"""The way from handle to target in each frame. By Eq. 2 of the paper it is the same in all; keyed targets and a strength change it.

Ours: between two keys the way is eased from one to the other, before the first and after the last it stays. The target that was
picked is the key of its own frame. The strength, from 0 to 1 and keyed by frame alike, multiplies all ways. The page shows the same
(`js/keyed_moves.mjs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..types import PointPicks, TargetKey


def moves_of(picks: PointPicks, count: int) -> Tensor:
    """(N, J, 2) px: the way of each pair in each of `count` frames."""
    ways = _ways(picks, range(count))
    return ways * _strengths(picks, range(count))[:, None, None] if picks.strength else ways


def in_window(start: PointPicks, whole: PointPicks, numbers: Sequence[int]) -> PointPicks:
    """Points `start` on the first of some frames of a film, with the ways and the strength that `whole`, the points that were
    picked on the film, has in the others of them. numbers: of these frames in the film."""
    if not whole.keys and not whole.strength:
        return start
    ways, places = _ways(whole, numbers), range(1, len(numbers))
    keys = tuple(TargetKey(i, pair, ways[i, pair]) for i in places for pair in range(len(start.handles)))
    strength = tuple(enumerate(_strengths(whole, numbers).tolist())) if whole.strength else ()
    return replace(start, keys=keys, strength=strength)


def _ways(picks: PointPicks, numbers: Sequence[int]) -> Tensor:
    """(N, J, 2) px: the way of each pair in the frames of these numbers, at full strength."""
    picked = (picks.targets - picks.handles).float()
    if not picks.keys:
        return picked.expand(len(numbers), -1, -1)
    ways = torch.empty(len(numbers), *picked.shape)
    for pair in range(len(picked)):
        keys = {picks.frame: picked[pair]} | {key.frame: key.move.float() for key in picks.keys if key.pair == pair}
        frames = sorted(keys)
        ways[:, pair] = _eased(frames, torch.stack([keys[frame] for frame in frames]), numbers)
    return ways


def _strengths(picks: PointPicks, numbers: Sequence[int]) -> Tensor:
    """(N,): the strength in the frames of these numbers."""
    strength = dict(sorted(picks.strength))
    return _eased(list(strength), torch.tensor(list(strength.values()))[:, None], numbers)[:, 0]


def _eased(frames: list[int], values: Tensor, numbers: Sequence[int]) -> Tensor:
    """Values (K, C) given on `frames`, in order, for each frame of these numbers: (N, C)."""
    rows = []
    for i in numbers:
        after = next((k for k, frame in enumerate(frames) if frame >= i), len(frames) - 1)
        before = max(after - 1, 0) if frames[after] > i else after
        length = frames[after] - frames[before]
        share = (i - frames[before]) / length if length else 0.0
        share = share * share * (3 - 2 * share)
        rows.append((1 - share) * values[before] + share * values[after])
    return torch.stack(rows)
