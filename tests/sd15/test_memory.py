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


class EvictingVae:
    """A VAE of ComfyUI's kind that finds no room: every call moves all other models out, as ComfyUI does, inside inference mode."""

    latent_channels, downscale_ratio, latent_dim, first_stage_model = 4, 8, 2, True

    def __init__(self, comfy: Comfy, denoiser: torch.nn.Module):
        self.management, self.denoiser, self.calls = comfy.management, denoiser, 0

    def _evict(self) -> None:
        self.calls += 1
        assert torch.is_inference_mode_enabled()
        self.management.free_memory(1e30, self.management.get_torch_device())
        self.denoiser.to(torch.float64).to(torch.float32)  # on this machine both places are the CPU: moved all the same

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        self._evict()
        packed = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1), 8)
        return torch.cat([packed, packed[:, :1]], 1) * 2 - 1

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        self._evict()
        return torch.nn.functional.interpolate(latents[:, :3] / 2 + 0.5, scale_factor=8).clamp(0, 1).movedim(1, -1)


class Format:
    scale_factor = 1.0


@pytest.mark.parametrize("stage", ["propagate", "tune", "invert", "drag", "decode"])
def test_a_vae_that_drives_the_denoiser_out_does_not_drive_it_out_of_the_stage(comfy: Comfy, stage: str):
    """Drag mixed devices and died, the others went on silently on the CPU. Each denoiser call finds ComfyUI's entry of it, and
    weights that can be differentiated; the result is that of a denoiser that nobody moved."""
    import dataclasses

    from core import tiny as tiny_parts

    memory, run, types = (
        comfy.module("nodes.comfy.memory"),
        comfy.module("nodes.comfy.run").run,
        comfy.module("dragvideo_core.types"),
    )
    codec = comfy.module("nodes.comfy.sd_model").ComfyCodec
    core = {name: comfy.module(f"dragvideo_core.stages.{name}") for name in ("propagate", "tune", "invert", "drag", "decode")}

    def ours(value):
        """The same value as the class that ComfyUI's copy of the pack knows."""
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return getattr(types, type(value).__name__)(**fields)

    with torch.inference_mode(False):
        clip = ours(tiny_parts.tiny_clip(2, 128, 128))
        picks, tracks = ours(tiny_parts.tiny_picks((128, 128))), ours(tiny_parts.tiny_tracks(2, (128, 128)))
    results, forwards = {}, []
    for evicts in (False, True):
        with torch.inference_mode(False):
            model = dataclasses.replace(tiny(comfy), pixels_per_cell=8)
            vae = EvictingVae(comfy, model.denoiser)
            if not evicts:
                vae._evict = lambda: None
            model = dataclasses.replace(model, vae=codec(vae, Format))

            def is_there(module, args, model=model) -> None:
                known = getattr(model.denoiser, memory.HANDLE).patcher
                forwards.append(known in [loaded.model for loaded in comfy.management.current_loaded_models])
                assert not next(model.denoiser.parameters()).is_inference()

            model.denoiser.register_forward_pre_hook(is_there)
        with torch.inference_mode():  # as ComfyUI runs nodes
            invert = core["invert"]
            inversion = run(invert.invert, clip, model, invert.InvertSettings(until=2))
            settings = core["drag"].DragSettings(steps=(2,), iterations=1)
            on_progress = lambda done, total, picture: picture and picture()  # noqa: E731  the preview asks the VAE as well
            if stage == "invert":
                made = inversion.latents
            elif stage == "propagate":
                how = core["propagate"].PropagateSettings(ensemble=1, tracker="dift")
                everything = comfy.module("dragvideo_core.stages.segment").segment()
                made = run(core["propagate"].propagate, clip, picks, everything, model, how).handles
            elif stage == "tune":
                tuned = run(core["tune"].tune, clip, model, core["tune"].TuneSettings(rank=2, passes=1, batch=1))
                made = torch.tensor(tuned.lora_losses)
            else:
                edit = run(core["drag"].drag, inversion, tracks, model, settings, on_progress)
                made = edit.offsets[2]
                if stage == "decode":
                    made = run(core["decode"].decode, clip, inversion, edit, tracks, model)[0].frames
        assert vae.calls > 0 or not evicts
        results[evicts] = made
    assert forwards and all(forwards)
    assert torch.equal(results[True], results[False])
