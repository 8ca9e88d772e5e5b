"""An edit inside of a box of the clip, and back: the denoiser sees no more than what may change, and a little beside it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..types import Box, Displacement, DragResult, Inversion, VideoClip


def clip_in(box: Box, clip: VideoClip) -> VideoClip:
    """The clip as it is in the box."""
    return replace(clip, frames=box.cut(clip.frames).contiguous())


def inversion_in(box: Box, inversion: Inversion, cell: int) -> Inversion:
    """The inversion of the box alone; `cell`: px of a latent cell."""
    frames = None if inversion.frames is None else box.cut(inversion.frames).contiguous()
    return replace(inversion, latents=box.over(cell).cut(inversion.latents).contiguous(), frames=frames, box=None)


def displacement_in(box: Box, displaced: Displacement) -> Displacement:
    """The displacement with places in the box's pixels; what comes from outside of the box comes from beyond its border."""
    corner = displaced.backward.new_tensor([box.columns.start, box.rows.start])
    cut = replace(displaced, backward=displaced.backward[:, box.rows, box.columns] - corner)
    pictures = {name: box.cut(getattr(displaced, name)) for name in ("frames", "matte", "freed", "shown_elsewhere", "stretch")}
    return replace(cut, **pictures)


def edit_in(box: Box, edit: DragResult, cell: int) -> DragResult:
    """The edit with offsets and places of the box."""
    cells, corner = box.over(cell), _corner(box, edit.handle_path)
    offsets = {step: cells.cut(offset).contiguous() for step, offset in edit.offsets.items()}
    return replace(edit, offsets=offsets, handle_path=edit.handle_path - corner)


def edit_from(box: Box, edit: DragResult, like: Tensor, cell: int) -> DragResult:
    """The edit of a box as one of the whole clip, whose latents are like `like` (N, 4, h, w): nothing changes outside."""
    cells, nothing = box.over(cell), torch.zeros_like(like)
    offsets = {step: cells.placed(offset, nothing) for step, offset in edit.offsets.items()}
    return replace(edit, offsets=offsets, handle_path=edit.handle_path + _corner(box, edit.handle_path))


def _corner(box: Box, points: Tensor) -> Tensor:
    return points.new_tensor([box.columns.start, box.rows.start])
