"""The denoiser's place in ComfyUI's memory."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch

from ..nodes.executor import Comfy
from .conftest import CHECKPOINT

pytestmark = pytest.mark.sd15


def tiny(comfy: Comfy):
    from core.tiny import tiny_model

    types = comfy.module("dragvideo_core.types")
    with torch.inference_mode(False):
        made = tiny_model()
    fields = {
        name: getattr(made, name) for name in ("denoiser", "vae", "context", "empty_context", "alphas_cumprod", "pixels_per_cell")
    }
    return types.DragModel(**fields)


def gradient(model) -> torch.Tensor:
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    output = model.denoiser(latents, 301, model.context, return_dict=False)[0]
    return torch.autograd.grad(output.square().sum(), latents)[0]


def test_weights_that_comfyui_moved_in_inference_mode_can_be_differentiated_again(comfy: Comfy):
    """Another node makes ComfyUI move our denoiser out: its weights become inference tensors."""
    memory, model = comfy.module("nodes.comfy.memory"), tiny(comfy)
    with torch.inference_mode(False):
        memory.load(model)
        before = model.denoiser.conv_in.weight.clone()
    with torch.inference_mode():
        model.denoiser.to(torch.float64).to(torch.float32)
    assert model.denoiser.conv_in.weight.is_inference()
    with torch.inference_mode(False):
        with pytest.raises(RuntimeError, match="[Ii]nference"):
            gradient(model)
        memory.load(model)
        assert gradient(model).abs().sum() > 0
    assert torch.equal(model.denoiser.conv_in.weight, before)


def test_a_denoiser_that_nobody_uses_is_gone_at_once(comfy: Comfy):
    """Without waiting for Python to look for circles, and ComfyUI forgets it too."""
    memory, model = comfy.module("nodes.comfy.memory"), tiny(comfy)
    with torch.inference_mode(False):
        memory.load(model)
    weight = weakref.ref(model.denoiser.conv_in.weight)
    gc.collect()
    gc.disable()
    try:
        del model
        assert weight() is None
    finally:
        gc.enable()


def test_comfyui_knows_the_denoiser_and_a_copy_is_another(comfy: Comfy):
    memory, model = comfy.module("nodes.comfy.memory"), tiny(comfy)
    with torch.inference_mode(False):
        memory.load(model)
        known = getattr(model.denoiser, memory.HANDLE).patcher
        memory.load(model)
        assert getattr(model.denoiser, memory.HANDLE).patcher is known
        assert known in [loaded.model for loaded in comfy.management.current_loaded_models]
        copied = copy.deepcopy(model.denoiser)
    assert getattr(copied, memory.HANDLE).patcher is None


def test_what_a_large_stage_needs_is_said(comfy: Comfy, monkeypatch):
    memory, types = comfy.module("nodes.comfy.memory"), comfy.module("dragvideo_core.types")
    clip = types.VideoClip(torch.zeros(3, 3, 64, 64), torch.arange(3), 8.0)
    monkeypatch.setattr(memory, "WORTH_SAYING", 0)

    def drag():
        """Only its name counts."""

    with torch.inference_mode(False):
        said = memory.make_room(drag, (clip, tiny(comfy)))
        assert "3 frames at a time" in said and "GB" in said
        assert memory.make_room(drag, (clip,)) == ""


@pytest.mark.parametrize("state", ["LOW_VRAM", "NO_VRAM"])
def test_on_a_small_device_the_whole_denoiser_is_there_while_it_works(comfy: Comfy, models, monkeypatch, state):
    """As with --lowvram and --novram (the CPU stands in for the device): another node's MODEL is loaded, then ours, then
    theirs again; ours can be differentiated, and gives what it gave before."""
    from comfy import sd

    memory, management, model = comfy.module("nodes.comfy.memory"), comfy.management, tiny(comfy)
    with torch.inference_mode(False):
        memory.load(model)
        before = gradient(model)
    monkeypatch.setattr(management, "vram_state", getattr(management.VRAMState, state))
    monkeypatch.setattr(management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(management, "get_free_memory", lambda *asked, **more: 10**6)
    with torch.inference_mode():
        theirs, *_ = sd.load_checkpoint_guess_config(str(models / "checkpoints" / CHECKPOINT), output_vae=False, output_clip=False)
        management.load_models_gpu([theirs])
        with torch.inference_mode(False):
            memory.load(model, more_bytes=10**12)
            assert torch.equal(gradient(model), before)
        management.load_models_gpu([theirs])
        theirs.detach()
    with torch.inference_mode(False):
        memory.load(model)
        assert torch.equal(gradient(model), before)
