"""Segmenters that need no model: one that has masks made elsewhere, one that knows nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..types import UserError


@dataclass(frozen=True)
class MaskSegmenter:
    """Has masks (N, H, W) in [0, 1], or a single one."""

    masks: Tensor
    front: Tensor | None = None
    asks_points = False

    def check(self, frames: int) -> None:
        """UserError unless there is one mask, or one for each frame; the same for the things in front."""
        check_count("thing", self.masks, frames)
        check_count("things in front", self.front, frames)

    def foreground(self, index: int, frame: Tensor, prompts: Tensor, ground: Tensor | None = None) -> Tensor:
        """The mask of frame `index`, or the single one, where it is 0.5 or more: (H, W) bool of the size of `frame` (3, H, W)."""
        count = len(self.masks)
        if count > 1 and not 0 <= index < count:
            raise wrong_count("thing", count, f"at least {index + 1}")
        mask = self.masks[index if count > 1 else 0]
        if mask.shape != frame.shape[1:]:
            is_smaller = mask.shape[0] < frame.shape[1] or mask.shape[1] < frame.shape[2]
            mode = "nearest-exact" if is_smaller else "area"
            mask = F.interpolate(mask[None, None], size=frame.shape[1:], mode=mode)[0, 0]
        return mask >= 0.5

    def free(self) -> None:
        """Nothing is held on a device."""


@dataclass(frozen=True)
class EverythingSegmenter:
    """Calls every pixel foreground."""

    front: Tensor | None = None
    masks, asks_points = None, False

    def check(self, frames: int) -> None:
        """UserError if the things in front are of another number of frames."""
        check_count("things in front", self.front, frames)

    def foreground(self, index: int, frame: Tensor, prompts: Tensor, ground: Tensor | None = None) -> Tensor:
        """(H, W) of True"""
        return torch.ones(frame.shape[1:], dtype=torch.bool)

    def free(self) -> None:
        """Nothing is held."""


NOTHING = EverythingSegmenter()  # what is used where no segmenter is given


def check_count(what: str, masks: Tensor | None, frames: int) -> None:
    """UserError unless there are no masks, one mask, or one for each frame."""
    if masks is not None and len(masks) not in (1, frames):
        raise wrong_count(what, len(masks), str(frames))


def wrong_count(what: str, got: int, frames: str) -> UserError:
    """The error for so many masks of `what` in the place of one, or of one for each of so many frames, in words."""
    return UserError(
        f"expected one mask of the {what}, or one for each frame ({frames}): got {got} masks. Make them from the same frames "
        "that are edited, or wire in a single one."
    )
