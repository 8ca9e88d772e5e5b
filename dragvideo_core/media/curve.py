"""A curve of losses, for the preview of a training."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .drawing import from_pil

SIZE = (288, 384)  # (H, W) px
MARGIN = 28  # px around the plot
SMOOTHED = 0.05  # share of all steps that the smooth line is the mean of
PAPER, INK, POINTS, LINE = (250, 250, 250), (60, 60, 60), (170, 195, 225), (0, 90, 181)


def draw_curve(values: Sequence[float], total: int, label: str = "loss") -> Tensor:
    """Values of steps 1.. of `total`: each as a faint dot, their running mean as a line: (3, H, W) in [0, 1]."""
    height, width = SIZE
    page = Image.new("RGB", (width, height), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    pen.line((MARGIN, MARGIN, MARGIN, height - MARGIN, width - MARGIN, height - MARGIN), fill=INK)
    low, high = min(values, default=0.0), max(values, default=1.0)
    high = max(high, low + 1e-9)

    def place(step: float, value: float) -> tuple[float, float]:
        x = MARGIN + step / max(total, 1) * (width - 2 * MARGIN)
        return x, height - MARGIN - (value - low) / (high - low) * (height - 2 * MARGIN)

    for step, value in enumerate(values, start=1):
        x, y = place(step, value)
        pen.rectangle((x - 1, y - 1, x + 1, y + 1), fill=POINTS)
    means = _running_mean(values, max(1, round(SMOOTHED * len(values))))
    if len(means) > 1:
        pen.line([place(step, mean) for step, mean in enumerate(means, start=1)], fill=LINE, width=2)
    now = f", now {means[-1]:.4f}" if means else ""
    pen.text((MARGIN, 6), f"{label} of step {len(values)} of {total}{now}", INK, font)
    return from_pil(page)


def _running_mean(values: Sequence[float], window: int) -> list[float]:
    return [sum(values[max(0, i - window + 1) : i + 1]) / min(window, i + 1) for i in range(len(values))]
