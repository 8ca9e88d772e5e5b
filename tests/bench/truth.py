"""Scores of an edit whose true edit is known, so that no model has to be the judge.

Frames are (N, 3, H, W) in [0, 1]; masks (N, 1, H, W) bool; layers (N, 1, H, W) float in [0, 1].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dragvideo_core.embedded import drawn_world
from dragvideo_core.embedded.demo_clip import DemoClip
from dragvideo_core.temporal import metrics
from dragvideo_core.types import PointTracks, VideoClip

REACH = 24  # px that a part is looked for around its target


def distances(true_edit: VideoClip, edited: VideoClip, places: np.ndarray, radius: float, reach: int = REACH) -> Tensor:
    """How far what belongs at places (N, 2) px is from there, (N,) px, by matching against the true edited clip.

    The disc of `radius` px around the place in the true edited frame is looked for in the edited frame, up to `reach` px away: the
    best place by squared error, to a fraction of a pixel by a parabola through its neighbours.
    """
    return torch.stack(
        [
            _displacement(true, made, place, radius, reach)
            for true, made, place in zip(true_edit.frames, edited.frames, places, strict=True)
        ]
    ).norm(dim=-1)


def tip_distances(demo: DemoClip, edited: VideoClip) -> Tensor:
    """How far the dragged part at the tip is from where it should be, (N,) px."""
    places = np.stack([pose.tip for pose in demo.poses]) + demo.drag
    return distances(demo.true_edit, edited, places, demo.scene.head)


def propagation_error(demo: DemoClip, tracks: PointTracks, frame: int = 0) -> float:
    """Median distance in px of the visible propagated points to their true tracks, over frames and points."""
    return tracking_error(partial(drawn_world.track, demo.scene, demo.poses), tracks, frame)


def tracking_error(track: Callable[..., tuple[np.ndarray, np.ndarray]], tracks: PointTracks, frame: int = 0) -> float:
    """The same with the true way of points as `Case.track` gives it."""
    start = tracks.handles[frame].reshape(-1, 2)
    true, visible = track(start.numpy(), frame)
    gap = (tracks.handles.flatten(1, 2) - torch.from_numpy(true).float()).norm(dim=-1)
    seen = torch.from_numpy(visible)
    seen[frame] = False
    return gap[seen].median().item() if bool(seen.any()) else 0.0


def gain_inside(demo: DemoClip, edited: VideoClip, mask: Tensor) -> float:
    """dB by which the edited clip is nearer to the true edit than the unedited one, inside the mask (N, 1, H, W)."""
    true = demo.true_edit.frames
    return metrics.psnr(edited.frames, true, mask) - metrics.psnr(demo.clip.frames, true, mask)


def sharpness(edited: Tensor, true: Tensor, where: Tensor) -> float:
    """Energy of the gradients in some pixels: the edited clip's / the true edit's. 1: as sharp; NaN for no such pixel."""
    wanted = _gradient_energy(true)[where].mean().item()
    return _gradient_energy(edited)[where].mean().item() / wanted if wanted > 0 else math.nan


def freed_ground(layer: Tensor, true_layer: Tensor, front: Tensor | None = None) -> Tensor:
    """Pixels that the layer covers in the clip and no longer in the true edit, and nothing in front does: (N, 1, H, W) bool."""
    return (layer >= 0.5) & bare_ground(true_layer, front)


def bare_ground(layer: Tensor, front: Tensor | None = None) -> Tensor:
    """Pixels that show nothing of the layer nor of what is in front: (N, 1, H, W) bool."""
    return layer < 0.02 if front is None else (layer < 0.02) & (front < 0.02)


def seen_elsewhere(covered: Tensor, ground_at: Callable[[int, int], np.ndarray]) -> Tensor:
    """Where another frame of the clip shows the ground that lies at a pixel: (N, 1, H, W) bool.

    covered: (N, 1, H, W), how much of each pixel shows something else than ground; ground_at(i, j): where the ground of each pixel
    of frame i truly lies in frame j, (H, W, 2) px, NaN where that is not known. All four pixels around that place must show it.
    """
    bare = (covered[:, 0] < 0.02).numpy().astype(np.float32)
    seen = np.zeros(bare.shape, bool)
    for i, j in itertools.permutations(range(len(bare)), 2):
        x, y = np.nan_to_num(ground_at(i, j), nan=-2.0).astype(np.float32).transpose(2, 0, 1)
        there = cv2.remap(bare[j], np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR, borderValue=0)
        seen[i] |= there > 0.999
    return torch.from_numpy(seen)[:, None]


def ghost(edited: Tensor, true: Tensor, original: Tensor, freed: Tensor) -> float:
    """How much of the thing's old look is left in the freed ground: 1 in the unedited clip, 0 in the true edit.

    The factor g of least squares in edited - true = g * (original - true) over all freed pixels. Pixels where the thing looks like
    the ground behind it count for nothing, so what a fill gets wrong there does not disturb it. A thing that shines through by a
    quarter gives a quarter. NaN where nothing came free.
    """
    where = freed.expand_as(true)
    old = (original - true)[where]
    energy = old.square().sum().item()
    return ((edited - true)[where] * old).sum().item() / energy if energy > 1e-6 else math.nan


def ssim(made: Tensor, wanted: Tensor, where: Tensor) -> float:
    """Structural similarity of (N, 3, H, W) in [0, 1], 11 x 11 Gaussian windows, mean over `where` (N, 1, H, W)."""
    coordinate = torch.arange(11) - 5.0
    gauss = torch.exp(-coordinate.square() / (2 * 1.5**2))
    window = (gauss[:, None] * gauss / gauss.sum() ** 2).expand(3, 1, 11, 11)

    def blur(x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, [5] * 4, mode="reflect"), window, groups=3)

    a, b = blur(made), blur(wanted)
    var_a, var_b, both = blur(made**2) - a**2, blur(wanted**2) - b**2, blur(made * wanted) - a * b
    score = ((2 * a * b + 1e-4) * (2 * both + 9e-4)) / ((a**2 + b**2 + 1e-4) * (var_a + var_b + 9e-4))
    return score.mean(1, keepdim=True)[where].mean().item()


def _gradient_energy(frames: Tensor) -> Tensor:
    """Squared differences to the next pixel to the right and below, (N, 1, H, W)."""
    across = functional.pad(frames.diff(dim=-1), (0, 1))
    down = functional.pad(frames.diff(dim=-2), (0, 0, 0, 1))
    return (across.square() + down.square()).mean(1, keepdim=True)


def _displacement(true: Tensor, made: Tensor, target: np.ndarray, radius: float, reach: int) -> Tensor:
    """(dx, dy) px from the part's true place to where the frame `made` (3, H, W) shows it."""
    half = int(np.ceil(radius))
    x, y = (round(float(v)) for v in target)
    margin = reach + half + 1
    true, made = (functional.pad(f[None], [margin] * 4, mode="replicate")[0] for f in (true, made))
    top, left = y + margin - half, x + margin - half
    patch = true[:, top : top + 2 * half + 1, left : left + 2 * half + 1]
    rows = torch.arange(-half, half + 1.0)
    disc = ((rows[:, None] ** 2 + rows**2) <= radius**2).float()
    area = made[:, top - reach : top + reach + 2 * half + 1, left - reach : left + reach + 2 * half + 1]
    places = area.unfold(1, 2 * half + 1, 1).unfold(2, 2 * half + 1, 1)  # (3, 2R + 1, 2R + 1, side, side)
    error = ((places - patch[:, None, None]).square() * disc).sum((0, 3, 4)) / disc.sum()
    best = int(error.argmin())
    i, j = best // error.shape[1], best % error.shape[1]
    return torch.tensor([j - reach + _vertex(error[i], j), i - reach + _vertex(error[:, j], i)], dtype=torch.float32)


def _vertex(values: Tensor, at: int) -> float:
    if not 0 < at < len(values) - 1:
        return 0.0
    left, middle, right = values[at - 1 : at + 2].tolist()
    bend = left - 2 * middle + right
    return 0.0 if bend <= 0 else max(-0.5, min(0.5, 0.5 * (left - right) / bend))
