"""Working through frames in chunks, and between devices."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..types import DragModel


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices that cover `count` frames, `size` at a time."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def encode(model: DragModel, frames: Tensor, chunk: int) -> Tensor:
    """Frames (N, 3, H, W) to latents (N, 4, h, w) float32 on the CPU."""
    with torch.no_grad():
        return torch.cat([model.vae.encode(frames[part].to(model.device)).float().cpu() for part in chunks(len(frames), chunk)])


def decode(model: DragModel, latents: Tensor, chunk: int) -> Tensor:
    """Latents (N, 4, h, w) to frames (N, 3, H, W) float32 in [0, 1] on the CPU."""
    with torch.no_grad():
        return torch.cat([model.vae.decode(latents[part].to(model.device)).float().cpu() for part in chunks(len(latents), chunk)])
