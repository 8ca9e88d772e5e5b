"""Teaches the denoiser what painting asks of it: the ground in a hole, over the pack's own fill.

A hole is where the thing of a drawing would be in another pose, and where ground shows in this one: freed ground looks like that.
The fill is the one for a single frame, since what other frames show is never painted. Photographs get the same holes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..ground.fill import fill_freed
from .drawn_clips import draw_layers
from .drawn_world import Pose, Scene, random_drag

THERE, RIM = 0.02, 2  # share of a pixel and px: what a thing's colours are mixed into, as where it is displaced
FIRST = 581  # timestep of step 30 of 50: the highest that painting is to start from
INVERTED = (0.2, 1.0)  # standard deviation of the noise that inversion gives known cells: 0.2 to 0.5 on drawings, 1 at most

Predict = Callable[[Tensor, Tensor, Tensor], Tensor]  # noisy latents (B, 4, h, w), timesteps (B,), context (B, L, D) to noise


def freed_by_drag(scene: Scene, pose: Pose, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The ground that a drag to this pose frees, and where no ground is to be seen: twice (128, 128) bool."""
    before = replace(pose, tip=pose.tip + random_drag(scene, [pose], rng))
    things, poles = draw_layers(scene, [before, pose])
    hidden = _widened(np.maximum(things[1], poles[1]))
    return _widened(things[0]) & ~hidden, hidden


def filled(picture: np.ndarray, hole: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) uint8 with the hole (H, W) bool made up of its ground, which is not seen where it is `hidden`."""
    made = picture.copy()
    made[hole] = np.rint(255 * fill_freed([picture], hidden[None], hole[None])[0][0])
    return made


def filling_loss(predict: Predict, clean: Tensor, fill: Tensor, hole: Tensor, context: Tensor, alphas: Tensor) -> Tensor:
    """Mean squared error of the clean latents in the hole, as the model predicts them from the fill and what is around it.

    clean, fill: latents (B, 4, h, w) of pictures and of the same filled; hole (B, 1, h, w) bool; alphas (1000,). As in painting,
    known cells have the weaker noise of an inversion, and cells of the hole plain noise on the fill, or, in every second
    picture, what the model itself has made of that at a higher level.
    """
    level, lower = torch.randint(1, FIRST + 1, (2, len(clean)), device=clean.device).sort(0, descending=True).values
    scale = torch.empty(len(clean), 1, 1, 1, device=clean.device).uniform_(*INVERTED)
    start, noise = torch.where(hole, fill, clean), torch.randn_like(clean)
    noise = torch.where(hole, noise, scale * noise)

    def predicted(part: slice) -> tuple[Tensor, Tensor]:
        """The clean latents and the noise that the model sees."""
        signal, sigma = (share[level[part], None, None, None].sqrt() for share in (alphas, 1 - alphas))
        noisy = signal * start[part] + sigma * noise[part]
        output = predict(noisy, level[part], context[part])
        return (noisy - sigma * output) / signal, output

    second = slice(0, len(clean), 2)
    with torch.no_grad():
        for values, made in zip((start, noise), predicted(second), strict=True):
            values[second] = torch.where(hole[second], made, values[second])
    level[second] = lower[second]
    error = functional.mse_loss(predicted(slice(None))[0], clean, reduction="none").mean(1, keepdim=True)
    return (error * hole).sum() / hole.sum().clamp(min=1)


def _widened(layer: np.ndarray) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    return cv2.dilate((layer > THERE).astype(np.uint8), kernel) > 0
