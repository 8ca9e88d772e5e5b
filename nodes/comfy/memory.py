"""The denoiser's place in ComfyUI's memory: on the device while a stage works, moved out when another node needs room.

A denoiser is handed to ComfyUI's own management as a model of its own, so that loading it makes room, `--lowvram` and
`--cpu` are heeded, and loading something else may push it out again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import comfy.model_management
import comfy.model_patcher
import torch
from torch import Tensor, nn

from ...dragvideo_core.diffusion.memory import FORWARD, TRAINING, WITH_GRADIENTS, Need, cells_of, need
from ...dragvideo_core.stages.decode import DecodeSettings, held_bytes
from ...dragvideo_core.types import DragModel, Inversion, VideoClip

HANDLE = "_drag_a_video_handle"  # attribute of a denoiser: what ComfyUI knows it by
MARK = "comfy_patched_weights"  # what ComfyUI writes on layers that it has loaded
PER_CELL = {"drag": WITH_GRADIENTS, "tune": TRAINING}  # by the stage's name; else FORWARD
WORTH_SAYING = 1e9  # bytes: what needs less is not written on the node

# The models of the stage that runs in this thread, and the bytes that their work takes beside the weights.
_working: ContextVar[Sequence[tuple[DragModel, int]]] = ContextVar("drag_a_video_working", default=())


def make_room(stage: Callable[..., Any], inputs: tuple) -> str:
    """Load the model that is among a stage's inputs, with room for its frames. Returns what it needs, in a sentence, or "".

    Call it outside inference mode.
    """
    needed = None
    for model in (value for value in inputs if isinstance(value, DragModel)):
        wanted = _need(stage, model, inputs)
        load(model, wanted.held + wanted.frames * wanted.per_frame if wanted else 0)
        needed = _need(stage, model, inputs)  # what is free has changed
    if needed is None or needed.weights + needed.held + needed.frames * needed.per_frame < WORTH_SAYING:
        return ""
    return needed.sentence


@contextmanager
def at_work(stage: Callable[..., Any], inputs: tuple) -> Iterator[None]:
    """Inside, in this thread, `bring_back` loads the model that is among the stage's inputs."""
    needs = [(model, _need(stage, model, inputs)) for model in inputs if isinstance(model, DragModel)]
    token = _working.set([(model, need.frames * need.per_frame if need else 0) for model, need in needs])
    try:
        yield
    finally:
        _working.reset(token)


def bring_back() -> None:
    """Load the model of the stage that runs now again: ComfyUI may have moved it out to make room, for the autoencoder for one.

    Call it outside inference mode.
    """
    for model, more_bytes in _working.get():
        load(model, more_bytes)


def _need(stage: Callable[..., Any], model: DragModel, inputs: tuple) -> Need | None:
    """None where no clip says how large the work is."""
    settings = [value for value in inputs if hasattr(value, "chunk") or hasattr(value, "batch")]
    chosen = next((getattr(value, "chunk", 0) for value in settings), 0)
    for value in inputs:
        if isinstance(value, VideoClip):
            cells = cells_of(model, value.size)
            count = next((value.batch for value in settings if hasattr(value, "batch")), len(value))
            held = sum(held_bytes(model, cells, count, value) for value in settings if isinstance(value, DecodeSettings))
            return need(model, cells, count, chosen, PER_CELL.get(stage.__name__, FORWARD), held)
        if isinstance(value, Inversion):
            cells, count = value.latents.shape[-2:].numel(), value.latents.shape[1]
            return need(model, cells, count, chosen, PER_CELL.get(stage.__name__, FORWARD))
    return None


def load(model: DragModel, more_bytes: int = 0) -> None:
    """Bring the model's denoiser to ComfyUI's device, with `more_bytes` free there for the work, if that can be had.

    Call it outside inference mode. Layers that ComfyUI moved inside it (another node ran) get normal weights again.
    """
    denoiser = model.denoiser
    handle = getattr(denoiser, HANDLE, None)
    if handle is None or handle.patcher is None:
        handle = _Handle(_patcher(denoiser))
        object.__setattr__(denoiser, HANDLE, handle)
    comfy.model_management.load_models_gpu([handle.patcher], memory_required=more_bytes, force_full_load=True)
    _leave_inference_mode(denoiser)


class _Handle:
    """Belongs to one denoiser: a copy of the denoiser gets an empty one."""

    def __init__(self, patcher: comfy.model_patcher.ModelPatcher | None = None):
        self.patcher = patcher

    def __deepcopy__(self, memo) -> _Handle:
        return _Handle()


class _Resident(nn.Module):
    """A denoiser as ComfyUI's `ModelPatcher` wants it: `device` can be set on it.

    It has the denoiser's layers, not the denoiser, which owns it: a circle would keep gigabytes until Python looks for circles.
    """

    def __init__(self, denoiser: nn.Module):
        super().__init__()
        self._modules, self._parameters, self._buffers = denoiser._modules, denoiser._parameters, denoiser._buffers


def _patcher(denoiser: nn.Module) -> comfy.model_patcher.ModelPatcher:
    management = comfy.model_management
    home = management.unet_offload_device()
    for layer in denoiser.to(home).modules():  # a copy of a loaded one bears marks that are not true of it
        layer.__dict__.pop(MARK, None)
    return comfy.model_patcher.ModelPatcher(_Resident(denoiser), management.get_torch_device(), home)


def _leave_inference_mode(module: nn.Module) -> None:
    """Replace weights that were made in inference mode, which autograd refuses, by normal ones of the same value."""
    for layer in module.modules():
        for name, weight in layer.named_parameters(recurse=False):
            if weight.is_inference():
                setattr(layer, name, nn.Parameter(weight.clone(), requires_grad=False))
        for name, buffer in layer.named_buffers(recurse=False):
            if buffer.is_inference():
                setattr(layer, name, buffer.clone())


def compute_device() -> torch.device:
    """Where ComfyUI wants models to run."""
    return comfy.model_management.get_torch_device()


def on_compute_device(model: DragModel) -> DragModel:
    """The model on ComfyUI's device."""
    device = compute_device()
    return dataclasses.replace(
        model,
        denoiser=model.denoiser.to(device),
        vae=model.vae.to(device),
        context=model.context.to(device),
        empty_context=model.empty_context.to(device),
    )


def handed_on(tensor: Tensor) -> Tensor:
    """A tensor where ComfyUI expects what nodes hand on."""
    return tensor.to(comfy.model_management.intermediate_device())
