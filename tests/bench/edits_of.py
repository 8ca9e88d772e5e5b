"""A case's rows and edits, with and without a model. `reach`: px that the dragged part is looked for around its target."""

from __future__ import annotations

import time
from pathlib import Path

from torch import Tensor

from dragvideo_core.types import Displacement, PointTracks

from . import checkpoint, rows, truth, variants
from . import without_model as displacing
from .cases import Case

Edited = dict[str, Tensor]  # by the variants' names: frames (N, 3, H, W) in pixels of the case's clip


def without_model(case: Case, reach: int = truth.REACH) -> tuple[list[rows.Row], Edited, PointTracks]:
    """Rows and edits that need no model, and the points as they were followed, without a layer."""
    records, edits, tracks = [], {}, {}
    for name, variant in displacing.VARIANTS.items():
        followed = variant.layer, variant.has_mask
        if followed not in tracks:
            tracks[followed] = displacing.tracks_of(case, variant.layer, has_mask=variant.has_mask)
        began = time.perf_counter()
        made = variant.edit(case.clip, tracks[followed])
        seconds = time.perf_counter() - began
        edits[name], filled = (
            (made.frames, made.freed & truth.bare_ground(made.matte)) if isinstance(made, Displacement) else (made, None)
        )
        records.append(rows.row(case, name, edits[name], tracks[followed], seconds, reach=reach, filled=filled))
    return records, edits, tracks["none", True]


def with_model(case: Case, names: list[str], file: Path | None = None, reach: int = truth.REACH) -> tuple[list[rows.Row], Edited]:
    """Rows and edits of these variants of `variants.MAIN` and `variants.ABLATIONS`."""
    chosen = {name: (variants.MAIN | variants.ABLATIONS)[name] for name in names}
    prepared = variants.prepare(case, {variant.layer for variant in chosen.values()}, file)
    records, edits = [], {}
    for name, variant in chosen.items():
        began = time.perf_counter()
        edited, result = variant.edit(prepared)
        seconds = time.perf_counter() - began
        edits[name] = checkpoint.reduced(edited, prepared.times).frames
        tracks = checkpoint.reduced_tracks(prepared.tracks[variant.layer], prepared.times)
        records.append(rows.row(case, name, edits[name], tracks, seconds, len(result.losses), reach))
    return records, edits
