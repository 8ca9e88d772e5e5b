"""What moves with the dragged handles and unlike the ground: where a film shows this, it finds a thing of many colours.

The ground's motion is an affine map that most of the picture agrees on. What departs from it by more than a small part of the
handles' departure, and hangs together with them, is the thing and a rim of ground, as optical flow carries plain ground along.
GrabCut takes that rim off: the ground's colours are known from where nothing departs, and what has them in the rim is taken for
ground to begin with. Our addition; chosen on drawn clips and on DAVIS's masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..points.flow import optical_flow
from .colours import blurred_lab, distance, main_colours
from .grabcut import cut
from .pixels import Picture, Region, box_of, grown, opencv, resized, shrunk, solid, touching

STEPS = (-16, -8, -4, -2, -1, 1, 2, 4, 8, 16)  # frames before and after the picture that it is compared with, slow and fast
WORKING = 256  # px, short side of the pictures that flow is measured on, at most; the sizes below are px of these
SMALLEST = 12  # px, side of a picture that flow can be measured on
GRID = 6  # px between the places that the ground's motion is fitted to
FEWEST = 16  # such places
AGREES = 1.0  # px: a place follows the ground's motion
MOSTLY = 0.3  # of the places follow it, or it is none: there is a cut in between, or all moves
LEAST, MOST = 1.5, 12.0  # px that the handles depart from the ground; flow loses what departs further
PART, STILL = 0.15, 0.7  # of the handles' departure, and px: what departs by more than both moves with them
JOINT = 2.0  # % of the short side: what moves hangs together across twice this: a neck between a head and a body that part
HANDLE = 1.5  # % of the short side: the handles' motion is their median in this radius
CERTAIN = 1.0  # % of the same: within this radius the thing is certain, and so far from all that moves the ground is
MARGIN = 0.3  # of the longer side of the edit mask's box, around it: in there the rim is taken off
ROUNDS = 3  # of GrabCut
COLOURS, LITTLE = 8, 0.03  # of the ground, and the share of it that each fills, or it is no ground's
ALIKE = 5.0  # CIE Lab: what is as near to one of them is taken for ground at first; what is not is not certain to be ground


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
    gap = JOINT * short
    moves = shrunk(grown((votes > 0.5) | start, gap), gap) | start
    region = solid(touching(moves, start))
    box = box_of(edit_mask, MARGIN)
    ground, part = ~grown(region, CERTAIN * short)[box], np.ascontiguousarray(picture[box])
    is_plain = _looks_like(part, ground)
    region[box] = cut(part, start[box], ground & is_plain, region[box] & ~is_plain, ROUNDS) >= 0.5
    return solid(touching(region | start, start))


def _looks_like(picture: Picture, region: Region) -> Region:
    """The pixels (H, W) whose colour is one of the region's main ones, which fill more than a little of it."""
    if not region.any():
        return np.zeros_like(region)
    smooth = blurred_lab(picture)
    middles = main_colours(smooth[region], COLOURS)
    nearest = np.linalg.norm(smooth[region][:, None] - middles, axis=-1).argmin(1)
    main = np.bincount(nearest, minlength=len(middles)) > LITTLE * len(nearest)
    return distance(smooth, middles[main]) < ALIKE


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
