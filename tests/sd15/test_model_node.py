"""Checkpoint loader, LoRA loader and text encoder in, the whole edit out: as ComfyUI runs it."""

from __future__ import annotations

import pytest
import torch

from ..nodes.executor import Comfy
from ..nodes.graphs import node, up_to, whole_edit
from .conftest import CHECKPOINT

pytestmark = pytest.mark.sd15


def loaded(checkpoint: str = CHECKPOINT) -> dict:
    """From a checkpoint to the pack's model."""
    return {
        "checkpoint": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "text": node("CLIPTextEncode", text="a cat", clip=["checkpoint", 1]),
        "model": node("DragAVideo_Model", model=["checkpoint", 0], vae=["checkpoint", 2], positive=["text", 0]),
    }


def edit(comfy: Comfy, frames: int = 2) -> dict:
    """The whole edit of a drawn clip with this model, in as little work as can be."""
    graph = up_to(whole_edit(comfy, frames), "decode") | loaded()
    graph["tune"]["inputs"] |= {"passes": 1, "batch": 1}
    graph["invert"]["inputs"]["until"] = 2
    graph["drag"]["inputs"]["steps"] = "2"
    return graph


@pytest.fixture(scope="module")
def outcome(comfy: Comfy, models):
    return comfy.run(edit(comfy))


def test_the_whole_edit_runs(outcome):
    assert outcome.status == "success", outcome.error
    frames = outcome.values["decode"][0]
    assert frames.shape == (2, 128, 128, 3) and torch.isfinite(frames).all()
    assert outcome.values["drag"][0].losses.shape == (2, 2)


def test_latents_leave_in_comfyuis_convention(comfy: Comfy, outcome):
    """What DDIM Invert hands on decodes with ComfyUI's own VAE node's call."""
    model, vae = outcome.values["model"][0], outcome.values["checkpoint"][2]
    latent = outcome.values["decode"][2]["samples"]
    with torch.inference_mode():
        raw = vae.encode(outcome.values["clip"][0])
        theirs = vae.decode(latent)
        ours = model.vae.decode(latent * 0.18215)
    torch.testing.assert_close(raw * 0.18215, outcome.values["invert"][0].latents[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(theirs.movedim(-1, 1), ours, rtol=1e-3, atol=1e-3)


def test_latents_of_core_vae_encode_take_the_place_of_the_frames(comfy: Comfy, outcome):
    """DDIM Invert with core's VAE Encode gives what it gives with the frames."""
    graph = edit(comfy)
    graph["encoded"] = node("VAEEncode", pixels=["clip", 0], vae=["checkpoint", 2])
    graph["invert"]["inputs"]["clip_latent"] = ["encoded", 0]
    again = comfy.run(
        {name: graph[name] for name in graph if name not in ("drag", "decode")}
        | {"shown": node("PreviewAny", source=["invert", 0])}
    )
    assert again.status == "success", again.error
    torch.testing.assert_close(again.values["invert"][0].latents, outcome.values["invert"][0].latents, rtol=1e-4, atol=1e-4)


def difference(ours, model, latents, context) -> float:
    """Of the pack's denoiser to a ComfyUI MODEL with its patches loaded, relative, over three timesteps."""
    from comfy import model_management

    with torch.inference_mode():
        model_management.load_models_gpu([model])
        sampling, worst = model.get_model_object("model_sampling"), 0.0
        for timestep in (1, 401, 981):
            sigma = sampling.sigmas[timestep : timestep + 1]
            noisy = latents * (1 + sigma**2).sqrt()
            theirs = (noisy - model.model.apply_model(noisy, sigma, c_crossattn=context)) / sigma
            made = ours.denoiser(latents, timestep, context, return_dict=False)[0]
            worst = max(worst, float((made - theirs).norm() / theirs.norm()))
    return worst


def test_the_tuned_lora_as_a_file_makes_comfyuis_model_the_same(comfy: Comfy, models):
    """Through core's LoraLoader from models/loras, and through its LORA_MODEL socket."""
    graph = {name: held for name, held in edit(comfy, frames=1).items() if name in ("checkpoint", "text", "model", "clip", "tune")}
    graph["tune"]["inputs"] |= {"passes": 3, "rank": 4, "learning_rate": 0.02, "save_as": "clips/drawn"}
    graph["losses"] = node("PreviewAny", source=["tune", 2])
    first = comfy.run(graph)
    assert first.status == "success", first.error
    tuned, lora, losses = first.values["tune"]
    assert len(losses["loss"]) == 3 and len(set(losses["loss"])) == 3
    assert (models / "loras" / "clips" / "drawn.safetensors").is_file()

    loaded_back = comfy.run(
        loaded()
        | {
            "lora": node(
                "LoraLoader",
                lora_name="clips/drawn.safetensors",
                strength_model=1.0,
                strength_clip=1.0,
                model=["checkpoint", 0],
                clip=["checkpoint", 1],
            ),
            "text": node("CLIPTextEncode", text="a cat", clip=["lora", 1]),
            "model": node("DragAVideo_Model", model=["lora", 0], vae=["checkpoint", 2], positive=["text", 0]),
            "shown": node("PreviewAny", source=["model", 0]),
        }
    )
    assert loaded_back.status == "success", loaded_back.error
    patched, plain = loaded_back.values["lora"][0], loaded_back.values["checkpoint"][0]
    latents, context = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1)), tuned.context
    assert difference(tuned, patched, latents, context) < 1e-3
    assert difference(loaded_back.values["model"][0], patched, latents, context) < 1e-3  # the whole way round
    assert difference(tuned, plain, latents, context) > 1e-2, "the LoRA changes nothing: this test proves nothing"
    from comfy import sd

    by_socket, _ = sd.load_lora_for_models(plain, None, lora, 1.0, 0.0)
    assert len(by_socket.patches) == len(lora) // 3
    assert difference(tuned, by_socket, latents, context) < 1e-3
