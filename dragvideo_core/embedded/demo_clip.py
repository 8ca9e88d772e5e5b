"""A drawn clip with a drag that fits it: something to try the whole pipeline on without any file.

Because the world of `drawn_world` is made of numbers, the clip comes with the true edited clip and with the points
that a careful person would click: the handle on the part at the tip, mask points over all that the drag sweeps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..types import UserError, VideoClip
from .drawn_clips import draw_clip, draw_layers
from .drawn_world import KINDS, SIZE, Pose, Scene, random_drag, random_motion, random_scene

FPS = 8.0  # `random_motion` moves the world at this rate
MOST_FRAMES = 64


@dataclass(frozen=True)
class DemoClip:
    """A drawn clip, and what a perfect edit of it would be."""

    clip: VideoClip
    true_edit: VideoClip
    picks: str  # JSON for the pick stage
    scene: Scene
    poses: list[Pose]  # one per frame
    drag: tuple[float, float]  # px, (x, y)

    @property
    def layer(self) -> Tensor:
        """How much of each pixel of `clip` shows the thing: (N, 1, 128, 128) float32 in [0, 1]; the pole is no part of it."""
        return torch.from_numpy(draw_layers(self.scene, self.poses)[0])[:, None]

    @property
    def front(self) -> Tensor | None:
        """The same of the pole in front of it; None without a pole."""
        if all(pose.occluder is None for pose in self.poses):
            return None
        return torch.from_numpy(draw_layers(self.scene, self.poses)[1])[:, None]


def demo_clip(
    kind: str = KINDS[0], seed: int = 0, frames: int = 8, occluded: bool = False, drag: tuple[float, float] | None = None
) -> DemoClip:
    """Draw a 128 x 128 clip of one kind of thing.

    Args:
        kind: one of `drawn_world.KINDS`.
        seed: of colours, proportions, motion and drag.
        frames: how many.
        occluded: let a pole pass in front.
        drag: (x, y) px by which the part at the tip is pulled; one that fits is chosen if there is none.

    Raises:
        UserError: unknown kind, or a number of frames that cannot be drawn.
    """
    if kind not in KINDS:
        raise UserError(f"unknown kind of drawn clip: got {kind!r}. Choose one of {', '.join(KINDS)}.")
    if not 1 <= frames <= MOST_FRAMES:
        raise UserError(f"a drawn clip has 1 to {MOST_FRAMES} frames: got {frames}. Change 'frames'.")
    rng = np.random.default_rng(seed)
    scene = random_scene(kind, rng)
    poses = random_motion(scene, rng, frames, occluded)
    chosen = random_drag(scene, poses, rng)
    pull = chosen if drag is None else np.asarray(drag, dtype=float)
    return DemoClip(
        clip=as_clip(draw_clip(scene, poses)),
        true_edit=as_clip(draw_clip(scene, poses, pull)),
        picks=_picks(poses[0], pull),
        scene=scene,
        poses=poses,
        drag=(float(pull[0]), float(pull[1])),
    )


def _picks(pose: Pose, drag: np.ndarray) -> str:
    """The points to click on a frame: handle on the tip, mask points where the tube and the tip are, were and go."""
    tip, target = pose.tip, pose.tip + drag
    shares = np.array([0.35, 0.7])[:, None]
    beyond = target + 0.5 * drag
    mask_points = [
        *(pose.root + shares * (tip - pose.root)),
        *(pose.root + shares * (target - pose.root)),
        tip,
        (tip + target) / 2,
        target,
        beyond,
    ]
    return json.dumps(
        {
            "version": 1,
            "size": [SIZE, SIZE],
            "frame": 0,
            "pairs": [{"handle": _pixel(tip), "target": _pixel(target)}],
            "mask_points": [_pixel(point) for point in mask_points],
        }
    )


def _pixel(point: np.ndarray) -> list[float]:
    return [round(float(value), 1) for value in np.clip(point, 0, SIZE - 1)]


def as_clip(pictures: np.ndarray) -> VideoClip:
    """Pictures (N, H, W, 3) uint8 to a clip."""
    frames: Tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return VideoClip(frames.contiguous(), torch.arange(len(frames)), FPS)
