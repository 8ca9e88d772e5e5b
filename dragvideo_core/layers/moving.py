"""What moves with the dragged handles and unlike the ground: where a film shows this, it finds a thing of many colours.

The ground's motion is an affine map that most of the picture agrees on. What departs from it about as far as the handles do, and
hangs together with them, is the thing and a rim of ground, as optical flow carries plain ground along. GrabCut takes that rim off:
the ground's colours are known from where nothing departs. Our addition; chosen on drawn clips and on DAVIS's masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..points.flow import optical_flow
from .grabcut import cut
from .pixels import Picture, Region, box_of, grown, opencv, resized, solid, touching

STEPS = (-16, -8, -4, -2, -1, 1, 2, 4, 8, 16)  # frames before and after the picture that it is compared with, slow and fast
WORKING = 256  # px, short side of the pictures that flow is measured on, at most; the sizes below are px of these
SMALLEST = 12  # px, side of a picture that flow can be measured on
GRID = 6  # px between the places that the ground's motion is fitted to
FEWEST = 16  # such places
AGREES = 1.0  # px: a place follows the ground's motion
MOSTLY = 0.3  # of the places follow it, or it is none: there is a cut in between, or all moves
LEAST, MOST = 1.5, 12.0  # px that the handles depart from the ground; flow loses what departs further
PART, STILL = 0.4, 0.7  # of the handles' departure, and px: what departs by more than both moves with them
HANDLE = 1.5  # % of the short side: the handles' motion is their median in this radius
CERTAIN = 1.0  # % of the same: within this radius the thing is certain, and so far from all that moves the ground is
MARGIN = 0.3  # of the longer side of the edit mask's box, around it: in there the rim is taken off
ROUNDS = 3  # of GrabCut


def moving_region(picture: Picture, others: Sequence[Picture], handles: np.ndarray, edit_mask: Region) -> Region | None:
    """The thing (H, W), None where the film does not show that the handles move unlike the ground.

    others: frames of the same film at `STEPS` from the picture, those that there are; handles (J, 2) px; edit_mask (H, W).
    """
    short = min(edit_mask.shape) / 100
    away = _gaps(handles, edit_mask.shape)
    votes = _votes(picture, others, away <= max(1.5, HANDLE * short))
    if votes is None:
        return None
    start = away <= max(1.0, CERTAIN * short)
    region = solid(touching((votes > 0.5) | start, start))
    box = box_of(edit_mask, MARGIN)
    ground = ~grown(region, CERTAIN * short)[box]
    region[box] = cut(np.ascontiguousarray(picture[box]), start[box], ground, region[box], ROUNDS) >= 0.5
    return solid(touching(region | start, start))


def _gaps(handles: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Of each pixel from the nearest handle, (H, W) px."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.min([np.hypot(columns - x, rows - y) for x, y in handles], 0)


def _votes(picture: Picture, others: Sequence[Picture], near: Region) -> np.ndarray | None:
    """The share of the other pictures in which a pixel moves with the handles, (H, W); None where none of them can tell.

    near: (H, W), the pixels at the handles.
    """
    scale = min(1.0, WORKING / min(near.shape))
    small = max(SMALLEST, round(near.shape[0] * scale)), max(SMALLEST, round(near.shape[1] * scale))
    first, at_handles = _frame(picture, small), resized(near, small)
    votes = []
    for other in others:
        departing = _departing(optical_flow(first, _frame(other, small)).numpy()) if at_handles.any() else None
        if departing is not None and LEAST <= (far := float(np.median(departing[at_handles]))) <= MOST:
            votes.append((departing > max(STILL, PART * far)).astype(np.float32))
    return resized(np.mean(votes, 0), near.shape) if votes else None


def _departing(flow: np.ndarray) -> np.ndarray | None:
    """How far each pixel's motion (2, h, w) px is from the ground's: (h, w); None where the picture has no motion in common."""
    cv2 = opencv()
    x, y = (values.astype(np.float32) for values in np.meshgrid(*(np.arange(side) for side in flow.shape[:0:-1])))
    places = np.stack([x, y], -1)[GRID // 2 :: GRID, GRID // 2 :: GRID].reshape(-1, 2)
    if len(places) < FEWEST:
        return None
    ends = places + flow[:, GRID // 2 :: GRID, GRID // 2 :: GRID].reshape(2, -1).T
    cv2.setRNGSeed(0)  # the same film gives the same layer
    ground, follows = cv2.estimateAffine2D(places, ends, ransacReprojThreshold=AGREES)
    if ground is None or follows.mean() < MOSTLY:
        return None
    (a, b, c), (d, e, f) = ground
    return np.hypot(a * x + b * y + c - x - flow[0], d * x + e * y + f - y - flow[1])


def _frame(picture: Picture, size: tuple[int, int]) -> Tensor:
    """A picture as a frame (3, h, w) in [0, 1] of this size."""
    return torch.from_numpy(resized(picture, size).astype(np.float32) / 255).permute(2, 0, 1)
