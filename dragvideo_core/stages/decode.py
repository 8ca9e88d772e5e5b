"""Decode: the offsets are replayed on the full trajectory down to clean frames (Sec. 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..diffusion import batches, memory
from ..diffusion.attention import kept_bytes
from ..diffusion.ddim import check_stride
from ..dragging import offsets as latent_offsets
from ..dragging.replay import Replay
from ..points.sampling import mask_to_cells
from ..temporal.smoothing import SMOOTHED_STEPS, smooth
from ..types import DragModel, DragResult, Inversion, OnProgress, PointTracks, UserError, VideoClip, ignore_progress


@dataclass(frozen=True)
class DecodeSettings:
    cross_branch: Literal["same_frame", "first_frame", "all_frames", "off"] = "same_frame"  # whose keys and values
    lock: bool = True  # nothing changes outside the mask: latents are held there, pixels come from the clip
    feather: float = 6.0  # px at 512: over this width inside the mask's edge the clip's pixels fade into the edit
    smoothing: bool = False  # ControlVideo's temporal smoothing at two late steps
    stride: int = 2  # steps that one pair of denoiser calls serves; 1: each has its own, as in the paper
    chunk: int = 0  # frames at a time; 0: as many as fit into memory


def decode(
    clip: VideoClip,
    inversion: Inversion,
    result: DragResult,
    tracks: PointTracks,
    model: DragModel,
    settings: DecodeSettings = DecodeSettings(),
    on_progress: OnProgress = ignore_progress,
) -> tuple[VideoClip, Tensor]:
    """The edited clip, and its clean latents (N, 4, h, w).

    With all offsets zero, clip and latents are handed on as they are. With a stride, it goes over every n-th step and those
    with offsets. UserError where clip, inversion, edit and tracks do not belong together, and where the keys and values of all
    frames do not fit into memory.
    """
    check_stride(settings.stride)
    _check(clip, inversion, tracks, model)
    latent_offsets.check_offsets(result.offsets, inversion.latents)
    if not any(bool(offset.any()) for offset in result.offsets.values()):
        return clip, inversion.latents[0]  # bit for bit
    cells = inversion.latents.shape[-2:].numel()
    held = held_bytes(model, cells, len(clip), settings)
    _check_room(model, held, len(clip))
    chunks = batches.Chunks(model, cells, len(clip), settings.chunk, held=held)
    latents = _replay(inversion, result, tracks, model, settings, chunks, on_progress)
    frames = batches.decode(model, latents, chunks)
    if settings.lock:
        keep = _inside(tracks.edit_mask, settings.feather * min(clip.size) / 512)
        frames = clip.frames + keep * (frames - clip.frames)
    return replace(clip, frames=frames.clamp(0, 1)), latents


def held_bytes(model: DragModel, cells: int, frames: int, settings: DecodeSettings) -> int:
    """What decoding so many frames of `cells` latent cells takes for its whole time, beside the frames at work."""
    return kept_bytes(model.denoiser, cells, frames, model.dtype.itemsize) if settings.cross_branch == "all_frames" else 0


def _check(clip: VideoClip, inversion: Inversion, tracks: PointTracks, model: DragModel) -> None:
    inverted = inversion.latents.shape[1], *(side * model.pixels_per_cell for side in inversion.latents.shape[-2:])
    tracked = len(tracks.edit_mask), *tracks.edit_mask.shape[-2:]
    for name, (count, height, width) in (("inversion", inverted), ("tracks", tracked)):
        if (count, height, width) != (len(clip), *clip.size):
            raise UserError(
                f"expected one clip everywhere: got {count} frames of {width} x {height} in the {name}, {len(clip)} frames of "
                f"{clip.size[1]} x {clip.size[0]} in the video. Wire the same frames into all nodes, Decode Edit too."
            )


def _check_room(model: DragModel, held: int, frames: int) -> None:
    free = memory.SPARE * memory.free_bytes(model.device)
    if held > free:
        raise UserError(
            f"with 'cross_branch' all_frames the keys and values of {frames} frames take {held / 1e9:.1f} GB: expected no more "
            f"than the {free / 1e9:.1f} GB that are free. Choose same_frame or first_frame, or load fewer frames."
        )


def _replay(
    inversion: Inversion,
    result: DragResult,
    tracks: PointTracks,
    model: DragModel,
    settings: DecodeSettings,
    chunks: batches.Chunks,
    on_progress: OnProgress,
) -> Tensor:
    """Edited clean latents (N, 4, h, w) on the CPU."""
    cell_mask = mask_to_cells(tracks.edit_mask, inversion.latents.shape[-2:])
    if not settings.lock:
        cell_mask = torch.ones_like(cell_mask)
    replay = Replay(model, inversion.latents, result.offsets, cell_mask, settings.cross_branch)
    steps = _visited(result, settings)
    total = (len(steps) - 1) * inversion.latents.shape[1]

    def smoothed(latents: Tensor, step: int) -> Tensor:
        if not settings.smoothing or step not in SMOOTHED_STEPS:
            return latents
        smooth_latents = smooth(latents, model, replay.ddim, step, odd=step % 2 == 1, chunks=chunks)
        return inversion.latents[step] + cell_mask * (smooth_latents - inversion.latents[step])

    return replay.run(steps, chunks, lambda done: on_progress(done, total, None), smoothed)


def _visited(result: DragResult, settings: DecodeSettings) -> list[int]:
    """The steps that the latents go over, from the highest offset's down to 0."""
    top, smoothed = max(result.offsets), SMOOTHED_STEPS if settings.smoothing else ()
    wanted = {0, *result.offsets, *smoothed, *range(0, top, settings.stride)}
    return sorted((step for step in wanted if step <= top), reverse=True)


def _inside(mask: Tensor, feather: float) -> Tensor:
    """The mask (N, 1, H, W) bool as weights: 0 outside, rising to 1 over `feather` px inside its edge."""
    width = max(1, round(feather))
    padded = functional.pad(mask.float(), [width] * 4, mode="replicate")
    shrunk = -functional.max_pool2d(-padded, 2 * (width // 2) + 1, stride=1)  # eroded by half the feather
    blurred = functional.avg_pool2d(shrunk, 2 * (width // 2) + 1, stride=1)
    spare = (blurred.shape[-1] - mask.shape[-1]) // 2
    height, breadth = mask.shape[-2:]
    return blurred[..., spare : spare + height, spare : spare + breadth] * mask
