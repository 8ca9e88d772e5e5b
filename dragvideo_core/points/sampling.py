"""Bilinear lookup of feature maps at points: the only place that converts pixels to feature cells.

Pixel centres are integers, so a picture of W pixels spans [-0.5, W - 0.5], and so does a feature map of w cells over the
same picture: cell j has its centre at pixel (j + 0.5) * W / w - 0.5. In normalised coordinates both are the same number.
"""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from torch import Tensor
from torch.nn import functional

from ..types import Size, size_of


def lookup(features: Tensor, points: Tensor, size: Size) -> Tensor:
    """Features (B, C, h, w) of pictures of `size` (H, W) at points (B, ..., 2) in pixels: (B, ..., C).

    Outside the picture the nearest border value holds. On CUDA the gradient is added up in no fixed order, so it is the same
    from run to run but for rounding; on the CPU it is the same bit for bit.
    """
    grid = _normalised(points.reshape(len(points), 1, -1, 2), size, size_of(features)).to(features.dtype)
    sampled = functional.grid_sample(features, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return rearrange(sampled, "b c 1 p -> b p c").reshape(*points.shape[:-1], features.shape[1])


def taken_from(values: Tensor, cells: Tensor) -> Tensor:
    """Values (N, C, h, w) with the content of each cell taken from another, numbered row by row: cells (N, h * w) int64."""
    _, c, h, _ = values.shape
    taken = rearrange(values, "n c h w -> n c (h w)").gather(2, repeat(cells, "n cell -> n c cell", c=c))
    return rearrange(taken, "n c (h w) -> n c h w", h=h)


def cell_centres(cells: Size, size: Size, device: torch.device | None = None) -> Tensor:
    """Pixel positions (h, w, 2) of the centres of a feature map's cells."""
    (h, w), (height, width) = cells, size
    y = (torch.arange(h, device=device) + 0.5) * height / h - 0.5
    x = (torch.arange(w, device=device) + 0.5) * width / w - 0.5
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def mask_to_cells(mask: Tensor, cells: Size) -> Tensor:
    """A pixel mask (N, 1, H, W) bool to cells (N, 1, h, w) float: 1 where any pixel of the cell is set."""
    return functional.adaptive_max_pool2d(mask.float(), cells)


def _normalised(points: Tensor, size: Size, cells: Size) -> Tensor:
    """Points (..., 2) as `grid_sample` takes them, -1 to 1 from edge to edge, none beyond the centres of the outermost cells.

    So "zeros" pads like "border", whose gradient Apple's devices do not have (torch before 2.13).
    """
    x, y = ((points[..., axis] + 0.5) * (2 / size[1 - axis]) - 1 for axis in (0, 1))
    return torch.stack([x.clamp(1 / cells[1] - 1, 1 - 1 / cells[1]), y.clamp(1 / cells[0] - 1, 1 - 1 / cells[0])], -1)
