"""Whether an edit mask lets the edit happen. Judged on the mask that is used, before the long part of the work."""

from __future__ import annotations

import torch
from torch import Tensor

from ..types import PointPicks, UserError, warn
from .sets import inside

MOST_NAMED = 8  # frames that a sentence lists


def check_given(mask: Tensor, count: int, size: tuple[int, int]) -> None:
    """UserError unless the mask has the clip's shape (N, 1, H, W), bool, and is white somewhere."""
    if tuple(mask.shape) != (count, 1, *size) or mask.dtype != torch.bool:
        raise UserError(
            f"the edit mask must have the shape {(count, 1, *size)} and say yes or no: got {tuple(mask.shape)} {mask.dtype}. "
            "Make it from the same frames that are edited."
        )
    if not bool(mask.any()):
        raise UserError(
            "the edit mask is black in every frame, so nothing could change: expected white (0.5 or more) where the picture may "
            "change. Wire in another mask as 'edit_mask', or none."
        )


def moving(picks: PointPicks) -> Tensor:
    """Which pairs move at all, (J,) bool: one whose target is its handle is a pin, which holds its place."""
    return (picks.handles != picks.targets).any(1)


def targets_outside(mask: Tensor, targets: Tensor) -> Tensor:
    """Which targets (N, J, 2) lie in the picture but not in the mask (N, 1, H, W) bool: (N, J) bool."""
    height, width = mask.shape[-2:]
    column, row = targets[..., 0].round().long().clamp(0, width - 1), targets[..., 1].round().long().clamp(0, height - 1)
    frame = torch.arange(len(mask), device=mask.device)[:, None]
    return ~mask[frame, 0, row, column] & inside(targets, (height, width))


def warn_of_targets(outside: Tensor, frames: list[int], advice: str) -> None:
    """A warning for every pair whose target lies outside the mask, (N, J) bool, with the numbers of its frames."""
    for pair in outside.any(0).nonzero().flatten().tolist():
        where = [frames[i] for i in outside[:, pair].nonzero().flatten().tolist()]
        warn(
            f"target {pair + 1} lies outside the edit mask in {_named(where)} and cannot be reached there: expected each target "
            f"inside the mask. {advice}"
        )


def warn_of_black_frames(mask: Tensor) -> Tensor:
    """A warning where some frames of the mask (N, 1, H, W) bool are black. Returns which are, (N,) bool."""
    black = ~mask.flatten(1).any(1)
    if bool(black.any()):
        warn(f"the edit mask is black in {_named(black.nonzero().flatten().tolist())}: nothing will change there.")
    return black


def _named(frames: list[int]) -> str:
    """Frames as people count them, from 1."""
    shown = ", ".join(str(frame + 1) for frame in frames[:MOST_NAMED])
    more = len(frames) - MOST_NAMED
    return f"frame{'s' if len(frames) > 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")
