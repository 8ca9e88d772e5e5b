"""The way from handle to target in each frame. By Eq. 2 of the paper it is the same in all; ours can change over time.

Keyed targets: between two keys the way is eased from one to the other. The target that was picked is the key of its own frame.
Before the first key and after the last one it goes along with the thing as that turns and grows (`similarity.py`), where this is
known, and else it stays. The strength, from 0 to 1 and keyed by frame alike, multiplies all ways. The page, which knows no motion,
shows the same but for the turning (`js/keyed_moves.mjs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..types import PointPicks, TargetKey
from .similarity import turned


def full_ways(picks: PointPicks, count: int, similarities: Tensor | None = None) -> Tensor:
    """(N, J, 2) px: the way of each pair in each of `count` frames, at full strength.

    similarities: (N, J) complex, how the thing about each handle has turned and grown since the picked frame; None: not at all.
    """
    ways = _ways(picks, range(count))
    if similarities is None:
        return ways
    number = torch.arange(count)
    for pair in range(len(picks.handles)):
        first, last = _span(picks, pair)
        since = similarities[number.clamp(first, last).clamp(0, count - 1), pair]
        ways[:, pair] = turned(ways[:, pair], similarities[:, pair] / since)
    return ways


def weakened(ways: Tensor, picks: PointPicks) -> Tensor:
    """Ways (N, J, 2) px, multiplied by the strength of their frames."""
    return ways * _strengths(picks, range(len(ways)))[:, None, None] if picks.strength else ways


def in_window(start: PointPicks, whole: PointPicks, numbers: Sequence[int]) -> PointPicks:
    """Points `start` on the first of some frames of a film, with the ways and the strength that `whole`, the points that were
    picked on the film, has in the others of them. numbers: of these frames in the film. What lies behind the last key of a pair, or
    before its first, has none: it goes on from the way of the first frame, or from the key."""
    if not whole.keys and not whole.strength:
        return start
    ways, keys = _ways(whole, numbers), []
    for pair in range(len(start.handles)):
        first, last = _span(whole, pair)
        keys += [TargetKey(i, pair, ways[i, pair]) for i in range(1, len(numbers)) if first <= numbers[i] <= last]
    strength = tuple(enumerate(_strengths(whole, numbers).tolist())) if whole.strength else ()
    return replace(start, keys=tuple(keys), strength=strength)


def _span(picks: PointPicks, pair: int) -> tuple[int, int]:
    """The first and the last frame in which the user set a pair's target."""
    frames = [picks.frame, *(key.frame for key in picks.keys if key.pair == pair)]
    return min(frames), max(frames)


def _ways(picks: PointPicks, numbers: Sequence[int]) -> Tensor:
    """(N, J, 2) px: the way of each pair in the frames of these numbers, at full strength."""
    picked = (picks.targets - picks.handles).float()
    if not picks.keys:
        return picked.repeat(len(numbers), 1, 1)
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
