"""Temporal-consistent point tracking (Sec. 3.4, Eq. 6 and 7).

Handles move along the line to their target only, by the same amount in every frame. Eq. 6 as printed compares features
with themselves and is minimised by standing still; like in DragDiffusion the left side is meant after the update and the
right side is the template. With several timesteps the distances are summed, each divided by its own scale (our reading).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .supervision import GRID, directions


def candidate_moves(max_move: float, device: torch.device | None = None) -> Tensor:
    """Moves (M,) in pixels: every half cell from -max_move to max_move cells; zero is the middle one."""
    half = round(max_move * 2)
    return torch.arange(-half, half + 1, device=device, dtype=torch.float32) / 2 * GRID


def candidate_points(handles: Tensor, targets: Tensor, moves: Tensor) -> Tensor:
    """Where to look: (N, J, S, M, 2) for handles and targets (N, J, S, 2) and moves (M,)."""
    return handles[..., None, :] + moves[:, None] * directions(handles, targets)[..., None, :]


def distances(features: Tensor, template: Tensor, visible: Tensor) -> Tensor:
    """The sum of Eq. 6 over frames: features (N, J, S, M, C) against a template (J, S, C): (J, S, M)."""
    gap = (features - template[:, :, None]).abs().mean(-1)
    return (gap * visible[..., None]).sum(0)


def shared_move(distance_of_step: list[Tensor], moves: Tensor, remaining: Tensor) -> Tensor:
    """Eq. 6: the best move (J, S) in pixels, the same for every frame.

    distance_of_step: one (J, S, M) per denoising step; remaining (J, S): pixels left to the target, which a move may not
    pass. Among equals the smallest move wins. A point with a distance that is no number stays: nothing is known about it.
    """
    shares = [d / d.mean(-1, keepdim=True).clamp(min=1e-12) for d in distance_of_step]
    total = sum(shares[1:], shares[0])
    is_known = torch.isfinite(total).all(-1)
    too_far = moves > remaining[..., None]
    total = total.masked_fill(too_far, float("inf"))
    near_best = total <= total.min(-1, keepdim=True).values * (1 + 1e-6)
    shortest = torch.where(near_best, moves.abs(), torch.inf).argmin(-1)
    return torch.where(is_known, moves[shortest], 0.0)


def move_handles(handles: Tensor, targets: Tensor, move: Tensor) -> Tensor:
    """Eq. 7: handles (N, J, S, 2) moved along their line by `move` (J, S) pixels in every frame."""
    return handles + move[..., None] * directions(handles, targets)
