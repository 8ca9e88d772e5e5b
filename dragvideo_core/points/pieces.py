"""Points that move as one piece: the members of a set, and the mask points with their pair.

A set around a handle at the edge of a thing has members on the ground behind it. When the thing moves, they stay, and the set
is torn. So a similarity (turn, size, shift) is fitted to each set, from where it was picked to where its members were found,
by the most members that agree (RANSAC over all pairs of members: Fischler and Bolles 1981; the handle counts for three). The
others are put where the piece takes them, and do not count as seen.

Similarities are complex: a place x + iy goes to a (x + iy) + b, with a = size * exp(i turn).
"""

from __future__ import annotations

import torch
from einops import rearrange, reduce
from torch import Tensor

MOST_GROWTH = 2.0  # a set gets at most so many times as large or small in the course of a clip
TORN = 0.4  # of the spacing: a member that its set would have to be bent by so much to hold is on something else
HANDLE_COUNTS = 3
FEWEST = 3  # members that must agree before a turn is believed: fewer give a shift


def as_pieces(start: Tensor, followed: Tensor, seen: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Sets (J, S, 2) as picked, where their members were found (J, S, 2), which are seen (J, S): places and seen, put right.

    tolerance: px by which a member may miss the place where its piece takes it. Sets of fewer than three members, and sets of
    which nothing is seen, are left as they are.
    """
    if start.shape[1] < FEWEST:
        return followed, seen
    pieces = [_as_piece(*one, tolerance) for one in zip(start, followed, seen, strict=True)]
    return torch.stack([places for places, _ in pieces]), torch.stack([agree for _, agree in pieces])


def held_together(start: Tensor, latest: Tensor, seen: Tensor, members: int, spacing: float) -> tuple[Tensor, Tensor]:
    """All points (P, 2) with the sets, which are the first of them, made whole; and which (P,) were torn off.

    start (J * members, 2) px: the sets as they were picked, their members `spacing` px apart; seen (J * members,): the members that
    the sets are held by.
    """
    count = len(start)
    as_picked, now, is_seen = (part.unflatten(0, (-1, members)) for part in (start, latest[:count], seen))
    placed, agree = (part.flatten(0, 1) for part in as_pieces(as_picked, now, is_seen, max(1.0, TORN * spacing)))
    torn = torch.zeros(len(latest), dtype=torch.bool)
    torn[:count] = seen & ~agree
    held = torch.where((seen | ~is_seen.any(1).repeat_interleave(members))[:, None], placed, latest[:count])
    return torch.cat([held, latest[count:]]), torn


def carry_with_sets(mask_points: Tensor, start: Tensor, moved: Tensor, seen: Tensor) -> Tensor:
    """Mask points (Q, 2) shifted like the set nearest to them: sets (J, S, 2) as picked and moved, their members seen (J, S)."""
    if not len(mask_points) or not len(start):
        return mask_points
    weight = torch.where(seen.any(1, keepdim=True), seen, True).to(start.dtype)[..., None]
    shift = ((moved - start) * weight).sum(1) / weight.sum(1)  # (J, 2)
    distance = reduce(torch.cdist(mask_points, rearrange(start, "j s xy -> (j s) xy")), "q (j s) -> q j", "min", j=len(start))
    return mask_points + shift[distance.argmin(1)]


def _as_piece(start: Tensor, followed: Tensor, seen: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    if not bool(seen.any()):
        return followed, seen
    before, after = torch.view_as_complex(start.contiguous()), torch.view_as_complex(followed.contiguous())
    counts = seen.float()
    counts[len(seen) // 2] *= HANDLE_COUNTS
    turns, shifts = _candidates(before, after, seen)
    miss = (turns[:, None] * before + shifts[:, None] - after).abs()  # (candidates, S)
    agreeing = (miss <= tolerance) & seen
    votes = (agreeing * counts).sum(1) - miss.clamp(max=tolerance).masked_fill(~seen, 0).mean(1) / (2 * tolerance)
    agree = agreeing[int(votes.argmax())]
    turn, shift = fitted(before[agree], after[agree])
    placed = torch.view_as_real(turn * before + shift).to(followed.dtype)
    return torch.where(agree[:, None], followed, placed), agree


def _candidates(before: Tensor, after: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The shift of each seen member, and the similarity of each pair of them that neither grows nor shrinks too much."""
    one, other = torch.combinations(seen.nonzero().flatten()).unbind(1) if int(seen.sum()) > 1 else (torch.zeros(0).long(),) * 2
    turns = (after[other] - after[one]) / (before[other] - before[one])
    sane = (turns.abs() <= MOST_GROWTH) & (turns.abs() >= 1 / MOST_GROWTH)
    turns, one = turns[sane], one[sane]
    alone = seen.nonzero().flatten()
    turns, one = torch.cat([torch.ones_like(before[alone]), turns]), torch.cat([alone, one])
    return turns, after[one] - turns * before[one]


def fitted(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The similarity (a, b) of complex places (P,) by least squares; the mean shift of fewer than three."""
    middle, there = before.mean(), after.mean()
    from_middle = before - middle
    spread = from_middle.abs().square().sum()
    turn = torch.ones_like(middle)
    if len(before) >= FEWEST and float(spread) > 0:
        turn = (from_middle.conj() * (after - there)).sum() / spread
        turn = (
            turn / turn.abs() * turn.abs().clamp(1 / MOST_GROWTH, MOST_GROWTH) if float(turn.abs()) > 0 else torch.ones_like(middle)
        )
    return turn, there - turn * middle
