"""One denoiser call that gives features for the drag and the output for the chain (Sec. 3.3).

Features are the output of up block 2, the block that DragDiffusion's ablation found best. Gradients go back from there to
the latents; whatever comes after it runs without an autograd graph.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress

import torch
from torch import Tensor

from ..types import DragModel
from .attention import reading

FEATURE_BLOCK = 2


def predict(model: DragModel, latents: Tensor, timestep: int) -> Tensor:
    """The denoiser's output (B, 4, h, w) float32 for latents (B, 4, h, w), without gradients."""
    with torch.no_grad():
        return _call(model, latents, timestep, model.context)


def features_and_output(model: DragModel, latents: Tensor, timestep: int) -> tuple[Tensor, Tensor]:
    """Features (B, C, h, w) of up block 2 that carry gradients to `latents`, and the detached output (B, 4, h, w)."""
    with _captured(model.denoiser, FEATURE_BLOCK) as caught, _graph_ends_after(model.denoiser, FEATURE_BLOCK):
        output = _call(model, latents, timestep, model.context)
    return caught["features"].float(), output.detach()


def features_without_output(model: DragModel, latents: Tensor, timestep: int) -> Tensor:
    """The features (B, C, h, w) of `features_and_output` alone; later blocks are not run."""
    return _features(model, latents, timestep, FEATURE_BLOCK, model.context)


def features_only(model: DragModel, latents: Tensor, timestep: int, block: int) -> Tensor:
    """Features (B, C, h, w) of an up block for the empty prompt, without gradients; later blocks are not run."""
    with torch.no_grad():
        return _features(model, latents, timestep, block, model.empty_context)


class _Enough(Exception):
    """Raised inside the denoiser when the features are there."""


def _features(model: DragModel, latents: Tensor, timestep: int, block: int, context: Tensor) -> Tensor:
    with _captured(model.denoiser, block, stop=True) as caught, suppress(_Enough):
        _call(model, latents, timestep, context)
    return caught["features"].float()


def _call(model: DragModel, latents: Tensor, timestep: int, text: Tensor) -> Tensor:
    context = text.to(model.device, model.dtype).expand(len(latents), -1, -1)
    on_device = torch.full((1,), timestep, device=model.device)  # made there: diffusers would copy a number over, and wait
    with reading(text):
        return model.denoiser(latents.to(model.device, model.dtype), on_device, context, return_dict=False)[0].float()


@contextmanager
def _captured(denoiser: torch.nn.Module, block: int, stop: bool = False):
    caught: dict[str, Tensor] = {}
    thread = threading.get_ident()

    def keep(module, inputs, output):
        if threading.get_ident() != thread:  # another edit's call of the same denoiser
            return
        caught["features"] = output
        if stop:
            raise _Enough

    hook = denoiser.up_blocks[block].register_forward_hook(keep)
    try:
        yield caught
    finally:
        hook.remove()


@contextmanager
def _graph_ends_after(denoiser: torch.nn.Module, block: int):
    thread = threading.get_ident()

    def detach(module, args, kwargs):
        if threading.get_ident() != thread:
            return None
        return _detached(args), _detached(kwargs)

    hook = denoiser.up_blocks[block + 1].register_forward_pre_hook(detach, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _detached(value):
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, (tuple, list)):
        return type(value)(_detached(item) for item in value)
    if isinstance(value, dict):
        return {key: _detached(item) for key, item in value.items()}
    return value
