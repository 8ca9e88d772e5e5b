"""How fast a denoiser works on this machine: what a training step and an iteration of the drag do with a frame, once and timed."""

from __future__ import annotations

import time

import torch

from ..types import DragModel, Size
from .denoiser import features_and_output

TIMESTEP = 500  # any will do: all cost the same
WARM = 0.5  # s: what takes longer is not timed a second time; before, the first call also pays for what only first calls do


def seconds_per_frame(model: DragModel, cells: Size) -> float:
    """One frame of `cells` (h, w) through the denoiser and the gradients back, in seconds."""
    took = _timed(model, cells)
    return took if took > WARM else _timed(model, cells)


def _timed(model: DragModel, cells: Size) -> float:
    latents = torch.zeros(1, 4, *cells, device=model.device, requires_grad=True)
    since = time.perf_counter()
    with torch.enable_grad():
        features, _ = features_and_output(model, latents, TIMESTEP)
        (gradient,) = torch.autograd.grad(features.sum(), latents)
    float(gradient.sum())  # waits for the device
    return time.perf_counter() - since
