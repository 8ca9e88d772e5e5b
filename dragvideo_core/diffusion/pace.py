"""How fast a denoiser works on this machine: what a training step and an iteration of the drag do with a frame, once and timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..types import DragModel, Size
from .denoiser import features_and_output, features_without_output

TIMESTEP = 500  # any will do: all cost the same
WARM = 0.5  # s: what takes longer is not timed a second time; before, the first call also pays for what only first calls do
MOST = 4  # frames at a time that are timed: with more a frame hardly takes less


@dataclass(frozen=True)
class Pace:
    """Seconds that a frame takes."""

    output: float  # through all of the denoiser, and the features' gradients back
    features: float  # through what the features need, and their gradients back
    forward: float  # through all of the denoiser, without gradients


def pace(model: DragModel, cells: Size, frames: int) -> Pace:
    """Frames of `cells` (h, w) through the denoiser, so many at a time as a stage takes; one at a time where that is slow."""

    def output(latents: torch.Tensor) -> torch.Tensor:
        return features_and_output(model, latents, TIMESTEP)[0]

    def features(latents: torch.Tensor) -> torch.Tensor:
        return features_without_output(model, latents, TIMESTEP)

    first = _seconds(output, model, cells, 1)
    if first > WARM and model.device.type == "cpu":
        return Pace(first, _seconds(features, model, cells, 1), _seconds(output, model, cells, 1, has_gradients=False))
    count = max(1, min(frames, MOST))
    _seconds(output, model, cells, count)  # the first call with so many also pays for what only first calls do
    return Pace(
        _seconds(output, model, cells, count),
        _seconds(features, model, cells, count),
        _seconds(output, model, cells, count, has_gradients=False),
    )


def _seconds(
    look: Callable[[torch.Tensor], torch.Tensor], model: DragModel, cells: Size, count: int, has_gradients: bool = True
) -> float:
    """Seconds that each of `count` frames takes together with the others."""
    latents = torch.zeros(count, 4, *cells, device=model.device, requires_grad=has_gradients)
    since = time.perf_counter()
    with torch.set_grad_enabled(has_gradients):
        found = look(latents).sum()
        if has_gradients:
            (found,) = torch.autograd.grad(found, latents)
    float(found.sum())  # waits for the device
    return (time.perf_counter() - since) / count
