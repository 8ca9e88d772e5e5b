"""Baseline: the displacement of November 2026, kept as it was when the layered displacement replaced it.

It knows no layer. At pixel p, a point with target t whose content comes from its handle h moves the frame by

    (t - h) * b(p)^3 / (b(p)^3 + |p - t|^3)

with b the distance to the edit mask's edge (or the picture's): whole at the target, none at the edge. Several points are mixed
by 1 / |p - t|^4. What comes free is not filled: the picture is stretched over it.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dragvideo_core.points.sampling import cell_centres
from dragvideo_core.types import PointTracks

RIGIDITY = 3  # the exponent above


def displaced(frames: Tensor, tracks: PointTracks) -> Tensor:
    """Frames (N, 3, H, W) in [0, 1], each displaced by the points that it shows, bicubic."""
    size = frames.shape[-2:]
    moves = torch.stack(
        [
            _moves(handles[seen], targets[seen], mask[0])
            for handles, targets, seen, mask in zip(tracks.handles, tracks.targets, tracks.visible, tracks.edit_mask, strict=True)
        ]
    )
    places = (cell_centres(size, size) - moves + 0.5) * 2 / torch.tensor([size[1], size[0]]) - 1
    moved = functional.grid_sample(frames, places, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
    return torch.where(tracks.edit_mask, moved, frames)


def _moves(handles: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """(H, W, 2) px from handles, targets (P, 2) px and a mask (H, W) bool."""
    moves = torch.zeros(*mask.shape, 2)
    if len(handles) == 0:
        return moves
    padded = np.pad(mask.numpy().astype(np.uint8), 1)
    distance = torch.from_numpy(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])
    inside = mask.nonzero().flip(1).float()  # (pixels, 2)
    away = torch.cdist(inside, targets.float(), compute_mode="donot_use_mm_for_euclid_dist")  # (pixels, P)
    edge = distance[mask][:, None] ** RIGIDITY
    weight = 1 / (away**4 + 1e-3)
    share = edge / (edge + away**RIGIDITY).clamp(min=1e-6) * weight / weight.sum(1, keepdim=True)
    moves[mask] = share @ (targets - handles)
    return moves
