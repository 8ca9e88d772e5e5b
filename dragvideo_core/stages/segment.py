"""Segment: which pixels of a frame belong to the things that were clicked (Sec. 3.2), and which to things in front of them.

The answer is asked for while points are propagated, because the points to ask about exist only then. So this stage
hands on a `Segmenter`: one that has masks made elsewhere, one that asks SAM, or one that knows nothing. What is made of
it there, each frame's layer, is described in `layers/find.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..layers.given import EverythingSegmenter, MaskSegmenter
from ..layers.sam import SamSegmenter, WrappedSamSegmenter
from ..types import Segmenter, UserError


def segment(mask: Tensor | None = None, sam: Any = None, front: Tensor | None = None) -> Segmenter:
    """A mask wins over a SAM; with neither every pixel is foreground.

    `mask`: (N, H, W) in [0, 1], one for each frame; or (1, H, W) or (H, W), of the frame that the points are picked on. `sam`:
    a model from `load_sam`, or a SAM_MODEL of ComfyUI's Impact pack. `front`: of things that stay in front, one for each frame
    or one for all. Masks of another size than the frames' are resized. Raises `UserError`.
    """
    front = None if front is None else _checked(front)
    if mask is not None:
        return MaskSegmenter(_checked(mask), front)
    if sam is None:
        return EverythingSegmenter(front)
    wrapper = getattr(sam, "sam_wrapper", sam)  # the Impact pack's loader hands on its SAM 2 bare
    if hasattr(wrapper, "predict") and hasattr(wrapper, "prepare_device"):
        return WrappedSamSegmenter(wrapper, front)
    if hasattr(sam, "image_encoder") and hasattr(sam, "mask_decoder"):
        return SamSegmenter(sam, front)
    raise UserError(
        f"expected a SAM model as `sam`, got {type(sam).__name__}. Load one with the SAM Segment node, or wire in "
        "a SAM_MODEL of the Impact pack."
    )


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
