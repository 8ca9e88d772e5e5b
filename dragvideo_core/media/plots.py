"""Lines over whole numbers, for people: distances per iteration, smoothness per frame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .drawing import from_pil

SIZE = (384, 640)  # (H, W) px
COLOURS = ((0, 90, 181), (220, 50, 32), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
MOST_NAMED = 8  # lines: with more, the names would cover the plot
_FINE = 2  # drawn this many times larger, then averaged
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 40, 20, 48  # px around the plot
_PAPER, _INK, _GRID = (250, 250, 250), (30, 30, 30), (222, 222, 222)


def draw_plot(title: str, lines: Mapping[str, Sequence[float]], across: str, up: str, first: int = 0) -> Tensor:
    """Lines in one plot, from zero upwards.

    Args:
        title: above the plot.
        lines: name -> values >= 0 at first, first + 1, ...; one that is not finite leaves a gap.
        across, up: what the axes show.
        first: the whole number that the first values stand at.

    Returns:
        (3, 384, 640) float32 in [0, 1]. Without any finite value the plot says that there is nothing to show.
    """
    height, width = (side * _FINE for side in SIZE)
    left, top, right, bottom = _LEFT * _FINE, _TOP * _FINE, width - _RIGHT * _FINE, height - _BOTTOM * _FINE
    page = Image.new("RGB", (width, height), _PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13 * _FINE)
    pen.text((left, top / 2), title, _INK, ImageFont.load_default(16 * _FINE), anchor="lm")
    known = [value for values in lines.values() for value in values if math.isfinite(value)]
    if not known:
        pen.text((width / 2, height / 2), "nothing to show", _INK, font, anchor="mm")
        return from_pil(page.reduce(_FINE))
    steps, last = _ticks(max(known)), first + max(max(map(len, lines.values())) - 1, 1)

    def place(number: float, value: float) -> tuple[float, float]:
        share = (number - first) / (last - first), value / steps[-1]
        return left + share[0] * (right - left), bottom - share[1] * (bottom - top)

    for value in steps:
        pen.line((place(first, value), place(last, value)), fill=_GRID, width=_FINE)
        pen.text((left - 8 * _FINE, place(first, value)[1]), f"{value:g}", _INK, font, anchor="rm")
    step = max(1, round(_ticks(last - first)[1]))
    for number in range(math.ceil(first / step) * step, last + 1, step):
        pen.text((place(number, 0)[0], bottom + 12 * _FINE), str(number), _INK, font, anchor="mm")
    pen.text(((left + right) / 2, height - 12 * _FINE), across, _INK, font, anchor="mm")
    pen.text((right, top / 2), up, _INK, font, anchor="rm")
    pen.line((place(first, 0), place(last, 0)), fill=_INK, width=_FINE)
    for number, (name, values) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        _draw_line(pen, [place(first + i, v) if math.isfinite(v) else None for i, v in enumerate(values)], colour)
        if 1 < len(lines) <= MOST_NAMED:
            y = top + (8 + 18 * number) * _FINE
            pen.line((right - 28 * _FINE, y, right - 6 * _FINE, y), fill=colour, width=3 * _FINE)
            pen.text((right - 34 * _FINE, y), name, _INK, font, anchor="rm")
    return from_pil(page.reduce(_FINE))


def _draw_line(pen: ImageDraw.ImageDraw, places: Sequence[tuple[float, float] | None], colour: tuple[int, int, int]) -> None:
    """A line that is broken off where there is no place; dots where places are few."""
    for start, end in itertools.pairwise(places):
        if start and end:
            pen.line((start, end), fill=colour, width=2 * _FINE)
    if len(places) <= 32:
        for x, y in filter(None, places):
            pen.ellipse((x - 4 * _FINE, y - 4 * _FINE, x + 4 * _FINE, y + 4 * _FINE), fill=colour)


def _ticks(most: float) -> list[float]:
    """0 and the multiples of a round step up to the first that is >= `most`, which is > 0 or else taken for 1."""
    most = most if most > 0 else 1.0
    rough = most / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * i for i in range(math.ceil(most / step - 1e-6) + 1)]
