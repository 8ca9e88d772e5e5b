"""A warm start: the drag begins with each frame's latent moved as the points say, instead of with zero offsets.

The paper pulls the handles step by step over tens of iterations. What they pull is moved there at once here, by a smooth
displacement of the frame; the iterations then only put right what a displacement cannot know: the background that comes
free, the stretched stem, the look of the part. Our addition (FastDrag, NeurIPS 2024, warps latents in the same spirit);
its effect is measured by `make bench-quality`.

At pixel p, a point with target t whose content comes from its handle h moves the frame by

    (t - h) * b(p)^3 / (b(p)^3 + |p - t|^3)

with b the distance to the mask's edge (or the picture's): whole at the target, none at the edge, and without folds for drags
of less than half the handle's distance to the edge behind it. Several points are mixed by 1 / |p - t|^4. The noise of the
latent moves with the picture, by whole cells, so that it stays noise.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from ..diffusion import batches
from ..points.sampling import cell_centres, lookup, mask_to_cells, taken_from
from ..types import DragModel, Inversion, PointTracks, size_of

RIGIDITY = 3  # the exponent above: higher moves more of the part as one piece and bends more sharply at the edge


def displacement(handles: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """How far what belongs at each pixel has to come: (H, W, 2) px from handles, targets (P, 2) px and a mask (H, W) bool."""
    if len(handles) == 0:
        return torch.zeros(*mask.shape, 2)
    padded = np.pad(mask.cpu().numpy().astype(np.uint8), 1)
    distance = torch.from_numpy(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])
    field = torch.zeros(*mask.shape, 2)
    inside = mask.nonzero().flip(1).float()  # (pixels, 2)
    away = torch.cdist(inside, targets.float(), compute_mode="donot_use_mm_for_euclid_dist")  # (pixels, P)
    edge = distance[mask][:, None] ** RIGIDITY
    weight = 1 / (away**4 + 1e-3)
    share = edge / (edge + away**RIGIDITY).clamp(min=1e-6) * weight / weight.sum(1, keepdim=True)
    field[mask] = share @ (targets - handles)
    return field


def displacements(tracks: PointTracks) -> Tensor:
    """`displacement` of every frame by the points that it shows, (N, H, W, 2) px."""
    return torch.stack(
        [
            displacement(handles[seen], targets[seen], mask[0])
            for handles, targets, seen, mask in zip(tracks.handles, tracks.targets, tracks.visible, tracks.edit_mask, strict=True)
        ]
    )


def moved_frames(frames: Tensor, moves: Tensor) -> Tensor:
    """Frames (n, 3, H, W) displaced by moves (n, H, W, 2) px, bicubic, in [0, 1]."""
    size = size_of(frames)
    places = (cell_centres(size, size, frames.device) - moves + 0.5) * 2 / torch.tensor(
        [size[1], size[0]], device=frames.device
    ) - 1
    moved = functional.grid_sample(frames, places, mode="bicubic", padding_mode="border", align_corners=False)
    return moved.clamp(0, 1)


def moved_noise(noise: Tensor, moves: Tensor) -> Tensor:
    """Noise (n, 4, h, w) displaced by moves (n, H, W, 2) px of the picture, every cell from the nearest one."""
    n, _, h, w = noise.shape
    size = moves.shape[1], moves.shape[2]
    centres = cell_centres((h, w), size, noise.device)
    there = centres - lookup(rearrange(moves, "n h w xy -> n xy h w"), centres.expand(n, -1, -1, -1), size)
    cell = torch.tensor([size[1] / w, size[0] / h], device=noise.device)
    column, row = ((there + 0.5) / cell).floor().long().unbind(-1)
    nearest = row.clamp(0, h - 1) * w + column.clamp(0, w - 1)
    return taken_from(noise, rearrange(nearest, "n h w -> n (h w)"))


def moved_latents(
    inversion: Inversion, tracks: PointTracks, model: DragModel, steps: tuple[int, ...], chunks: batches.Chunks
) -> dict[int, Tensor]:
    """The inverted latents at `steps` with the dragged parts at their targets: per step (N, 4, h, w) on the CPU."""
    moves = displacements(tracks)
    clean = inversion.latents[0]
    stirred = mask_to_cells(moves.any(-1)[:, None], size_of(clean)).bool()
    frames = inversion.frames
    lost: Tensor | float = 0.0
    if frames is None:  # only latents are there, and the autoencoder does not give back what it was given
        frames = batches.decode(model, clean, chunks)
        lost = clean - batches.encode(model, frames, chunks)
    new = batches.encode(model, moved_frames(frames, moves), chunks) + lost
    displaced = {}
    for step in steps:
        alpha = model.alphas_cumprod[int(inversion.timesteps[step])].cpu()
        noise = (inversion.latents[step] - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        moved = alpha.sqrt() * new + (1 - alpha).sqrt() * moved_noise(noise, moves)
        displaced[step] = torch.where(stirred, moved, inversion.latents[step])
    return displaced
