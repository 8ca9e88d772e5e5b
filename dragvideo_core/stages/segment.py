"""Segment: which pixels of a frame belong to the things that were clicked (Sec. 3.2).

The answer is asked for while points are propagated, because the points to ask about exist only then. So this stage
hands on a `Segmenter`: one that looks into masks made elsewhere, one that asks SAM, or one that calls everything
foreground.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..points.sam import SamSegmenter, WrappedSamSegmenter
from ..types import Segmenter, UserError


def segment(mask: Tensor | None = None, sam=None) -> Segmenter:
    """A mask wins over a SAM; with neither every pixel is foreground.

    `mask`: (N, H, W), or (1, H, W) or (H, W) for all frames, in [0, 1]; another size than the frames' is resized.
    `sam`: a model from `load_sam`, or a SAM_MODEL of ComfyUI's Impact pack. Raises `UserError`.
    """
    if mask is not None:
        return MaskSegmenter(_checked(mask))
    if sam is None:
        return EverythingSegmenter()
    wrapper = getattr(sam, "sam_wrapper", sam)  # the Impact pack's loader hands on its SAM 2 bare
    if hasattr(wrapper, "predict") and hasattr(wrapper, "prepare_device"):
        return WrappedSamSegmenter(wrapper)
    if hasattr(sam, "image_encoder") and hasattr(sam, "mask_decoder"):
        return SamSegmenter(sam)
    raise UserError(
        f"expected a SAM model as `sam`, got {type(sam).__name__}. Load one with the Drag-A-Video SAM node, or wire in "
        "a SAM_MODEL of the Impact pack."
    )


@dataclass(frozen=True)
class MaskSegmenter:
    """Looks into masks (N, H, W) in [0, 1]; a single one serves every frame."""

    masks: Tensor

    def check(self, frames: int) -> None:
        """UserError unless there is one mask, or one for each frame."""
        if len(self.masks) not in (1, frames):
            raise _wrong_count(len(self.masks), str(frames))

    def foreground(self, index: int, frame: Tensor, prompts: Tensor) -> Tensor:
        """The mask of frame `index` where it is 0.5 or more: (H, W) bool of the size of `frame` (3, H, W)."""
        count = len(self.masks)
        if count > 1 and not 0 <= index < count:
            raise _wrong_count(count, f"at least {index + 1}")
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

    def check(self, frames: int) -> None:
        """Any clip will do."""

    def foreground(self, index: int, frame: Tensor, prompts: Tensor) -> Tensor:
        """(H, W) of True"""
        return torch.ones(frame.shape[1:], dtype=torch.bool)

    def free(self) -> None:
        """Nothing is held."""


def _checked(mask: Tensor) -> Tensor:
    """(N, H, W) float32 on the CPU. Raises `UserError` for another shape, or values that are not finite."""
    if mask.ndim == 2:
        mask = mask[None]
    if mask.ndim != 3 or 0 in mask.shape:
        raise UserError(f"a mask must have the shape (N, H, W), (1, H, W) or (H, W): got {tuple(mask.shape)}. Wire in a MASK.")
    mask = mask.detach().to("cpu", torch.float32)
    if not torch.isfinite(mask).all():
        raise UserError("the mask contains NaN or infinity: expected values in [0, 1]. Check the node that made it.")
    return mask


def _wrong_count(got: int, frames: str) -> UserError:
    return UserError(
        f"expected one mask, or one for each frame ({frames}): got {got} masks. Make them from the same frames that "
        "are edited, or wire in a single one."
    )
