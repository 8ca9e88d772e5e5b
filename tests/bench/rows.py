"""Rows of a benchmark's table: an edit's columns, and the medians of a variant's rows."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from dragvideo_core.temporal import metrics
from dragvideo_core.types import PointTracks, VideoClip

from . import flip, truth
from .cases import Case

Row = dict[str, float | int | str | None]

NOT_NUMBERS = ("clip", "variant")
PRINTED = (
    "distance_ratio",
    "inside_gain_db",
    "whole_gain_db",
    "inside_ssim",
    "sharpness",
    "hole_psnr_db",
    "fill_psnr_db",
    "fill_seen_psnr_db",
    "fill_sharpness",
    "ghost",
    "flip_inside",
    "smoothness_px",
    "outside_psnr_db",
    "seconds",
)


def row(
    case: Case,
    variant: str,
    edited: Tensor,
    tracks: PointTracks,
    seconds: float,
    iterations: int = 0,
    reach: int = 24,
    filled: Tensor | None = None,
) -> Row:
    """The columns of edited frames (N, 3, H, W). `tracks`: those that the edit used, in pixels of the case's clip.

    reach: px that the dragged part is looked for around its target; filled: (N, 1, H, W) bool, ground that the edit filled and put
    nothing over, if it says that.
    """
    mask, true, clip = tracks.edit_mask, case.true_edit.frames, case.clip.frames
    made = VideoClip(edited, case.clip.source_index, case.clip.fps)
    medians_of = [truth.distances(case.true_edit, made, one.places, one.radius, reach) for one in case.wanted]
    distances, dragged = torch.stack(medians_of).mean(0), float(np.mean([one.dragged for one in case.wanted]))
    freed = truth.freed_ground(case.layer, case.true_layer, case.front)
    nothing = torch.zeros_like(freed)
    seen = nothing if case.seen_elsewhere is None else case.seen_elsewhere
    bare = nothing if filled is None else filled & truth.bare_ground(case.true_layer, case.front)
    moved = (case.true_layer >= 0.5) & mask
    frame = json.loads(case.picks)["frame"]
    return {
        "clip": case.name,
        "variant": variant,
        "frames": len(case.clip),
        "dragged_px": dragged,
        "distance_px": distances.mean().item(),
        "distance_ratio": distances.mean().item() / dragged,
        "distance_spread_px": distances.std(correction=0).item(),
        "inside_psnr_db": metrics.psnr(edited, true, mask),
        "inside_gain_db": truth.gain_inside(case, made, mask),
        "whole_gain_db": metrics.psnr(edited, true) - metrics.psnr(clip, true),
        "inside_ssim": truth.ssim(edited, true, mask),
        "inside_ssim_unedited": truth.ssim(clip, true, mask),
        "sharpness": truth.sharpness(edited, true, moved),
        "hole_psnr_db": metrics.psnr(edited, true, freed),
        "hole_seen_psnr_db": metrics.psnr(edited, true, freed & seen),
        "fill_psnr_db": metrics.psnr(edited, true, bare),
        "fill_seen_psnr_db": metrics.psnr(edited, true, bare & seen),
        "fill_sharpness": truth.sharpness(edited, true, bare),
        "ghost": truth.ghost(edited, true, clip, freed),
        "flip_inside": flip.inside(edited, true, mask),
        "flip_outside": flip.outside(edited, clip, mask),
        "outside_psnr_db": metrics.psnr(edited, true, ~mask),
        "outside_ssim": truth.ssim(edited, true, ~mask),
        "outside_changed": (edited - clip).abs().masked_fill(mask, 0).max().item(),
        "smoothness_px": metrics.smoothness(edited, clip),
        "propagation_px": math.nan if case.track is None else truth.tracking_error(case.track, tracks, frame),
        "layer_iou": layer_iou(tracks, case.layer),
        "iterations": iterations,
        "seconds": seconds,
    }


def layer_iou(tracks: PointTracks, layer: Tensor) -> float:
    """Overlap of the layer that the edit knew with the true one, inside the mask; NaN when it knew none."""
    if tracks.layer is None:
        return math.nan
    known, true = ((matte >= 0.5) & tracks.edit_mask for matte in (tracks.layer, layer))
    either = (known | true).sum().item()
    return (known & true).sum().item() / either if either else math.nan


def median_by_variant(rows: Sequence[Row], clips: Collection[str], baseline: str) -> dict[str, Row]:
    """For each variant the medians of all its columns over its rows of `clips`, with the same keys; None where none was measured.

    `smoothness_ratio` and `spread_ratio` are to the medians of the variant `baseline` over the same clips.
    """
    chosen = [one for one in rows if one["clip"] in clips]
    medians_of = {name: _medians([one for one in chosen if one["variant"] == name]) for name in _variants(chosen)}
    for name, medians in medians_of.items():
        own = {one["clip"] for one in chosen if one["variant"] == name}
        others = _medians([one for one in chosen if one["variant"] == baseline and one["clip"] in own])
        for ratio, key in (("smoothness_ratio", "smoothness_px"), ("spread_ratio", "distance_spread_px")):
            value, other = medians[key], others.get(key)
            medians[ratio] = None if value is None or other is None else value / max(other, 1e-9)
    return medians_of


def without_nan(value: object) -> object:
    """The same with None for NaN and infinity, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(rows: Sequence[Row], clips: Collection[str]) -> str:
    """One line per variant: medians over its rows of `clips`; then one line for each other clip and variant."""
    lines = [f"{'variant':46s} clips " + " ".join(f"{key:>15s}" for key in PRINTED)]
    chosen = [one for one in rows if one["clip"] in clips]
    for name in _variants(chosen):
        of = [one for one in chosen if one["variant"] == name]
        lines.append(f"{name:46s} {len(of):5d} " + _line(_medians(of)))
    others = [one for one in rows if one["clip"] not in clips]
    lines += [f"{one['clip']}: {one['variant']}"[:46].ljust(52) + " " + _line(one) for one in others]
    return "\n".join(lines)


def _variants(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(one["variant"]) for one in rows))


def _medians(rows: Sequence[Row]) -> Row:
    keys = [key for key in (rows[0] if rows else {}) if key not in NOT_NUMBERS]
    return {"clips": len(rows), **{key: _median([one[key] for one in rows]) for key in keys}}


def _median(values: Sequence) -> float | None:
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.median(numbers)) if numbers else None


def _line(values: Row) -> str:
    shown = (values[key] for key in PRINTED)
    return " ".join(f"{'-':>15s}" if one is None or not math.isfinite(one) else f"{one:15.3f}" for one in shown)
