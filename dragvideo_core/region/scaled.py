"""Between a film's own size and the small copy that points are followed on: a whole number of its pixels make one of the copy's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor

from ..types import Correction, PointPicks, PointTracks, Size, Stroke

MOST = 300  # px: the shorter side of the small copy


def factor_for(size: Size, most: int = MOST) -> int:
    """How many pixels of a film of `size` (H, W) make one of the small copy, along each side."""
    return max(1, -(-min(size) // most))


def small_size(size: Size, factor: int) -> Size:
    """(h, w) of the small copy of a film of `size` (H, W)."""
    return size[0] // factor, size[1] // factor


def small_copy(rgb: np.ndarray, factor: int) -> np.ndarray:
    """A frame (H, W, 3) uint8 or uint16 as its small copy (H // factor, W // factor, 3) uint8. What is left over at the right and
    below belongs to no pixel of the copy."""
    height, width = small_size((rgb.shape[0], rgb.shape[1]), factor)
    part = rgb[: height * factor, : width * factor]
    small = part if factor == 1 else cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return (small >> 8).astype(np.uint8) if small.dtype == np.uint16 else np.ascontiguousarray(small)


class Room:
    """Memory for floats that is used again: to ask for that much anew takes longer than to fill it."""

    def __init__(self) -> None:
        self._values = np.empty(0, np.float32)

    def of(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array of this shape, float32, of any values. The one before is no longer to be used."""
        count = math.prod(shape)
        if self._values.size < count:
            self._values = np.empty(count, np.float32)
        return self._values[:count].reshape(shape)


def as_frames(pictures: list[np.ndarray], room: Room | None = None) -> Tensor:
    """Pictures (H, W, 3) uint8 or uint16 as frames (N, 3, H, W) float32 in [0, 1]: channels last in memory, as they were.

    room: memory for them; None: of their own.
    """
    frames = (room or Room()).of((len(pictures), *pictures[0].shape))
    for frame, picture in zip(frames, pictures, strict=True):
        np.divide(picture, np.float32(np.iinfo(picture.dtype).max), out=frame, dtype=np.float32)
    return rearrange(torch.from_numpy(frames), "n h w c -> n c h w")


def as_values(pixels: Tensor, dtype: np.dtype) -> np.ndarray:
    """Pixels (3, ...) in [0, 1] as values (..., 3) of `dtype`, uint8 or uint16."""
    most = np.iinfo(dtype).max
    return (np.ascontiguousarray(pixels.movedim(0, -1).numpy()) * most + 0.5).clip(0, most).astype(dtype)


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


def enlarged_masks(tracks: PointTracks, factor: int, room: Room | None = None) -> PointTracks:
    """The tracks with their masks and points at the film's own size; soft masks are smoothly enlarged. room: for the layer."""

    def soft(masks: Tensor | None, room: Room) -> Tensor | None:
        if masks is None or factor == 1:
            return masks
        large = room.of((len(masks), 1, masks.shape[2] * factor, masks.shape[3] * factor))
        for one, mask in zip(large, masks, strict=True):
            cv2.resize(mask[0].numpy(), large.shape[:1:-1], one[0], interpolation=cv2.INTER_CUBIC)
        return torch.from_numpy(np.clip(large, 0, 1, large))

    hard = tracks.edit_mask
    if factor > 1:
        hard = repeat(hard, "n 1 h w -> n 1 (h y) (w x)", y=factor, x=factor)
    return replace(
        tracks,
        handles=(tracks.handles + 0.5) * factor - 0.5,
        targets=(tracks.targets + 0.5) * factor - 0.5,
        mask_points=(tracks.mask_points + 0.5) * factor - 0.5,
        edit_mask=hard,
        layer=soft(tracks.layer, room or Room()),
        front=soft(tracks.front, Room()),
    )
