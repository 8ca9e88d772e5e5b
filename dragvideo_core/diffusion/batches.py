"""Working through frames in chunks, and between devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from ..types import HALVED, DragModel, UserError, size_of
from . import memory

MULTIPLE = 8 * HALVED  # px: for a clip, whose latent cells are 8 px wide at most
T = TypeVar("T")


class Chunks:
    """How many of `count` frames go through the denoiser at a time: `chosen`, or with 0 as many as fit.

    Where the device runs out of memory all the same, it becomes half as many as were tried, for the rest of the work. The results
    of the stages do not depend on it.
    """

    def __init__(self, model: DragModel, cells: int, count: int, chosen: int = 0, per_cell: int = memory.FORWARD, held: int = 0):
        """cells: latent cells of a frame; held: bytes that are taken besides, see `memory.need`."""
        if chosen < 0:
            raise UserError(f"'chunk' must be 0 (as many frames as fit) or more: got {chosen}.")
        self.count, self._device = count, model.device
        self.size = memory.need(model, cells, count, chosen, per_cell, held).frames

    def map(self, work: Callable[[slice], T], count: int | None = None) -> Iterator[tuple[slice, T]]:
        """Frames and the result of `work` on them, in order. Frames that it failed on are given to it again.

        count: of the frames, where it is not all of them.
        """
        start, end = 0, self.count if count is None else count
        while start < end:
            part = slice(start, min(start + self.size, end))
            tried, failed = part.stop - part.start, False
            try:
                result = work(part)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                if self.size == 1:
                    raise UserError(
                        "too little memory for one frame of this size: expected room for it. Use a smaller width and "
                        "height, close other programs, or start ComfyUI with --cpu."
                    ) from error
                failed = True
            if failed:  # outside of `except`, where the error still holds the tensors that did not fit
                self.size = max(1, tried // 2)
                memory.release(self._device)
            else:
                yield part, result
                start = part.stop


def check_size(frames: Tensor, multiple: int = MULTIPLE) -> None:
    """UserError for frames (..., H, W) of a size that no denoiser can halve so often."""
    height, width = size_of(frames)
    if height % multiple or width % multiple:
        raise UserError(
            f"a diffusion model needs frames whose width and height are multiples of {multiple}: got {width} x {height}. Load the "
            "video with Load Video (Drag-A-Video), which resizes and crops; 'Displace' takes any size."
        )


def encode(model: DragModel, frames: Tensor, chunks: Chunks) -> Tensor:
    """Frames (N, 3, H, W) to latents (N, 4, h, w) float32 on the CPU. UserError for sizes that no denoiser can halve so often."""
    cell = model.pixels_per_cell
    check_size(frames, HALVED * cell)
    height, width = size_of(frames)
    return _through(model.vae.encode, frames, (4, height // cell, width // cell), model.device, chunks)


def decode(model: DragModel, latents: Tensor, chunks: Chunks) -> Tensor:
    """Latents (N, 4, h, w) to frames (N, 3, H, W) float32 in [0, 1] on the CPU."""
    height, width = (side * model.pixels_per_cell for side in size_of(latents))
    return _through(model.vae.decode, latents, (3, height, width), model.device, chunks)


def _through(
    call: Callable[[Tensor], Tensor], values: Tensor, shape: tuple[int, int, int], device: torch.device, chunks: Chunks
) -> Tensor:
    """What `call` makes of each of the values, of the shape given: a rank of a group may have none."""

    def made(part: slice) -> Tensor:
        with torch.no_grad():
            return call(values[part].to(device)).float().cpu()

    return torch.cat([torch.zeros(0, *shape), *(result for _, result in chunks.map(made, len(values)))])
