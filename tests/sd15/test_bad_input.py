"""What cannot be used is refused at once, with one clear error."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from host.comfyui import ROOT

from ..nodes.executor import Comfy
from .conftest import CHECKPOINT, INPAINTING

pytestmark = [pytest.mark.sd15, pytest.mark.faults]
OLD_LORAS = sorted((ROOT.parent / "shared" / "assets" / "weights" / "sd1-lora").glob("*.safetensors"))


@pytest.fixture(scope="module")
def parts(comfy: Comfy, models: Path):
    """MODEL, CLIP and VAE of the small checkpoint, and a prompt."""
    from comfy import sd

    with torch.inference_mode():
        model, _, vae, _ = sd.load_checkpoint_guess_config(str(models / "checkpoints" / CHECKPOINT), output_clip=False)
        return model, vae, [[torch.randn(1, 77, 768), {}]]


def like(vae, **changed):
    """The VAE with some of its properties changed."""
    other = copy.copy(vae)
    for name, value in changed.items():
        setattr(other, name, value)
    return other


def unet_of(model, **changed):
    """A MODEL that says so of its denoiser."""
    config = type("SDXL", (), {})()
    config.unet_config = model.model.model_config.unet_config | changed
    return SimpleNamespace(model=SimpleNamespace(model_config=config))


def refused(comfy: Comfy, *inputs) -> str:
    conversion, types = comfy.module("nodes.comfy.sd_model"), comfy.module("dragvideo_core.types")
    with torch.inference_mode(False), pytest.raises(types.UserError) as caught:
        conversion.drag_model(*inputs)
    return str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [{"context_dim": 2048, "transformer_depth": [0, 0, 2, 2, 10, 10]}, {"adm_in_channels": 2816}, {"use_temporal_attention": True}],
    ids=["SDXL", "image-conditioned", "video"],
)
def test_another_family(comfy: Comfy, parts, changed):
    error = refused(comfy, unet_of(parts[0], **changed), *parts[1:])
    assert "SDXL" in error and "Stable Diffusion 1.x or 2.x" in error


def test_a_family_without_a_unet(comfy: Comfy, parts):
    flux = type("Flux", (), {"unet_config": {"image_model": "flux", "in_channels": 16}})()
    error = refused(comfy, SimpleNamespace(model=SimpleNamespace(model_config=flux)), *parts[1:])
    assert "Flux" in error and "Stable Diffusion 1.x or 2.x" in error


def test_an_inpainting_checkpoint(comfy: Comfy, parts, models: Path):
    from comfy import sd

    with torch.inference_mode():
        model, *_ = sd.load_checkpoint_guess_config(str(models / "checkpoints" / INPAINTING), output_vae=False, output_clip=False)
    error = refused(comfy, model, *parts[1:])
    assert "9 in" in error and "inpainting" in error


def test_another_noise_schedule(comfy: Comfy, parts):
    """Core's ModelSamplingDiscrete with LCM."""
    from comfy import model_sampling

    class Lcm(model_sampling.ModelSamplingDiscrete, model_sampling.X0):
        pass

    model = parts[0].clone()
    model.add_object_patch("model_sampling", Lcm(model.model.model_config))
    assert "ModelSampling" in refused(comfy, model, *parts[1:])


@pytest.mark.parametrize(
    "changed, words",
    [({"latent_channels": 16}, "16 channels"), ({"downscale_ratio": 16}, "1/16"), ({"first_stage_model": None}, "none")],
)
def test_another_vae(comfy: Comfy, parts, changed, words):
    model, vae, prompt = parts
    assert words in refused(comfy, model, like(vae, **changed), prompt)


def test_no_vae(comfy: Comfy, parts):
    assert "VAE" in refused(comfy, parts[0], None, parts[2])


@pytest.mark.parametrize(
    "prompt, words",
    [
        ([[torch.zeros(1, 77, 2048), {}]], "2048"),
        ([[torch.zeros(1, 77, 768), {}]] * 2, "2 parts"),
        ([], "0 parts"),
        ([[torch.zeros(2, 77, 768), {}]], "one text"),
        ([[torch.full((1, 77, 768), float("nan")), {}]], "NaN"),
    ],
    ids=["width", "combined", "empty", "batch", "NaN"],
)
def test_another_text(comfy: Comfy, parts, prompt, words):
    assert words in refused(comfy, *parts[:2], prompt)
    assert words in refused(comfy, *parts, prompt)  # as the empty prompt


def test_patches_that_cannot_be_brought_along_are_named(comfy: Comfy, parts):
    model = parts[0].clone()
    model.set_model_attn2_patch(lambda *values: values)
    with torch.inference_mode(False), pytest.warns(UserWarning, match="attn2_patch"):
        comfy.module("nodes.comfy.sd_model").drag_model(model, *parts[1:])


@pytest.mark.parametrize("name", ["../outside", "a\0b", "x" * 300])
def test_names_that_no_lora_file_can_have(comfy: Comfy, models: Path, name):
    types = comfy.module("dragvideo_core.types")
    with pytest.raises(types.UserError, match="save_as"):
        comfy.module("nodes.comfy.folders").lora_store(name)


@pytest.mark.skipif(not OLD_LORAS, reason="no LoRA of the older key format here")
@pytest.mark.parametrize("path", OLD_LORAS, ids=lambda path: path.stem)
def test_a_real_lora_in_the_older_format_is_not_taken_for_ours(path: Path):
    from dragvideo_core.files.lora_file import LoraStore
    from dragvideo_core.types import UserError

    with pytest.raises(UserError, match=path.name):
        LoraStore(file=path).check()
