"""Backward maps as ST-maps, which compositing programs read (Nuke's STMap, Fusion's Texture)."""

from __future__ import annotations

import torch
from torch import Tensor


def st_map(backward: Tensor, matte: Tensor) -> Tensor:
    """A backward map (N, H, W, 2) in px, and the displaced layer's matte (N, 1, H, W), as pictures (N, H, W, 3) float32.

    Red is where the pixel comes from, from left (0) to right (1); green from the bottom (0) to the top (1), as Nuke counts; blue is
    the matte. A pixel that stays in its place has its own coordinates: pixel centres lie at (x + 0.5) / W.
    """
    height, width = backward.shape[1:3]
    right = (backward[..., 0] + 0.5) / width
    up = 1 - (backward[..., 1] + 0.5) / height
    return torch.stack([right, up, matte[:, 0].to(backward.dtype)], -1)
