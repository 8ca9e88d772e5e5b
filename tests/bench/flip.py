"""FLIP (Andersson et al., HPG 2020), the difference that a viewer sees when two pictures are flipped; by NVIDIA's `flip-evaluator`.

The package is not needed: without it the columns stay empty.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

try:
    import flip_evaluator
except ImportError:
    flip_evaluator = None

ROOM = 16  # px around the mask's box: what the metric's filters look at


def available() -> bool:
    """Whether the package flip-evaluator is installed."""
    return flip_evaluator is not None


def inside(edited: Tensor, true: Tensor, mask: Tensor) -> float:
    """Mean FLIP over the mask (N, 1, H, W) of frames (N, 3, H, W) in [0, 1]; worked out in the mask's box. NaN without package."""
    return _mean(edited, true, mask)


def outside(edited: Tensor, original: Tensor, mask: Tensor) -> float:
    """The same outside the mask, against the clip before the edit, with its own pixels inside the mask: 0 where nothing changed."""
    kept = torch.where(mask, original, edited)
    return 0.0 if torch.equal(kept, original) and available() else _mean(kept, original, ~mask)


def _mean(made: Tensor, wanted: Tensor, where: Tensor) -> float:
    if not available():
        return math.nan
    values = []
    for one, other, chosen in zip(made, wanted, where[:, 0], strict=True):
        rows, columns = (chosen.any(k).nonzero().flatten() for k in (1, 0))
        if len(rows):
            part = tuple(slice(max(0, int(line[0]) - ROOM), int(line[-1]) + 1 + ROOM) for line in (rows, columns))
            pictures = (np.ascontiguousarray(f[(slice(None), *part)].permute(1, 2, 0).numpy()) for f in (other, one))
            found, _, _ = flip_evaluator.evaluate(*pictures, "LDR", applyMagma=False, computeMeanError=False)
            values.append(torch.from_numpy(np.asarray(found))[..., 0][chosen[part]])
    return torch.cat(values).mean().item() if values else math.nan
