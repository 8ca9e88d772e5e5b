"""Working through frames in chunks, and between devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from ..types import DragModel, UserError
from . import memory

T = TypeVar("T")


class Chunks:
    """How many of `count` frames go through the denoiser at a time: `chosen`, or with 0 as many as fit.

    Where the device runs out of memory all the same, it becomes half as many for the rest of the work. The results of the
    stages do not depend on it.
    """

    def __init__(self, model: DragModel, cells: int, count: int, chosen: int = 0, per_cell: int = memory.FORWARD):
        if chosen < 0:
            raise UserError(f"'chunk' must be 0 (as many frames as fit) or more: got {chosen}.")
        self.count, self.size, self._device = count, memory.need(model, cells, count, chosen, per_cell).frames, model.device

    def map(self, work: Callable[[slice], T]) -> Iterator[tuple[slice, T]]:
        """Frames and the result of `work` on them, in order. Frames that it failed on are given to it again."""
        start = 0
        while start < self.count:
            part = slice(start, min(start + self.size, self.count))
            failed = False
            try:
                result = work(part)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                if self.size == 1:
                    raise UserError(
                        "too little memory for one frame of this size: expected room for it. Use a smaller width and "
                        "height, "
                        "close other programs, or start ComfyUI with --cpu."
                    ) from error
                failed = True
            if failed:  # outside of `except`, where the error still holds the tensors that did not fit
                self.size = max(1, self.size // 2)
                memory.release(self._device)
            else:
                yield part, result
                start = part.stop


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
