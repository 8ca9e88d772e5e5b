"""Checkpoint loader, LoRA loader and text encoder in, the whole edit out: as ComfyUI runs it."""

from __future__ import annotations

import pytest
import torch

from ..nodes.executor import Comfy
from ..nodes.graphs import defaults, node, picks
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
    """A whole edit of a drawn clip at 128 x 128."""
    clip = {"video": ["clip", 0], "model": ["model", 0]}
    return loaded() | {
        "clip": defaults(comfy, "DragAVideo_DemoClip", seed=3, frames=frames),
        "pick": node("DragAVideo_Pick", video=["clip", 0], points=picks()),
        "propagate": node(
            "DragAVideo_Propagate", picks=["pick", 0], set_side=1, set_spacing=8.0, mask_radius=64.0, ensemble=1, **clip
        ),
        "tune": node("DragAVideo_Tune", passes=1, rank=2, learning_rate=1e-3, batch=1, **clip),
        "invert": defaults(comfy, "DragAVideo_Invert", until=2, refinements=0, video=["clip", 0], model=["tune", 0]),
        "drag": defaults(
            comfy,
            "DragAVideo_Drag",
            inversion=["invert", 0],
            tracks=["propagate", 0],
            model=["tune", 0],
            steps="2",
            iterations=2,
        ),
        "decode": defaults(
            comfy,
            "DragAVideo_Decode",
            video=["clip", 0],
            inversion=["invert", 0],
            edit=["drag", 0],
            tracks=["propagate", 0],
            model=["tune", 0],
        ),
        "shown": node("PreviewImage", images=["decode", 0]),
    }


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
    graph = {
        name: held
        for name, held in edit(comfy, frames=1).items()
        if name in ("checkpoint", "text", "model", "clip", "tune")
    }
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
