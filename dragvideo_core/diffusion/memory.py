"""What a stage needs of a device's memory, and how many frames at a time fit into what is free.

What one frame takes was measured on Stable Diffusion 1.5's and 2.1's denoisers by adding up the tensors that are alive at
once, with fused attention: it is in proportion to the latent cells, to the width of the first level and to the bytes of a
number. With gradients, everything up to up block 2 is kept for the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types import DragModel, Size

FORWARD, WITH_GRADIENTS, TRAINING = (26, 185, 280)  # bytes per frame, cell, channel of the first level, and byte of a number
SPARE = 0.8  # share of the free memory to plan with: fragments, work space, the autoencoder
MOST, MOST_CELLS = 4, 8192  # frames at a time, or latent cells of them, that already keep a device busy


@dataclass(frozen=True)
class Need:
    """Memory in bytes."""

    weights: int
    per_frame: int
    frames: int  # at a time
    free: int  # for the frames, the weights and what is held besides being there
    held: int = 0  # besides, for the whole work

    @property
    def sentence(self) -> str:
        """For the user, before the work starts."""
        frames = f"{self.frames} frame{'s' if self.frames > 1 else ''} at a time"
        held = f", keys and values of all frames {_gb(self.held)}" if self.held else ""
        total = self.weights + self.held + self.frames * self.per_frame
        return (
            f"needs {_gb(total)}: weights {_gb(self.weights)}{held}, {frames} {_gb(self.frames * self.per_frame)}; "
            f"free beside the weights: {_gb(self.free)}"
        )


def need(model: DragModel, cells: int, count: int, chosen: int = 0, per_cell: int = FORWARD, held: int = 0) -> Need:
    """What work on `count` frames of so many latent cells needs.

    chosen: frames at a time; 0: as many as fit, up to `MOST` or `MOST_CELLS`, at least one. held: bytes that are taken
    besides, from the start of the work to its end.
    """
    per_frame = per_cell * cells * _first_width(model) * model.dtype.itemsize
    free = max(0, free_bytes(model.device) - held)
    fitting = int(SPARE * free // max(1, per_frame))
    frames = min(count, chosen or max(1, min(max(MOST, MOST_CELLS // cells), fitting)))
    weights = sum(weight.numel() * weight.element_size() for weight in model.denoiser.parameters())
    return Need(weights, per_frame, frames, free, held)


def cells_of(model: DragModel, size: Size) -> int:
    """Latent cells of a frame of `size` (H, W) px."""
    return size[0] * size[1] // model.pixels_per_cell**2


def free_bytes(device: torch.device) -> int:
    """What can still be had on a device, with what torch holds in reserve."""
    if device.type == "cuda":
        reserve = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + reserve
    import psutil  # ComfyUI brings it

    return psutil.virtual_memory().available


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device (or the machine) had too little memory."""
    text = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory")  # devices, Linux, Windows
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(word in text for word in words)
    )


def release(device: torch.device) -> None:
    """Give back what torch holds in reserve."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _first_width(model: DragModel) -> int:
    return model.denoiser.config.block_out_channels[0]


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
