"""Video-level motion supervision (Sec. 3.3, Eq. 3, 4, 5 and footnote 2).

The features of a handle are averaged over all frames; that mean, kept as a moving average over the iterations, is the
template which the features one step ahead of the handle are drawn to, in every frame alike. No gradient passes the
template, so frames are independent of each other and may be worked through in chunks of any size.

Our readings: the moving average is FreeDrag's, with its scale l taken as the distance at the first iteration; the patch
around each point of the set is 3 x 3 cells of the grid at half the picture's resolution; the mean runs over frames in
which the point is visible, and invisible points are not supervised.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

GRID = 2.0  # pixels per cell of the grid that moves and steps are counted in: half the picture's resolution


def patch_offsets(radius: int, device: torch.device | None = None) -> Tensor:
    """Offsets (D, 2) in pixels of the (2 radius + 1)^2 grid cells around a point."""
    steps = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32) * GRID
    return torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)


def directions(handles: Tensor, targets: Tensor) -> Tensor:
    """d of Eq. 4 and 6: unit vectors (..., 2) from handles to targets; zero where the target is reached."""
    gap = targets - handles
    return gap / gap.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def sum_over_frames(features: Tensor, visible: Tensor) -> Tensor:
    """The share of a chunk of frames in Eq. 3's sum: features (N, J, S, D, C), visible (N, J, S) bool to (J, S, D, C).

    So nothing that grows with the clip has to be kept.
    """
    return (features * visible[..., None, None].to(features.dtype)).sum(0)


def mean_of_sum(total: Tensor, visible: Tensor) -> Tensor:
    """Eq. 3, the mean over the frames that see the point, from the sum (J, S, D, C) over all frames; visible (N, J, S) of all."""
    return total / visible.sum(0).clamp(min=1)[..., None, None]


def drag_loss(features: Tensor, template: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Eq. 4: how far the features one step ahead (N, J, S, D, C) are from the template (J, S, D, C), by L1.

    weight (N, J, S) is 0 for points that are hidden or have arrived. Returns the loss (scalar: mean over channels, sum
    over patches, points and frames) and the distances (J, S): weighted mean over frames and patch, detached.
    """
    gap = (features - template.detach()).abs().mean(-1)  # (N, J, S, D)
    loss = (gap * weight[..., None]).sum()
    return loss, (gap.detach().mean(-1) * weight).sum(0)


def mask_loss(x_t: Tensor, z_t: Tensor, cell_mask: Tensor) -> Tensor:
    """Eq. 5: L1 change (summed) of the denoiser's input (N, 4, h, w) outside the mask (N, 1, h, w)."""
    return ((x_t - z_t) * (1 - cell_mask)).abs().sum()


def average_share(distance: Tensor, first_distance: Tensor) -> Tensor:
    """FreeDrag's weight of the newest features in the moving average, (J, S) from distances (J, S).

    0.5 where the distance has come down to a fifth of the first, 0.1 at four fifths: what has not been drawn near enough
    yet must not become the template.
    """
    scale = first_distance.clamp(min=1e-12)
    return torch.sigmoid(-math.log(9.0) / 0.6 * (distance / scale - 0.2))


def moving_average(template: Tensor, newest: Tensor, share: Tensor) -> Tensor:
    """Footnote 2: templates (J, S, D, C) moved towards the newest mean by the share (J, S)."""
    return torch.lerp(template, newest, share[..., None, None])
