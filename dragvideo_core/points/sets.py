"""Point sets, how they are carried from frame to frame, and the mask made of squares (Sec. 3.2, Eq. 1 and 2).

All points are float (x, y) in pixels.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from ..types import Size, size_of

REFERENCE = 512  # the paper's picture size: spacings and radii are given at this size and scale with the clip


def square_set(centres: Tensor, side: int, spacing: float) -> Tensor:
    """Points (J, 2) to square sets (J, side * side, 2); the centre is the middle member."""
    steps = (torch.arange(side, dtype=centres.dtype, device=centres.device) - (side - 1) / 2) * spacing
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    return centres[:, None] + offsets


def shifted_inside(sets: Tensor, size: Size) -> Tensor:
    """Sets (J, S, 2) near the border of a picture of `size` (H, W), each moved as a whole until all its points lie inside.

    Ours: the paper does not say. A point outside shows nothing to follow, and would be lost in every frame; moved alone, it
    would fall on its neighbours. A set that is larger than the picture is put in its middle.
    """
    last = _last_pixel(size, sets)
    lowest, highest = sets.amin(1), sets.amax(1)  # (J, 2)
    shift = (-lowest).clamp(min=0) - (highest - last).clamp(min=0)
    middle = (last - lowest - highest) / 2
    return sets + torch.where(highest - lowest > last, middle, shift)[:, None]


def inside(points: Tensor, size: Size) -> Tensor:
    """Which points (..., 2) lie in a picture of `size` (H, W): (...,) bool."""
    x, y = points.unbind(-1)
    return (x >= -0.5) & (x <= size[1] - 0.5) & (y >= -0.5) & (y <= size[0] - 0.5)


def nearest_inside(points: Tensor, size: Size) -> Tensor:
    """The place in a picture of `size` (H, W) that is nearest to each point (..., 2)."""
    return torch.minimum(points.clamp(min=0), _last_pixel(size, points))


def _last_pixel(size: Size, like: Tensor) -> Tensor:
    """The centre of the lower right pixel, (2,)."""
    return torch.stack([like.new_full((), size[1] - 1), like.new_full((), size[0] - 1)])


def carry_background(points: Tensor, is_foreground: Tensor, foreground_after: Tensor) -> Tensor:
    """Eq. 1: a background point moves like its nearest foreground point.

    points (P, 2) in frame i, is_foreground (P,), foreground_after (P, 2): where the foreground points are in frame i + 1
    (rows of background points are not read). Returns all points in frame i + 1, (P, 2). Without any foreground point
    there is no motion to borrow: the points stay where they are.
    """
    if not bool(is_foreground.any()):
        return points
    motion = foreground_after - points
    distance = torch.cdist(points, points).masked_fill(~is_foreground[None, :], float("inf"))
    nearest = distance.argmin(dim=1)
    return torch.where(is_foreground[:, None], foreground_after, points + motion[nearest])


def carry_targets(targets: Tensor, handles: Tensor, handles_after: Tensor) -> Tensor:
    """Eq. 2: a target (..., 2) moves like its handle."""
    return targets + handles_after - handles


def union_of_squares(points: Tensor, radius: float, size: Size) -> Tensor:
    """Mask points (N, Q, 2) to the mask (N, 1, H, W) bool: the union of the squares of half side `radius` around them."""
    height, width = size
    x = torch.arange(width, device=points.device)
    y = torch.arange(height, device=points.device)
    in_x = (x - points[..., 0, None]).abs() <= radius  # (N, Q, W)
    in_y = (y - points[..., 1, None]).abs() <= radius  # (N, Q, H)
    return torch.einsum("nqh,nqw->nhw", in_y.float(), in_x.float()).gt(0)[:, None]


def way(handles: Tensor, targets: Tensor, radius: float) -> Tensor:
    """Points (N, W, 2) from handles to targets (N, J, 2), at most `radius` apart: their squares cover the drags."""
    count = max(2, math.ceil(float((targets - handles).norm(dim=-1).max()) / radius) + 1)
    return torch.cat([handles + share * (targets - handles) for share in torch.linspace(0, 1, count)], 1)


def dragged_regions(handles: Tensor, targets: Tensor, regions: Tensor, radius: float) -> Tensor:
    """What of the foreground regions (N, 1, H, W) lies within 2 * `radius` of a handle (N, J, 2), and where it goes: the same
    shape. A region that is the whole picture says nothing."""
    size, mask = size_of(regions), torch.zeros_like(regions)
    for i, j in itertools.product(range(len(handles)), range(handles.shape[1])):
        if bool(regions[i].all()):
            continue
        part = regions[i : i + 1] & union_of_squares(handles[i : i + 1, j : j + 1], 2 * radius, size)
        dx, dy = (targets[i, j] - handles[i, j]).round().int().tolist()
        mask[i : i + 1] |= part | _shifted(part, dx, dy)
    return mask


def _shifted(mask: Tensor, dx: int, dy: int) -> Tensor:
    """A mask (1, 1, H, W) moved by whole pixels; what leaves the picture is gone."""
    _, _, height, width = mask.shape
    moved = torch.zeros_like(mask)
    if abs(dx) < width and abs(dy) < height:
        moved[..., max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = mask[
            ..., max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
        ]
    return moved
