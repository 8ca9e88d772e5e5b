"""Decode: the offsets are replayed on the full trajectory down to clean frames (Sec. 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..diffusion import batches, memory
from ..diffusion.attention import CrossBranch, cross_branch, kept_bytes, text_once
from ..diffusion.ddim import Ddim, check_stride
from ..diffusion.denoiser import predict
from ..dragging import offsets as latent_offsets
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

    What DDIM alone misses at each step (the residual) is taken from the source branch, whose denoiser call serves its keys
    and values as well: the nearer the offsets are to zero, the nearer the latents are to the inverted ones. With all of them
    zero, clip and latents are handed on as they are. With a stride, it goes over every n-th step and those with offsets.
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


def _check(clip: VideoClip, inversion: Inversion, tracks: PointTracks, model: DragModel) -> None:
    inverted = inversion.latents.shape[1], *(side * model.pixels_per_cell for side in inversion.latents.shape[-2:])
    tracked = len(tracks.edit_mask), *tracks.edit_mask.shape[-2:]
    for name, (count, height, width) in (("inversion", inverted), ("tracks", tracked)):
        if (count, height, width) != (len(clip), *clip.size):
            raise UserError(
                f"expected one clip everywhere: got {count} frames of {width} x {height} in the {name}, {len(clip)} frames of "
                f"{clip.size[1]} x {clip.size[0]} in the video. Wire the same frames into all nodes, Decode Edit too."
            )


def held_bytes(model: DragModel, cells: int, frames: int, settings: DecodeSettings) -> int:
    """What decoding so many frames of `cells` latent cells takes for its whole time, beside the frames at work."""
    return kept_bytes(model.denoiser, cells, frames, model.dtype.itemsize) if settings.cross_branch == "all_frames" else 0


def _check_room(model: DragModel, held: int, frames: int) -> None:
    free = memory.SPARE * memory.free_bytes(model.device)
    if held > free:
        raise UserError(
            f"with 'cross_branch' all_frames the keys and values of {frames} frames take {held / 1e9:.1f} GB: expected no more "
            f"than the {free / 1e9:.1f} GB that are free. Choose same_frame or first_frame, or load fewer frames."
        )


def _replay(inversion, result, tracks, model, settings, chunks: batches.Chunks, on_progress) -> Tensor:
    """Edited clean latents (N, 4, h, w) on the CPU."""
    ddim, device = Ddim(model.alphas_cumprod, model.prediction), model.device
    top = max(result.offsets)
    count = inversion.latents.shape[1]
    cell_mask = mask_to_cells(tracks.edit_mask, inversion.latents.shape[-2:])
    if not settings.lock:
        cell_mask = torch.ones_like(cell_mask)
    edited = latent_offsets.add_offset(inversion.latents[top], None, result.offsets[top], cell_mask)
    jumps = list(pairwise(_visited(result, settings)))
    with text_once(model.denoiser), cross_branch(model.denoiser) as branch:
        for number, (step, there) in enumerate(jumps):
            moved = torch.empty_like(edited)
            _record_shared(branch, inversion.latents[step], model, ddim.timestep(step), settings, chunks)

            def replayed(part: slice) -> Tensor:
                z_t, below = (inversion.latents[s][part].to(device) for s in (step, there))
                branch.mode = "record" if settings.cross_branch == "same_frame" else "plain"
                source = predict(model, z_t, ddim.timestep(step))
                x_t = edited[part].to(device)
                branch.mode = "plain" if settings.cross_branch == "off" else "use"
                branch.rows = _answering_rows(settings, x_t)
                carried = ddim.move(x_t, predict(model, x_t, ddim.timestep(step)), step, there)
                carried = carried + latent_offsets.residual(ddim, z_t, source, below, step, there)
                offset = result.offsets[there][part].to(device) if there in result.offsets else torch.zeros_like(carried)
                return latent_offsets.add_offset(below, carried, offset, cell_mask[part].to(device)).cpu()

            for part, latents in chunks.map(replayed):
                moved[part] = latents
                on_progress(number * count + part.stop, len(jumps) * count, None)
            edited = moved
            if settings.smoothing and there in SMOOTHED_STEPS:
                branch.mode = "plain"
                smoothed = smooth(edited, model, ddim, there, odd=there % 2 == 1, chunks=chunks)
                below = inversion.latents[there]
                edited = below + cell_mask * (smoothed - below)
    return edited


def _visited(result: DragResult, settings: DecodeSettings) -> list[int]:
    """The steps that the latents go over, from the highest offset's down to 0."""
    top, smoothed = max(result.offsets), SMOOTHED_STEPS if settings.smoothing else ()
    wanted = {0, *result.offsets, *smoothed, *range(0, top, settings.stride)}
    return sorted((step for step in wanted if step <= top), reverse=True)


def _record_shared(
    branch: CrossBranch, z_t: Tensor, model: DragModel, timestep: int, settings: DecodeSettings, chunks: batches.Chunks
) -> None:
    """Keys and values that serve every frame, kept for this step, for the choices that need them."""
    frames = {"first_frame": z_t[:1], "all_frames": z_t}.get(settings.cross_branch)
    if frames is None:
        return
    branch.kept.clear()
    branch.mode = "add"

    def recorded(part: slice) -> None:
        before = dict(branch.kept)
        try:
            predict(model, frames[part].to(model.device), timestep)
        except BaseException:
            branch.kept = before  # some layers had added this part's already
            raise

    for _ in chunks.map(recorded, len(frames)):
        pass


def _answering_rows(settings: DecodeSettings, x_t: Tensor) -> Tensor | None:
    """Which kept row answers each frame of the chunk; None: all of them together."""
    if settings.cross_branch == "same_frame":
        return torch.arange(len(x_t), device=x_t.device)
    return torch.zeros(len(x_t), dtype=torch.long, device=x_t.device) if settings.cross_branch == "first_frame" else None


def _inside(mask: Tensor, feather: float) -> Tensor:
    """The mask (N, 1, H, W) bool as weights: 0 outside, rising to 1 over `feather` px inside its edge."""
    width = max(1, round(feather))
    padded = functional.pad(mask.float(), [width] * 4, mode="replicate")
    shrunk = -functional.max_pool2d(-padded, 2 * (width // 2) + 1, stride=1)  # eroded by half the feather
    blurred = functional.avg_pool2d(shrunk, 2 * (width // 2) + 1, stride=1)
    spare = (blurred.shape[-1] - mask.shape[-1]) // 2
    height, breadth = mask.shape[-2:]
    return blurred[..., spare : spare + height, spare : spare + breadth] * mask
