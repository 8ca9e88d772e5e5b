"""Decode: the offsets are replayed on the full trajectory down to clean frames (Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..diffusion.attention import kept_bytes
from ..diffusion.ddim import check_stride
from ..dragging import blending
from ..dragging import offsets as latent_offsets
from ..dragging.cell_moves import cell_moves
from ..dragging.checks import check_box, check_displaced
from ..dragging.initial import displaced_latents
from ..dragging.replay import Replay
from ..files.fingerprint import fingerprint
from ..group import ALONE, Group
from ..points.sampling import mask_to_cells
from ..region.box import tracks_in
from ..region.edit import clip_in, displacement_in, edit_in, inversion_in
from ..temporal.smoothing import SMOOTHED_STEPS, smooth
from ..types import (
    Box,
    Displacement,
    DragModel,
    DragResult,
    Inversion,
    OnProgress,
    PointTracks,
    Size,
    UserError,
    VideoClip,
    ignore_progress,
    size_of,
)


@dataclass(frozen=True)
class DecodeSettings:
    """What may change, whose looks are kept, and how much work is done."""

    cross_branch: Literal["same_frame", "first_frame", "all_frames", "off"] = "same_frame"  # whose keys and values
    lock: bool = True  # nothing changes outside the mask: latents are held there, pixels come from the clip
    feather: float = 6.0  # px at 512: over this width inside the mask's edge the clip's pixels fade into the edit
    smoothing: bool = False  # ControlVideo's temporal smoothing at two late steps
    stride: int = 2  # steps that one pair of denoiser calls serves; 1: each has its own, as in the paper
    chunk: int = 0  # frames at a time; 0: as many as fit into memory
    keep_pixels: bool = True  # with a displacement: what moved as a piece keeps its pixels, the model's only where needed
    paint_from: int = -1  # step of 50: with a displacement, the model paints freed ground over its fill; 0: never; -1: model's own


@dataclass(frozen=True)
class _Work:
    """What is decoded, by what, and how."""

    inversion: Inversion
    result: DragResult
    tracks: PointTracks
    displaced: Displacement | None
    model: DragModel
    settings: DecodeSettings

    @property
    def cells(self) -> Size:
        return size_of(self.inversion.latents)

    def of_frames(self, frames: Tensor) -> _Work:
        """The same for some of the frames, by their indices."""
        filmed = None if self.inversion.frames is None else self.inversion.frames[frames]
        return replace(
            self,
            inversion=replace(self.inversion, latents=self.inversion.latents[:, frames], frames=filmed),
            result=replace(self.result, offsets={step: offset[frames] for step, offset in self.result.offsets.items()}),
            tracks=self.tracks.each(lambda values: values[frames]),
            displaced=None if self.displaced is None else self.displaced.each(lambda values: values[frames]),
        )


def decode(
    clip: VideoClip,
    inversion: Inversion,
    result: DragResult,
    tracks: PointTracks,
    model: DragModel,
    settings: DecodeSettings = DecodeSettings(),
    on_progress: OnProgress = ignore_progress,
    displaced: Displacement | None = None,
    group: Group = ALONE,
) -> tuple[VideoClip, Tensor]:
    """The edited clip, and its clean latents (N, 4, h, w).

    displaced: the displacement that the drag started from. What moved as a piece then keeps its own pixels (`keep_pixels`), and
    freed ground is painted over its fill. With all offsets zero, clip and latents are handed on as they are. With a stride, it
    goes over every n-th step and those with offsets. With a `group` every rank decodes its share of the frames, and all get the
    whole clip. UserError where clip, inversion, edit, tracks and displacement do not
    belong together, and where the keys and values of all frames do not fit into memory.
    """
    check_stride(settings.stride)
    check_displaced(displaced, tracks)
    if settings.paint_from < 0:
        settings = replace(settings, paint_from=model.paint_from)
    _check(clip, inversion, tracks, model)
    check_box(inversion, tracks)
    latent_offsets.check_offsets(result.offsets, inversion.latents)
    if not any(bool(offset.any()) for offset in result.offsets.values()):
        return clip, inversion.latents[0]  # bit for bit
    if inversion.box is not None:
        return _in_box(inversion.box, clip, inversion, result, tracks, model, settings, on_progress, displaced, group)
    cells = inversion.latents.shape[-2:].numel()
    held = held_bytes(model, cells, len(clip), settings)
    _check_room(model, held, len(clip))
    group.check_alike(
        "what is decoded (model, clip, edit or settings)",
        lambda: fingerprint(model.denoiser, model.context, clip.frames, *result.offsets.values(), replace(settings, chunk=0)),
    )
    mine = group.share(len(clip))
    chunks = batches.Chunks(model, cells, max(1, mine.stop - mine.start), settings.chunk, held=held)
    if displaced is not None and settings.keep_pixels and not bool(_painted(displaced, settings).any()):
        frames, latents = displaced.frames, batches.encode(model, displaced.frames[mine], chunks)  # nothing is left for the model
    else:
        latents = _replay(_Work(inversion, result, tracks, displaced, model, settings), chunks, on_progress, group)
        of_mine = None if displaced is None else displaced.of_frames(mine)
        made = batches.decode(model, latents, chunks)
        frames = _composed(clip.frames[mine], made, tracks.of_frames(mine), settings, of_mine) if len(made) else made
        frames = group.gather_frames(frames, len(clip))
    latents = group.gather_frames(latents, len(clip))
    if settings.lock:
        frames = torch.where(tracks.edit_mask, frames, clip.frames)
    return replace(clip, frames=frames.clamp(0, 1)), latents


def _in_box(
    box: Box,
    clip: VideoClip,
    inversion: Inversion,
    result: DragResult,
    tracks: PointTracks,
    model: DragModel,
    settings: DecodeSettings,
    on_progress: OnProgress,
    displaced: Displacement | None,
    group: Group,
) -> tuple[VideoClip, Tensor]:
    """The same, worked on in the part of the picture that was inverted; nothing else changes."""
    cell = model.pixels_per_cell
    inside = clip_in(box, clip), inversion_in(box, inversion, cell), edit_in(box, result, cell), tracks_in(box, tracks)
    moved = None if displaced is None else displacement_in(box, displaced)
    edited, latents = decode(*inside, model, settings, on_progress, moved, group)
    return replace(clip, frames=box.placed(edited.frames, clip.frames)), box.over(cell).placed(latents, inversion.latents[0])


def _composed(
    filmed: Tensor, frames: Tensor, tracks: PointTracks, settings: DecodeSettings, displaced: Displacement | None
) -> Tensor:
    """The model's frames (n, 3, H, W), and in their place the filmed ones' pixels where these are kept."""
    feather = settings.feather * min(size_of(filmed)) / 512
    if settings.lock:
        frames = filmed + blending.faded(tracks.edit_mask, feather) * (frames - filmed)
    if displaced is None or not settings.keep_pixels:
        return frames
    where, trusted = _painted(displaced, settings), blending.is_ground(displaced)
    return blending.blended(displaced.frames, frames, where, trusted, feather)


def needed_up_to(displaced: Displacement, model: DragModel, settings: DecodeSettings, steps: Sequence[int]) -> int:
    """The highest step that decoding a displacement looks at, where a drag at `steps` adds nothing to it; 0: no model is asked."""
    if settings.paint_from < 0:
        settings = replace(settings, paint_from=model.paint_from)
    if not (settings.keep_pixels and _is_apart(settings)):
        return max(steps)
    if not bool(_painted(displaced, settings).any()):
        return 0
    is_fill_alone = not bool(blending.is_stretched(displaced).any())
    first = _first_paint(steps, settings)
    return first if is_fill_alone and first is not None and first <= min(steps) else max(steps)


def _visited(steps: Iterable[int], settings: DecodeSettings) -> list[int]:
    """The steps that the latents go over with offsets at `steps`, from the highest of these down to 0."""
    offsets = set(steps)
    top, smoothed = max(offsets), SMOOTHED_STEPS if settings.smoothing else ()
    wanted = {0, *offsets, *smoothed, *range(0, top, settings.stride)}
    return sorted((step for step in wanted if step <= top), reverse=True)


def _first_paint(steps: Iterable[int], settings: DecodeSettings) -> int | None:
    """The step at which the fill is put in for the last time; None where all are below `paint_from`."""
    return min((step for step in _visited(steps, settings) if step >= max(1, settings.paint_from)), default=None)


def _painted(displaced: Displacement, settings: DecodeSettings) -> Tensor:
    """(N, 1, H, W) bool: where the model's picture is shown."""
    return blending.painted(displaced) if settings.paint_from > 0 else blending.is_stretched(displaced)


def held_bytes(model: DragModel, cells: int, frames: int, settings: DecodeSettings) -> int:
    """What decoding so many frames of `cells` latent cells takes for its whole time, beside the frames at work."""
    return kept_bytes(model.denoiser, cells, frames, model.dtype.itemsize) if settings.cross_branch == "all_frames" else 0


def _check(clip: VideoClip, inversion: Inversion, tracks: PointTracks, model: DragModel) -> None:
    inverted = inversion.latents.shape[1], *(side * model.pixels_per_cell for side in size_of(inversion.latents))
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


def _replay(work: _Work, chunks: batches.Chunks, on_progress: OnProgress, group: Group) -> Tensor:
    """Edited clean latents (n, 4, h, w) of this rank's frames, on the CPU."""
    inversion, displaced, settings = work.inversion, work.displaced, work.settings
    count = inversion.latents.shape[1]
    mine = group.share(count)
    if _is_apart(settings) and displaced is not None and settings.keep_pixels:
        return _painted_frames(work, displaced, chunks, on_progress, mine)
    cell_mask = mask_to_cells(work.tracks.edit_mask, work.cells)
    if not settings.lock:
        cell_mask = torch.ones_like(cell_mask)
    moves = None if displaced is None else cell_moves(displaced, work.tracks, work.cells)
    replay = Replay(work.model, inversion.latents, work.result.offsets, cell_mask, settings.cross_branch, mine, moves)
    fill = None if displaced is None else _Fill(displaced.of_frames(mine), inversion, cell_mask[mine], work.model, chunks)

    def after_jump(latents: Tensor, step: int) -> Tensor:
        if fill is not None and step >= settings.paint_from:
            latents = fill.put_into(latents, step)
        if not settings.smoothing or step not in SMOOTHED_STEPS:
            return latents
        smooth_latents = smooth(latents, work.model, replay.ddim, step, step % 2 == 1, chunks, count, group)
        inverted = inversion.latents[step, mine]
        return inverted + cell_mask[mine] * (smooth_latents - inverted)

    steps = _visited(work.result.offsets, settings)
    total = (len(steps) - 1) * (mine.stop - mine.start)
    return replay.run(steps, chunks, lambda done: on_progress(done, total, None), after_jump)


def _is_apart(settings: DecodeSettings) -> bool:
    """Whether every frame is decoded for itself."""
    return settings.cross_branch in ("same_frame", "off") and not settings.smoothing


def _painted_frames(work: _Work, displaced: Displacement, chunks: batches.Chunks, on_progress: OnProgress, mine: slice) -> Tensor:
    """Edited clean latents (n, 4, h, w) where only frames in which the model paints go through it; the others are displaced."""
    latents = batches.encode(work.model, displaced.frames[mine], chunks)
    busy = _painted(displaced.of_frames(mine), work.settings).flatten(1).any(1).nonzero()[:, 0]
    if len(busy) == 0:
        return latents
    some = _from_first_paint(work.of_frames(busy + mine.start), chunks)
    some = replace(some, settings=replace(work.settings, keep_pixels=False))
    latents[busy] = _replay(some, chunks, on_progress, ALONE)
    return latents


def _from_first_paint(work: _Work, chunks: batches.Chunks) -> _Work:
    """The edit as one that begins at the step where the fill is put in for the last time, if the model paints on fill alone.

    Down to that step only the fill would be replaced, and what surrounds it is displaced there as well as at the top.
    """
    first = _first_paint(work.result.offsets, work.settings)
    if first is None or work.displaced is None or bool(blending.is_stretched(work.displaced).any()):
        return work
    if any(bool(offset.any()) for step, offset in work.result.offsets.items() if step < first):
        return work
    moved = displaced_latents(work.inversion, work.tracks, work.displaced, work.model, [first], chunks)[first]
    return replace(work, result=replace(work.result, offsets={first: moved - work.inversion.latents[first]}))


class _Fill:
    """The smooth fill of ground that no other frame shows, as latents at any step: what the model starts its painting from."""

    def __init__(self, displaced: Displacement, inversion: Inversion, cell_mask: Tensor, model: DragModel, chunks: batches.Chunks):
        cells = size_of(inversion.latents)
        self.alphas, self.timesteps = model.alphas_cumprod, inversion.timesteps
        unseen = displaced.freed & ~displaced.shown_elsewhere
        self.where = (mask_to_cells(unseen, cells) if len(unseen) else cell_mask) * cell_mask > 0  # (n, 1, h, w)
        self.clean = batches.encode(model, displaced.frames, chunks)
        self.noise = torch.randn(self.clean.shape[1:], generator=torch.Generator().manual_seed(0))  # alike in every frame

    def put_into(self, latents: Tensor, step: int) -> Tensor:
        """Latents (n, 4, h, w) at a step with the fill in its place."""
        alpha = self.alphas[int(self.timesteps[step])].cpu()
        return torch.where(self.where, alpha.sqrt() * self.clean + (1 - alpha).sqrt() * self.noise, latents)
