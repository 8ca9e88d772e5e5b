"""What the edits have to reach on the drawn clips, and whether they do."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from .rows import Row
from .without_model import FOUND, GIVEN, WITH_TELEA


@dataclass(frozen=True)
class Target:
    """A bound for one column of one row: for its median over the plain clips, its worst of them, or one special clip."""

    variant: str
    column: str
    where: Literal["median", "worst"] | str  # or a special clip's name
    bound: float
    way: Literal["<=", ">="]
    over: str | None = None  # another row: the bound is for the difference to it, clip by clip

    def reached(self, value: float) -> bool:
        """Whether the value keeps the bound; NaN, which was not measured, does not."""
        return value <= self.bound if self.way == "<=" else value >= self.bound


TARGETS = (
    Target(GIVEN, "distance_ratio", "median", 0.02, "<="),
    Target(GIVEN, "distance_ratio", "worst", 0.08, "<="),
    Target(GIVEN, "inside_gain_db", "median", 7.0, ">="),
    Target(GIVEN, "inside_ssim", "median", 0.83, ">="),
    Target(GIVEN, "smoothness_px", "median", 0.06, "<="),
    Target(GIVEN, "sharpness", "median", 0.95, ">="),
    Target(GIVEN, "outside_changed", "worst", 0.0, "<="),
    Target(GIVEN, "hole_psnr_db", "median", 2.0, ">=", WITH_TELEA),
    Target(GIVEN, "hole_psnr_db", "worst", 0.0, ">=", WITH_TELEA),
    Target(FOUND, "inside_gain_db", "median", 6.0, ">="),
    Target(FOUND, "layer_iou", "median", 0.93, ">="),
    Target(GIVEN, "distance_ratio", "two pairs, pulled apart", 0.10, "<="),
    Target(GIVEN, "distance_ratio", "two pairs, turning the head", 0.10, "<="),
    Target(GIVEN, "distance_ratio", "points on the last frame", 0.10, "<="),
    Target(GIVEN, "distance_ratio", "the same, fitted", 0.10, "<="),
    Target(GIVEN, "distance_ratio", "hidden behind a pole", 0.20, "<="),
)


def judged(rows: Sequence[Row], clips: Collection[str], targets: Sequence[Target] = TARGETS) -> list[dict[str, Any]]:
    """Each target with its measured `value` (NaN: there is none), and whether it was `reached`. clips: names of the plain ones."""
    verdicts = []
    for target in targets:
        named = clips if target.where in ("median", "worst") else {target.where}
        values = _column(rows, target.variant, target.column, named)
        if target.over is not None:
            base = _column(rows, target.over, target.column, named)
            values = {clip: value - base[clip] for clip, value in values.items() if clip in base}
        worst = max if target.way == "<=" else min
        measured = list(values.values())
        value = math.nan if not measured else float(np.median(measured)) if target.where == "median" else worst(measured)
        verdicts.append({**asdict(target), "value": value, "reached": target.reached(value)})
    return verdicts


def _column(rows: Sequence[Row], variant: str, column: str, clips: Collection[str]) -> dict[str, float]:
    """The finite values of a variant's rows, by the clips' names."""
    values = {str(row["clip"]): row[column] for row in rows if row["variant"] == variant and row["clip"] in clips}
    return {clip: float(value) for clip, value in values.items() if value is not None and math.isfinite(float(value))}


def as_text(verdicts: Sequence[dict[str, Any]]) -> str:
    """One line for each."""
    lines = []
    for one in verdicts:
        shown = "-" if math.isnan(one["value"]) else f"{one['value']:.3f}"
        verdict = "reached" if one["reached"] else "NOT reached"
        column = one["column"] if one["over"] is None else f"{one['column']} over Telea's"
        what = f"{one['variant']:40s} {column:27s} {one['where']:27s}"
        lines.append(f"{what} {shown:>8s}   target {one['way']} {one['bound']:<6g} {verdict}")
    return "\n".join(lines)
