"""What the edits have to reach on the drawn clips, and whether they do."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from .rows import Row

GIVEN, FOUND = "layered displacement alone", "layered displacement alone, layer found"  # the default way, and from two strokes


@dataclass(frozen=True)
class Target:
    """A bound for one column of one row: for its median over the plain clips, its worst of them, or one special clip."""

    variant: str
    column: str
    where: Literal["median", "worst"] | str  # or a special clip's name
    bound: float
    way: Literal["<=", ">="]

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
    Target(GIVEN, "hole_gain_db", "median", 2.0, ">="),
    Target(GIVEN, "hole_gain_db", "worst", 0.0, ">="),
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
        of_target = [row[target.column] for row in rows if row["variant"] == target.variant and row["clip"] in named]
        values = [float(value) for value in of_target if value is not None and math.isfinite(float(value))]
        worst = max if target.way == "<=" else min
        value = math.nan if not values else float(np.median(values)) if target.where == "median" else worst(values)
        verdicts.append({**asdict(target), "value": value, "reached": target.reached(value)})
    return verdicts


def as_text(verdicts: Sequence[dict[str, Any]]) -> str:
    """One line for each."""
    lines = []
    for one in verdicts:
        shown = "-" if math.isnan(one["value"]) else f"{one['value']:.3f}"
        verdict = "reached" if one["reached"] else "NOT reached"
        what = f"{one['variant']:40s} {one['column']:16s} {one['where']:30s}"
        lines.append(f"{what} {shown:>8s}   target {one['way']} {one['bound']:<6g} {verdict}")
    return "\n".join(lines)
