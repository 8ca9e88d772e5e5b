"""Sheets to look at: a labelled table with two rows per clip (first and last frame) and a column per edit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from dragvideo_core.media import drawing
from dragvideo_core.types import PointTracks

from .cases import Case

SIDE = 256  # px of a picture on the sheet


def rows_of(case: Case, tracks: PointTracks, edits: Mapping[str, Tensor]) -> list[tuple[str, list[Tensor]]]:
    """The clip's rows for `sheet`. edits: by their names, frames (N, 3, H, W) in [0, 1] in pixels of the case's clip."""
    rows = []
    for i in sorted({0, len(case.clip) - 1}):
        pointed = drawing.draw_points(case.clip.frames[i], tracks.handles[i], tracks.targets[i], tracks.edit_mask[i])
        pictures = [pointed, *(frames[i] for frames in edits.values()), case.true_edit.frames[i]]
        label = f"{case.name}\nframe {i + 1}".replace(", ", ",\n")
        rows.append((label, [_of_side(picture) for picture in pictures]))
    return rows


def sheet(rows: list[tuple[str, list[Tensor]]], names: list[str], note: str = "") -> Tensor:
    """(3, H, W). names: of the edits."""
    return drawing.draw_sheet(rows, ["points and mask", *names, "true edit"], note)


def _of_side(picture: Tensor) -> Tensor:
    mode = "bicubic" if picture.shape[-1] < SIDE else "area"
    options = {"align_corners": False} if mode == "bicubic" else {}
    return functional.interpolate(torch.as_tensor(picture)[None], size=(SIDE, SIDE), mode=mode, **options)[0].clamp(0, 1)
