"""Between a film's own size and the small copy that points are followed on: a whole number of its pixels make one of the copy's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor
from torch.nn import functional

from ..types import Correction, PointPicks, PointTracks, Size, Stroke

MOST = 300  # px: the shorter side of the small copy


def factor_for(size: Size, most: int = MOST) -> int:
    """How many pixels of a film of `size` (H, W) make one of the small copy, along each side."""
    return max(1, -(-min(size) // most))


def small_copy(rgb: np.ndarray, factor: int) -> np.ndarray:
    """A frame (H, W, 3) uint8 or uint16 as its small copy (H // factor, W // factor, 3) uint8. What is left over at the right and
    below belongs to no pixel of the copy."""
    height, width = rgb.shape[0] // factor, rgb.shape[1] // factor
    part = rgb[: height * factor, : width * factor]
    small = part if factor == 1 else cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return (small >> 8).astype(np.uint8) if small.dtype == np.uint16 else np.ascontiguousarray(small)


def as_frames(pictures: list[np.ndarray]) -> Tensor:
    """Pictures (H, W, 3) uint8 or uint16 as frames (N, 3, H, W) float32 in [0, 1]."""
    most = float(np.iinfo(pictures[0].dtype).max)
    return torch.from_numpy(rearrange(pictures, "n h w c -> n c h w").astype(np.float32, order="C") / most)


def as_picture(frame: Tensor, dtype: np.dtype) -> np.ndarray:
    """A frame (3, H, W) in [0, 1] as a picture (H, W, 3) of `dtype`, uint8 or uint16."""
    most = np.iinfo(dtype).max
    return (rearrange(frame, "c h w -> h w c").numpy() * most + 0.5).clip(0, most).astype(dtype)


def small_picks(picks: PointPicks, factor: int, size: Size) -> PointPicks:
    """Points clicked on the film, on its small copy of `size` (H, W)."""

    def placed(points: Tensor) -> Tensor:
        return (points + 0.5) / factor - 0.5

    strokes = tuple(Stroke(one.kind, one.radius / factor, placed(one.points)) for one in picks.strokes)
    return replace(
        picks,
        handles=placed(picks.handles),
        targets=placed(picks.targets),
        mask_points=placed(picks.mask_points),
        strokes=strokes,
        keys=tuple(replace(key, move=key.move / factor) for key in picks.keys),
        size=size,
    )


def small_corrections(corrections: Sequence[Correction], factor: int) -> list[Correction]:
    """Handles put right on the film, on its small copy."""
    return [replace(one, handle=(one.handle + 0.5) / factor - 0.5) for one in corrections]


def enlarged_masks(tracks: PointTracks, factor: int) -> PointTracks:
    """The tracks with their masks and points at the film's own size; soft masks are smoothly enlarged."""

    def soft(masks: Tensor | None) -> Tensor | None:
        if masks is None or factor == 1:
            return masks
        return functional.interpolate(masks, scale_factor=factor, mode="bicubic", align_corners=False).clamp(0, 1)

    hard = tracks.edit_mask
    if factor > 1:
        hard = repeat(hard, "n 1 h w -> n 1 (h y) (w x)", y=factor, x=factor)
    return replace(
        tracks,
        handles=(tracks.handles + 0.5) * factor - 0.5,
        targets=(tracks.targets + 0.5) * factor - 0.5,
        mask_points=(tracks.mask_points + 0.5) * factor - 0.5,
        edit_mask=hard,
        layer=soft(tracks.layer),
        front=soft(tracks.front),
    )
