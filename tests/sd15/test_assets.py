"""Real data, where it lies beside the repository: a codec of Stable Diffusion 1's latents, text embeddings, LoRA files and
filmed clips with masks and true tracks."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from host.comfyui import ROOT
from PIL import Image
from safetensors.torch import load_file, save_file

from ..nodes.executor import Comfy
from ..nodes.graphs import node
from .test_model_node import difference, loaded

ASSETS = ROOT.parent / "shared" / "assets"
CLIPS = ["blackswan", "goat", "horsejump-high"]
SIDE, FRAMES = 256, 3
SCALING = 0.18215
pytestmark = [
    pytest.mark.sd15,
    pytest.mark.skipif(not (ASSETS / "README.md").is_file(), reason="no real data beside the repository"),
]


class RealCodec:
    """VAElight in the place of a VAE: the core's `LatentCodec`."""

    scaling_factor = SCALING

    def __init__(self):
        folder = ASSETS / "weights" / "vaelight"
        spec = importlib.util.spec_from_file_location("vaelight_torch", folder / "vaelight_torch.py")
        self.code = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.code)
        self.weights = self.code.load(str(folder / "vaelight_sd1.safetensors"))

    def encode(self, frames):
        return self.code.encode(frames * 2 - 1, self.weights) * SCALING

    def decode(self, latents):
        return (self.code.decode(latents / SCALING, self.weights) / 2 + 0.5).clamp(0, 1)


def filmed(clip: str) -> torch.Tensor:
    """The middle of the first frames as an IMAGE batch, made smaller."""
    pictures = []
    for path in sorted((ASSETS / "clips" / "davis_tap" / clip / "frames").glob("*.jpg"))[:FRAMES]:
        picture = Image.open(path)
        left = (picture.width - picture.height) // 2
        picture = picture.crop((left, 0, left + picture.height, picture.height)).resize((SIDE, SIDE), Image.LANCZOS)
        pictures.append(torch.from_numpy(np.asarray(picture, np.float32) / 255))
    return torch.stack(pictures)


def true_tracks(clip: str) -> dict[str, torch.Tensor]:
    """Its true tracks as TRACKS, in pixels of `filmed`."""
    held = np.load(ASSETS / "clips" / "davis_tap" / clip / "tracks.npz")
    places = torch.from_numpy(held["points"][:, :FRAMES].astype(np.float32)).transpose(0, 1)  # (F, P, 2)
    places = (places - torch.tensor([(854 - 480) / 2, 0])) * SIDE / 480 - 0.5
    return {"track_path": places, "track_visibility": torch.from_numpy(~held["occluded"][:, :FRAMES]).T}


def real_model(comfy: Comfy, subject: str = "cat"):
    """The core's model: real codec, real text, a small denoiser of random weights."""
    from core.tiny import tiny_model

    types = comfy.module("dragvideo_core.types")
    text = torch.load(ASSETS / "weights" / "sd1-text-embeds" / f"{subject}.pt", map_location="cpu", weights_only=True)
    return types.DragModel(
        denoiser=tiny_model(width=text.shape[-1]).denoiser,
        vae=RealCodec(),
        context=text.float(),
        empty_context=text.float(),
        alphas_cumprod=tiny_model().alphas_cumprod,
    )


@pytest.mark.parametrize("clip", CLIPS)
def test_a_filmed_clip_survives_inversion_and_decoding_as_far_as_the_codec_lets_it(comfy: Comfy, clip: str):
    """With offsets next to nothing the stages add nothing to what the codec itself loses."""
    stages = {name: comfy.module(f"dragvideo_core.stages.{name}") for name in ("invert", "decode", "follow")}
    types, given = comfy.module("dragvideo_core.types"), comfy.module("dragvideo_core.exchange.tracks")
    psnr = comfy.module("dragvideo_core.temporal.metrics").psnr
    with torch.inference_mode(False), torch.no_grad():
        model, video = real_model(comfy), comfy.module("nodes.comfy.values").to_clip(filmed(clip))
        tracks = given.read_tracks(true_tracks(clip))
        start = tracks.places[0, tracks.visible.all(0)][:1]
        picks = types.PointPicks(start, start + 8, torch.zeros(0, 2), 0, video.size)
        everything = torch.ones(len(video), 1, *video.size, dtype=torch.bool)
        followed = stages["follow"].follow(video, picks, tracks, everything)
        inversion = stages["invert"].invert(video, model, stages["invert"].InvertSettings(until=5))
        nothing = types.DragResult(
            {5: torch.full_like(inversion.latents[5], 1e-6)}, followed.handles[None], torch.zeros(0, 2), torch.zeros(1).bool()
        )
        edited, latents = stages["decode"].decode(video, inversion, nothing, followed, model)
        everywhere = torch.ones_like(followed.edit_mask)
        alone = psnr(model.vae.decode(model.vae.encode(video.frames)), video.frames, everywhere)
        through = psnr(edited.frames, video.frames, everywhere)
    print(f"{clip}: {alone:.2f} dB by the codec alone, {through:.2f} dB through our stages")
    assert alone > 18 and abs(through - alone) < 0.1
    torch.testing.assert_close(latents, inversion.latents[0], rtol=1e-3, atol=1e-3)


def test_real_text_embeddings_are_taken_as_conditioning(comfy: Comfy):
    conversion = comfy.module("nodes.comfy.sd_model")
    for path in sorted((ASSETS / "weights" / "sd1-text-embeds").glob("*.pt")):
        text = torch.load(path, map_location="cpu", weights_only=True)
        context = conversion._context([[text, {}]], 768)
        assert context.shape == (1, 77, 768) and context.dtype == torch.float32 and torch.equal(context, text.float())


def in_common_names(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a LoRA of the older format that fit the small checkpoint, under the names that core reads.

    It numbers the layers: nine for each transformer of the denoiser, down blocks first, then up blocks, then the middle.
    """
    layers = [f"attn1_to_{n}" for n in ("q", "k", "v", "out_0")] + ["ff_net_0_proj"]
    layers += [f"attn2_to_{n}" for n in ("q", "k", "v", "out_0")]
    fitting = {0: "input_blocks_1_1", 12: "output_blocks_6_1", 13: "output_blocks_7_1"}  # 320 wide in both
    held, renamed = load_file(str(path)), {}
    for key, weight in held.items():
        found = re.fullmatch(r"unet:(\d+):(up|down)", key)
        if found and int(found[1]) // 9 in fitting:
            place = f"lora_unet_{fitting[int(found[1]) // 9]}_transformer_blocks_0_{layers[int(found[1]) % 9]}"
            renamed[f"{place}.lora_{found[2]}.weight"] = weight.contiguous()
    return renamed


@pytest.mark.parametrize("name", ["analog_svd_rank4", "lora_disney"])
def test_a_real_lora_through_core_reaches_our_denoiser(comfy: Comfy, models: Path, name: str):
    """Core reads nothing of the older format (it says so in its log); in the common one our copy has it as core has it."""
    path = ASSETS / "weights" / "sd1-lora" / f"{name}.safetensors"
    save_file(load_file(str(path)), str(models / "loras" / f"old_{name}.safetensors"))
    weights = in_common_names(path)
    assert len(weights) == 3 * 9 * 2
    save_file(weights, str(models / "loras" / f"{name}.safetensors"))

    def through(file: str):
        loader = node("LoraLoaderModelOnly", lora_name=file, strength_model=1.0, model=["checkpoint", 0])
        graph = loaded() | {"lora": loader, "shown": node("PreviewAny", source=["model", 0])}
        graph["model"]["inputs"]["model"] = ["lora", 0]
        outcome = comfy.run(graph)
        assert outcome.status == "success", outcome.error
        return outcome.values["checkpoint"][0], outcome.values["lora"][0], outcome.values["model"][0]

    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    plain, patched, ours = through(f"{name}.safetensors")
    assert len(patched.patches) == 27
    assert difference(ours, patched, latents, ours.context) < 1e-3
    apart = difference(ours, plain, latents, ours.context)
    print(f"{name}: changes the denoiser's output by {apart:.2e}, relative")
    assert apart > 2e-3, "the LoRA changes too little: this test proves nothing"
    assert through(f"old_{name}.safetensors")[1].patches == {}


@pytest.mark.parametrize("clip", CLIPS)
def test_true_tracks_of_a_filmed_clip_are_followed(comfy: Comfy, models: Path, clip: str):
    """Picks on a true track go where it goes."""
    types, given = comfy.module("dragvideo_core.types"), comfy.module("dragvideo_core.exchange.tracks")
    with torch.inference_mode(False):
        video, tracks = comfy.module("nodes.comfy.values").to_clip(filmed(clip)), given.read_tracks(true_tracks(clip))
        height, width = video.size
        room = torch.tensor([width, height]) - 17  # a set at the border would be moved inside
        seen = tracks.visible.all(0) & ((tracks.places[0] >= 16) & (tracks.places[0] <= room)).all(-1)
        start = tracks.places[0, seen][:2]
        assert len(start) > 0
        picks = types.PointPicks(start, start + 5, start[:1], 0, video.size)
        followed = comfy.module("dragvideo_core.stages.follow").follow(video, picks, tracks)
    middle = followed.handles.shape[2] // 2
    torch.testing.assert_close(followed.handles[:, :, middle], tracks.places[:, seen][:, :2], atol=1e-3, rtol=0)
    assert math.isfinite(float(followed.targets.sum()))
