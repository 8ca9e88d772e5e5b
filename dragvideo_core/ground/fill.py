"""The freed ground: a smooth continuation of what is round it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..types import OnProgress, ignore_progress

RADIUS = 3  # px, of the fast marching fill (Telea 2004)


def fill_freed(frames: Tensor, covered: Tensor, freed: Tensor, on_progress: OnProgress = ignore_progress) -> tuple[Tensor, Tensor]:
    """Frames (N, 3, H, W) with the ground in the place of what is `freed` (N, 1, H, W) bool; and where another frame showed it.

    What is `covered` (N, 1, H, W) bool is no ground and gives no colours. Outside of `freed` the frames stay bit for bit.
    """
    ground = frames.clone()
    for i in range(len(frames)):
        on_progress(i, len(frames), None)
        if not bool(freed[i].any()):
            continue
        rows, columns = (torch.nonzero((covered[i] | freed[i])[0].any(1 - axis)).flatten() for axis in (0, 1))
        box = tuple(slice(max(0, int(at.min()) - 8), int(at.max()) + 9) for at in (rows, columns))
        picture = (frames[i][(slice(None), *box)] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        hole = (covered[i] | freed[i])[0][box].cpu().numpy().astype(np.uint8)
        filled = torch.from_numpy(cv2.inpaint(np.ascontiguousarray(picture), hole, RADIUS, cv2.INPAINT_TELEA))
        part = ground[i][(slice(None), *box)]
        part[:, freed[i, 0][box]] = filled.permute(2, 0, 1)[:, freed[i, 0][box].cpu()].to(frames) / 255
    return ground, torch.zeros_like(freed)
