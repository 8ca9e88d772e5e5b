"""Points, masks and before/after sheets drawn on pictures, for previews and for the final comparison.

A single handle is a red disc, a single target a blue ring; the points of a set are small dots; an arrow leads from each
handle to its target; what the mask leaves out is dimmed and its edge is outlined. Red and blue were chosen so that
colour-blind people can tell them apart, the shapes differ as well, and a white rim keeps both legible on any ground.
The outline of the thing's layer is green.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from ..types import PointTracks, Size, size_of

HANDLE = (220, 50, 32)
TARGET = (0, 90, 181)
RIM = (255, 255, 255)
MASK_EDGE = (255, 193, 7)
LAYER_EDGE = (0, 229, 160)
LEGIBLE = 384  # px that the short side of a picture should have for points on it to be told apart
_ANTIALIAS = 3  # drawn this many times larger, then averaged
_PAPER, _INK, _GREY = (250, 250, 250), (30, 30, 30), (110, 110, 110)


def draw_points(
    picture: Tensor,
    handles: Tensor,
    targets: Tensor,
    mask: Tensor | None = None,
    scale: int | None = None,
    layer: Tensor | None = None,
) -> Tensor:
    """A picture with its points drawn on it.

    Args:
        picture: (3, H, W) in [0, 1].
        handles: (J, 2) or sets (J, S, 2), px of the picture.
        targets: the same shape as `handles`.
        mask: (H, W) or (1, H, W) bool, True = may change.
        scale: enlarge the picture this many times first; None enlarges small pictures until points can be told apart.
        layer: (H, W) or (1, H, W) in [0, 1], how much of each pixel the thing covers.

    Returns:
        (3, scale * H, scale * W) float32 in [0, 1], on the CPU. Points outside the picture are cut off at its border.
    """
    scale = enlargement(size_of(picture)) if scale is None else scale
    picture = enlarge(picture, scale)
    if mask is not None:
        picture = draw_mask(picture, mask)
    if layer is not None:
        picture = draw_layer(picture, layer)
    handles, targets = _sets(handles), _sets(targets)
    marks = _Marks(size_of(picture), scale)
    for set_from, set_to in zip(handles, targets, strict=True):
        marks.arrow(_middle(set_from), _middle(set_to))
    for points in targets:
        marks.ring(points[0], TARGET) if len(points) == 1 else marks.dots(points, TARGET)
    for points in handles:
        marks.disc(points[0], HANDLE) if len(points) == 1 else marks.dots(points, HANDLE)
    return marks.over(picture)


def draw_paths(picture: Tensor, paths: Tensor, targets: Tensor) -> Tensor:
    """A picture (3, H, W) with the way (K + 1, J, 2) of each handle, from a disc to a dot, and rings at targets (J, 2)."""
    scale = enlargement(size_of(picture))
    picture = enlarge(picture, scale)
    marks = _Marks(size_of(picture), scale)
    for target in targets.float().cpu():
        marks.ring(target, TARGET)
    for path in paths.float().cpu().transpose(0, 1):
        marks.disc(path[0], HANDLE)
        marks.way(path, MASK_EDGE)
    return marks.over(picture)


def draw_layer(picture: Tensor, layer: Tensor) -> Tensor:
    """A picture (3, H, W) with the outline of a layer, (h, w) or (1, h, w) in [0, 1], where half of a pixel is covered."""
    height, width = size_of(picture)
    layer = layer.detach().cpu().float().reshape(1, 1, *layer.shape[-2:])
    inside = functional.interpolate(layer, (height, width), mode="bilinear", align_corners=False)[0].ge(0.5).float()
    return _outlined(picture, inside, LAYER_EDGE)


def draw_mask(picture: Tensor, mask: Tensor) -> Tensor:
    """A picture (3, H, W) with what `mask` leaves out dimmed and the mask's edge outlined.

    The mask, (h, w) or (1, h, w) bool, is enlarged to the picture.
    """
    height, width = size_of(picture)
    mask = mask.detach().cpu().float().reshape(1, 1, *mask.shape[-2:])
    inside = functional.interpolate(mask, (height, width), mode="nearest")[0]
    return _outlined(picture * (0.45 + 0.55 * inside), inside, MASK_EDGE)


def _outlined(picture: Tensor, inside: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """A picture (3, H, W) with the inner rim of a region (1, H, W) in a colour."""
    reach = max(1, round(min(size_of(picture)) / 256))
    inner = -functional.max_pool2d(-inside, 2 * reach + 1, stride=1, padding=reach)
    edge = inside - inner
    return picture * (1 - edge) + torch.tensor(colour, dtype=torch.float32).reshape(3, 1, 1) / 255 * edge


def draw_tracks(frames: Tensor, tracks: PointTracks) -> Tensor:
    """Every frame of (N, 3, H, W) with its point sets, its mask and its layer: (N, 3, H', W'), enlarged until legible."""
    layers = [None] * len(frames) if tracks.layer is None else tracks.layer
    return torch.stack(
        [
            draw_points(frame, tracks.handles[i], tracks.targets[i], tracks.edit_mask[i], layer=layers[i])
            for i, frame in enumerate(frames)
        ]
    )


def draw_before_after(before: Tensor, after: Tensor, tracks: PointTracks) -> Tensor:
    """The sheet that shows an edit: first, middle and last frame with points, with sets and mask, and edited.

    Args:
        before, after: frames (N, 3, H, W) of the unedited and of the edited clip.
        tracks: of the same frames.

    Returns:
        (3, H', W') float32 in [0, 1].
    """
    count, middle = len(before), tracks.handles.shape[2] // 2
    chosen = sorted({0, (count - 1) // 2, count - 1})
    handles, targets = tracks.handles[:, :, middle], tracks.targets[:, :, middle]
    scale = enlargement(size_of(before))
    rows = [
        ("original,\nhandle to\ntarget", [draw_points(before[i], handles[i], targets[i], scale=scale) for i in chosen]),
        (
            "propagated\npoint sets,\nmask",
            [draw_points(before[i], tracks.handles[i], tracks.targets[i], tracks.edit_mask[i], scale) for i in chosen],
        ),
        ("edited", [enlarge(after[i], scale) for i in chosen]),
    ]
    return draw_sheet(rows, [f"frame {i + 1} of {count}" for i in chosen])


def draw_sheet(rows: Sequence[tuple[str, Sequence[Tensor]]], columns: Sequence[str], note: str = "") -> Tensor:
    """A labelled table of pictures.

    Args:
        rows: (label, pictures) from top to bottom; every picture (3, h, w) in [0, 1], all of one size.
        columns: the label above each column.
        note: one line under the table.

    Returns:
        (3, H, W) float32 in [0, 1].
    """
    height, width = rows[0][1][0].shape[-2:]
    text = max(12, round(min(height, width) / 18))
    font = ImageFont.load_default(text)
    gap, top = max(4, text // 2), 2 * text
    left = gap + max(_text_width(font, line) for label, _ in rows for line in label.split("\n")) + gap
    total_width = left + len(columns) * (width + gap)
    total_height = top + len(rows) * (height + gap) + (2 * text if note else 0)
    page = Image.new("RGB", (total_width, total_height), _PAPER)
    pen = ImageDraw.Draw(page)
    for j, label in enumerate(columns):
        pen.text((left + j * (width + gap) + width / 2, top / 2), label, _INK, font, anchor="mm")
    for i, (label, pictures) in enumerate(rows):
        y = top + i * (height + gap)
        pen.multiline_text((left - gap, y + height / 2), label, _INK, font, anchor="rm", align="right")
        for j, picture in enumerate(pictures):
            page.paste(to_pil(picture), (left + j * (width + gap), y))
    if note:
        pen.text((left, total_height - text), note, _GREY, font, anchor="lm")
    return from_pil(page)


def enlargement(size: Size, side: int = LEGIBLE) -> int:
    """How many times a picture of `size` (H, W) px has to be enlarged for its short side to reach about `side` px."""
    return max(1, round(side / min(size)))


def enlarge(picture: Tensor, scale: int) -> Tensor:
    """A picture (3, H, W), `scale` times as large, float32 in [0, 1] on the CPU."""
    picture = picture.detach().float().cpu().clamp(0, 1)
    if scale == 1:
        return picture
    size = picture.shape[-2] * scale, picture.shape[-1] * scale
    return functional.interpolate(picture[None], size, mode="bicubic", align_corners=False)[0].clamp(0, 1)


def to_pil(picture: Tensor) -> Image.Image:
    """(3, H, W) in [0, 1] to a PIL picture."""
    return Image.fromarray(rearrange((picture.detach().float().cpu().clamp(0, 1) * 255).round().byte(), "c h w -> h w c").numpy())


def from_pil(picture: Image.Image) -> Tensor:
    """A PIL picture to (3, H, W) float32 in [0, 1]."""
    return rearrange(torch.from_numpy(np.array(picture.convert("RGB"))), "h w c -> c h w").float() / 255


class _Marks:
    """A transparent sheet of `size` (H, W) px to draw marks on, in coordinates of the picture before enlargement."""

    def __init__(self, size: Size, scale: int):
        self._scale = scale * _ANTIALIAS
        self._unit = _ANTIALIAS * max(1.6, min(size) / 110)  # radius of a small dot
        self._canvas = Image.new("RGBA", (size[1] * _ANTIALIAS, size[0] * _ANTIALIAS), (*RIM, 0))
        self._pen = ImageDraw.Draw(self._canvas)

    def dots(self, points: Tensor, colour: tuple[int, int, int]) -> None:
        """A set (S, 2); the dots shrink until neighbours do not touch."""
        nearest = torch.cdist(points, points).fill_diagonal_(math.inf).amin(1).median() * self._scale
        radius = min(self._unit, max(0.45 * float(nearest), 0.6 * self._unit))
        for share, fill in ((1.0, RIM), (0.75, colour)):
            for x, y in map(self._at, points):
                self._circle(x, y, share * radius, fill)

    def disc(self, point: Tensor, colour: tuple[int, int, int]) -> None:
        x, y = self._at(point)
        for radius, fill in ((2.6, RIM), (2.0, colour)):
            self._circle(x, y, radius * self._unit, fill)

    def ring(self, point: Tensor, colour: tuple[int, int, int]) -> None:
        x, y = self._at(point)
        for radius, fill in ((2.8, RIM), (2.3, colour), (1.35, RIM), (0.75, colour)):
            self._circle(x, y, radius * self._unit, fill)

    def way(self, points: Tensor, colour: tuple[int, int, int]) -> None:
        """A line through (K, 2), a dot at its end."""
        places = [self._at(point) for point in points]
        for width, radius, fill in ((1.6, 1.5, _INK), (0.9, 1.1, colour)):
            if len(places) > 1:
                self._pen.line(places, fill=fill, width=max(1, round(width * self._unit)), joint="curve")
            self._circle(*places[-1], radius * self._unit, fill)

    def arrow(self, start: Tensor, end: Tensor) -> None:
        (x0, y0), (x1, y1) = self._at(start), self._at(end)
        length = math.hypot(x1 - x0, y1 - y0)
        unit = self._unit
        if length < 6 * unit:
            return
        across, along = ((y0 - y1) / length, (x1 - x0) / length), ((x1 - x0) / length, (y1 - y0) / length)
        x1, y1 = x1 - 2.8 * unit * along[0], y1 - 2.8 * unit * along[1]
        for width, fill in ((1.5, RIM), (0.7, _INK)):
            neck = (x1 - 2.2 * unit * along[0], y1 - 2.2 * unit * along[1])
            self._pen.line((x0, y0, *neck), fill=fill, width=max(1, round(width * unit)))
            side = (1.3 + 0.5 * width) * unit
            self._pen.polygon(
                [
                    (x1, y1),
                    (neck[0] + side * across[0], neck[1] + side * across[1]),
                    (neck[0] - side * across[0], neck[1] - side * across[1]),
                ],
                fill=fill,
            )

    def over(self, picture: Tensor) -> Tensor:
        """The marks laid over a picture (3, H, W)."""
        small = torch.from_numpy(np.array(self._canvas.convert("RGBa").reduce(_ANTIALIAS))).permute(2, 0, 1).float() / 255
        return (picture * (1 - small[3:]) + small[:3]).clamp(0, 1)

    def _at(self, point: Tensor) -> tuple[float, float]:
        x, y = point.tolist()
        return (x + 0.5) * self._scale - 0.5, (y + 0.5) * self._scale - 0.5

    def _circle(self, x: float, y: float, radius: float, fill: tuple[int, int, int]) -> None:
        self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _sets(points: Tensor) -> Tensor:
    """(J, 2) or (J, S, 2) to (J, S, 2)."""
    points = points.detach().float().cpu()
    return points[:, None] if points.ndim == 2 else points


def _middle(points: Tensor) -> Tensor:
    """The point (2,) in the middle of a set (S, 2)."""
    return points[len(points) // 2]


def _text_width(font: ImageFont.ImageFont | ImageFont.FreeTypeFont, text: str) -> int:
    return math.ceil(font.getlength(text))
