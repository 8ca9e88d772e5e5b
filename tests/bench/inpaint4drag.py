"""Baseline: the displacement of Inpaint4Drag (Lu and Han, ICCV 2025, arXiv 2507.04582), written from its description.

Its region is elastic material that the user outlines: here the layer inside the edit mask, which is more than its users give it.
Bidirectional warping, frame by frame. Forward: every pixel of the region moves by the mean of the control points' displacements,
weighted by the inverse of its distance to each, and the region's moved contours bound where it lands. Backward: every
pixel inside these takes its displacement from the nearest moved pixels, weighted in the same way, so that no gaps are left, and
is drawn where it comes from the region. Control points are the visible points of the sets and, as a user would place them, pins
that hold the layer where it runs out of the mask. What comes free is filled by Telea's method: no model paints it here. Power, pins
and control points are the best of twelve combinations on the drawn clips of seeds 100 to 104.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from dragvideo_core.types import PointTracks

NEAREST = 4  # moved pixels that a pixel's displacement is interpolated from
PIN_GAP = 8  # px of 128 between the pins along one edge
FILL_RADIUS = 3  # px, of Telea's method
POWER = 2  # of the inverse distances


def displaced(frames: Tensor, tracks: PointTracks) -> Tensor:
    """Frames (N, 3, H, W) in [0, 1] with the region moved. Needs `tracks.layer`; leaves a frame without a visible set as it is."""
    made = [_frame(frame, tracks, i) for i, frame in enumerate(frames)]
    return torch.stack(made)


def _frame(frame: Tensor, tracks: PointTracks, i: int) -> Tensor:
    mask, layer = tracks.edit_mask[i, 0].numpy(), tracks.layer[i, 0].numpy() >= 0.5
    front = np.zeros_like(mask) if tracks.front is None else tracks.front[i, 0].numpy() > 0
    region = layer & mask & ~front
    handles, moves = _controls(tracks, i)
    if not len(handles) or not region.any():
        return frame
    pins = _pins(region, layer & ~mask, PIN_GAP * min(mask.shape) / 128)
    controls, moves = np.concatenate([handles, pins]), np.concatenate([moves, np.zeros_like(pins)])
    backward, target = _bidirectional(region, controls, moves)
    picture = np.ascontiguousarray((frame.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    may_change = mask & ~front
    covered = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & may_change
    freed = covered & ~target
    filled = cv2.inpaint(picture, covered.astype(np.uint8), FILL_RADIUS, cv2.INPAINT_TELEA)
    x, y = backward[..., 0], backward[..., 1]
    moved = cv2.remap(frame.permute(1, 2, 0).numpy(), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    made = np.where(
        (target & may_change)[..., None], moved, np.where(freed[..., None], filled / 255, frame.permute(1, 2, 0).numpy())
    )
    return torch.from_numpy(made.clip(0, 1).astype(np.float32)).permute(2, 0, 1).contiguous()


def _controls(tracks: PointTracks, i: int) -> tuple[np.ndarray, np.ndarray]:
    """The points that frame i shows, (P, 2) px, and how far each has to go."""
    seen = tracks.visible[i]
    handles, targets = tracks.handles[i][seen], tracks.targets[i][seen]
    return handles.double().numpy(), (targets - handles).double().numpy()


def _pins(region: np.ndarray, beyond: np.ndarray, gap: float) -> np.ndarray:
    """Pixels (P, 2) of the region (H, W) that touch the layer beyond the mask, about `gap` px apart."""
    touched = region & cv2.dilate(beyond.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    left, pins = np.argwhere(touched)[:, ::-1].astype(np.float64), []
    while len(left):
        pins.append(left[0])
        left = left[np.linalg.norm(left - left[0], axis=1) >= gap]
    return np.array(pins).reshape(-1, 2)


def _bidirectional(region: np.ndarray, controls: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel comes from, (H, W, 2) float32 px, and which pixels the moved region covers, (H, W) bool."""
    pixels = np.argwhere(region)[:, ::-1].astype(np.float64)
    carried = _mean(np.linalg.norm(pixels[:, None] - controls, axis=-1), moves[None])
    displacement = np.zeros((*region.shape, 2))
    displacement[region] = carried
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    landed = np.zeros(region.shape, np.uint8)
    moved_outlines = [
        np.round((outline[:, 0] + displacement[outline[:, 0, 1], outline[:, 0, 0]]) * 16).astype(np.int32) for outline in outlines
    ]
    cv2.fillPoly(landed, moved_outlines, 1, shift=4)
    target = landed.astype(bool)
    places = np.argwhere(target)[:, ::-1].astype(np.float64)
    backward = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in region.shape[::-1])), -1)
    if len(places):
        nearest = min(NEAREST, len(pixels))
        distance, index = cKDTree(pixels + carried).query(places, k=range(1, nearest + 1))
        source = places - _mean(distance, carried[index])
        column, row = (np.round(source[:, k]).astype(int) for k in (0, 1))
        inside = (column >= 0) & (row >= 0) & (column < region.shape[1]) & (row < region.shape[0])
        inside[inside] = region[row[inside], column[inside]]
        backward[target] = source.astype(np.float32)
        target[target] = inside
    return backward, target


def _mean(distances: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (.., P, 2) weighted by the inverse of distances (.., P)."""
    weight = 1 / (distances**POWER + 1e-6)
    return (weight[..., None] * values).sum(-2) / weight.sum(-1, keepdims=True)
