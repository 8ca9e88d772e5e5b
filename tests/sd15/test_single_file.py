"""A checkpoint read without ComfyUI is what ComfyUI makes of it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from core.tiny import tiny_clip
from safetensors import safe_open
from safetensors.torch import save_file
from sd15 import checkpoints
from transformers import CLIPTokenizer

from dragvideo_core.diffusion import added_lora, single_file
from dragvideo_core.diffusion.added_lora import Lora
from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.files.fingerprint import fingerprint
from dragvideo_core.job import run_job
from dragvideo_core.job_file import read_job
from dragvideo_core.media.film import open_film
from dragvideo_core.media.video_file import write_video
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to
from dragvideo_core.workers import handover

from ..nodes.executor import Comfy
from .conftest import CHECKPOINT, INPAINTING

pytestmark = pytest.mark.sd15
WORDS = "a wolf turns its head"


@pytest.fixture(scope="module")
def ours(models: Path, comfy: Comfy):
    return single_file.load(models / "checkpoints" / CHECKPOINT, WORDS, tokenizer(comfy), torch.device("cpu"))


def tokenizer(comfy: Comfy) -> Path:
    return Path(comfy.folder_paths.base_path) / "comfy" / "sd1_tokenizer"


@pytest.fixture(scope="module")
def theirs(models: Path, comfy: Comfy):
    import comfy.sd

    model, clip, vae, _ = comfy.sd.load_checkpoint_guess_config(str(models / "checkpoints" / CHECKPOINT), output_clip=True)
    texts = [clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in (WORDS, "")]
    return model, vae, texts


def close(made: torch.Tensor, wanted: torch.Tensor, most: float = 1e-3) -> None:
    assert made.shape == wanted.shape and (made - wanted).norm() <= most * wanted.norm()


def test_the_model_is_comfyuis(ours, theirs, comfy):
    model, vae, texts = theirs
    other = comfy.module("nodes.comfy.sd_model").drag_model(model, vae, *texts, precision="fp32")
    close(ours.context, other.context)
    close(ours.empty_context, other.empty_context)
    close(ours.alphas_cumprod, other.alphas_cumprod, 1e-6)
    assert (ours.prediction, ours.pixels_per_cell) == (other.prediction, other.pixels_per_cell)
    frames, latents = torch.rand(1, 3, 64, 64), torch.randn(1, 4, 8, 8)
    close(predict(ours, latents, 500), predict(other, latents, 500))
    with torch.no_grad():
        close(ours.vae.encode(frames), other.vae.encode(frames), 0.02)  # ComfyUI's may be half as precise
        close(ours.vae.decode(latents), other.vae.decode(latents), 0.02)


def test_comfyuis_autoencoder_goes_to_another_process_as_it_is(theirs, comfy, tmp_path):
    """Handed over as files, and read where ComfyUI is not."""
    model, vae, texts = theirs
    made = comfy.module("nodes.comfy.sd_model").drag_model(model, vae, *texts, precision="fp32")
    handed = comfy.module("nodes.comfy.devices")._portable(made)
    comfy.module("dragvideo_core.workers.handover").write(tmp_path, "decode", {"model": handed})
    there = handover.read(tmp_path, torch.device("cpu"))[1]["model"]
    assert fingerprint(there.denoiser) == fingerprint(made.denoiser)
    frames, latents = torch.rand(1, 3, 64, 64), torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        close(there.vae.encode(frames), made.vae.encode(frames))
        close(there.vae.decode(latents), made.vae.decode(latents))


def test_an_autoencoder_of_other_layers_is_refused_in_words(theirs, comfy):
    model, vae, _ = theirs
    codec = comfy.module("nodes.comfy.sd_model").ComfyCodec(vae, model.model.latent_format)
    other = patch.object(type(vae), "get_sd", lambda self: {"taesd_encoder.0.weight": torch.zeros(1)})
    with other, pytest.raises(ValueError, match="cannot be handed to other devices"):
        codec.portable()


def common_lora(ours, path: Path, **changed) -> Path:
    """A LoRA file in the common names: linear layers, a convolution, and the text encoder; `changed`: other tensors."""
    torch.manual_seed(5)
    shapes = {f"lora_unet_{name.replace('.', '_')}": layer.weight.shape for name, layer in ours.denoiser.named_modules()
              if name.endswith(("to_q", "to_out.0", "proj_in", "conv1"))}  # fmt: skip
    shapes |= {f"lora_te_text_model_encoder_layers_{block}_self_attn_q_proj": (768, 768) for block in range(12)}
    tensors = {}
    for name, (rows, *columns) in shapes.items():
        tensors[f"{name}.lora_up.weight"] = 0.1 * torch.randn(rows, 3, *[1] * (len(columns) - 1))
        tensors[f"{name}.lora_down.weight"] = 0.1 * torch.randn(3, *columns)
        if "to_q" in name or "q_proj" in name:
            tensors[f"{name}.alpha"] = torch.tensor(1.5)
    save_file({name: tensor for name, tensor in (tensors | changed).items() if tensor is not None}, path)
    return path


def test_lora_files_change_the_model_as_comfyuis_loader_does(ours, models, comfy, tmp_path):
    from comfy import sd, utils

    file, checkpoint = common_lora(ours, tmp_path / "lora.safetensors"), models / "checkpoints" / CHECKPOINT
    made = single_file.load(checkpoint, WORDS, tokenizer(comfy), torch.device("cpu"), (Lora(file, 0.5), Lora(file, -0.2)))
    model, clip, vae, _ = sd.load_checkpoint_guess_config(str(checkpoint), output_clip=True)
    model, clip = sd.load_lora_for_models(model, clip, utils.load_torch_file(str(file)), 0.3, 0.3)
    texts = [clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in (WORDS, "")]
    wanted = comfy.module("nodes.comfy.sd_model").drag_model(model, vae, *texts, precision="fp32")
    latents = torch.randn(1, 4, 8, 8)
    close(made.context, wanted.context)
    close(predict(made, latents, 500), predict(wanted, latents, 500))
    for before, now in ((ours.context, made.context), (predict(ours, latents, 500), predict(made, latents, 500))):
        assert (now - before).norm() > 0.02 * before.norm(), "the LoRA changes nothing: this test proves nothing"


LAYER = "lora_unet_mid_block_attentions_0_proj_in"


@pytest.mark.faults
@pytest.mark.parametrize(
    "changed, says",
    [
        ({f"{LAYER}.lora_up.weight": None}, "incomplete"),
        ({f"{LAYER}.lora_up.weight": torch.ones(3, 3)}, "of shapes"),
        ({f"{LAYER}.lora_down.weight": torch.zeros(0, 3)}, "of shapes"),
        ({f"{LAYER}.lora_down.weight": torch.ones(3)}, "incomplete"),
        ({f"{LAYER}.alpha": torch.tensor(float("nan"))}, "not finite"),
        ({f"{LAYER}.alpha": torch.ones(2)}, "incomplete"),
        ({f"{LAYER}.hada_w1_a": torch.ones(2, 2)}, "another kind"),
    ],
    ids=str,
)
def test_a_lora_of_another_kind_is_refused(ours, tmp_path, changed, says):
    file = common_lora(ours, tmp_path / "lora.safetensors", **changed)
    with pytest.raises(UserError, match=says):
        added_lora.add(Lora(file), copy.deepcopy(ours.denoiser), torch.nn.Identity())


@pytest.mark.faults
def test_layers_that_the_model_has_not_are_said(ours, tmp_path):
    save_file({"lora_unet_nowhere.lora_up.weight": torch.ones(1, 1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="no layer"):
        added_lora.add(Lora(tmp_path / "other.safetensors"), ours.denoiser, torch.nn.Identity())
    with pytest.raises(UserError, match="no such file"):
        added_lora.add(Lora(tmp_path / "nowhere.safetensors"), ours.denoiser, torch.nn.Identity())
    file, texts = common_lora(ours, tmp_path / "lora.safetensors"), []
    with warnings_go_to(texts.append):
        added_lora.add(Lora(file), copy.deepcopy(ours.denoiser), torch.nn.Identity())
    assert len(texts) == 1 and "12 layers" in texts[0]  # the text encoder's


def test_a_job_runs_with_a_checkpoint(models, tmp_path):
    write_video(tmp_path / "film.mp4", tiny_clip(2))
    points = {"version": 1, "size": [64, 64], "frame": 0, "pairs": [{"handle": [24, 30], "target": [30, 26]}]}
    data = {
        "drag_a_video_job": 1,
        "film": "film.mp4",
        "output": "out.mp4",
        "points": points,
        "model": {"kind": "checkpoint", "file": str(models / "checkpoints" / CHECKPOINT)},
        "settings": {
            "load": {"width": 64, "height": 64, "select_every_nth": 1},
            "displace": None,
            "tune": {"passes": 0},
            "invert": {"until": 2},
            "drag": {"steps": [2], "iterations": 1, "turns": 1},
            "evaluate": {"ensemble": 1},
        },
    }
    (tmp_path / "job.json").write_text(json.dumps(data))
    report = run_job(read_job(tmp_path / "job.json"))
    assert report.frames == 2 and open_film(report.path).size == (64, 64) and "mean_distance" in report.scores


@pytest.mark.faults
def test_a_prompt_without_a_tokenizer_says_where_one_is(models, tmp_path):
    for tokenizer in (None, tmp_path):
        with pytest.raises(UserError, match="sd1_tokenizer"):
            single_file.load(models / "checkpoints" / CHECKPOINT, WORDS, tokenizer)


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["inpainting", "no VAE", "damaged", "pickle", "missing", "other"])
def test_what_is_no_such_checkpoint_is_refused(models, tmp_path, kind):
    path = tmp_path / ("model.ckpt" if kind == "pickle" else "model.safetensors")
    if kind == "inpainting":
        path = models / "checkpoints" / INPAINTING
    elif kind == "no VAE":
        checkpoints.write_checkpoint(path, checkpoints.SMALL, whole=False)
    elif kind == "other":
        names = ("model.diffusion_model.a", "first_stage_model.a", "cond_stage_model.transformer.a")
        save_file({name: torch.zeros(2) for name in names}, str(path))
    elif kind != "missing":
        path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="Stable Diffusion 1.x"):
        single_file.load(path)


@pytest.fixture(scope="module")
def newer(models: Path, comfy: Comfy):
    """A 2.x checkpoint: the file's path and the model."""
    path = models / "checkpoints" / "random_sd21.safetensors"
    checkpoints.write_checkpoint(path, checkpoints.SMALL_NEWER)
    return path, single_file.load(path, WORDS, tokenizer(comfy), torch.device("cpu"))


def test_a_newer_denoiser_is_comfyuis(newer, comfy):
    from comfy import sd

    path, ours = newer
    model, _, vae, _ = sd.load_checkpoint_guess_config(str(path), output_clip=False)
    text = [[torch.zeros(1, 77, 1024), {}]]
    other = comfy.module("nodes.comfy.sd_model").drag_model(model, vae, text, text, precision="fp32")
    latents, context = torch.randn(1, 4, 8, 8), ours.context
    close(predict(ours, latents, 500), predict(replace(other, context=context), latents, 500))
    assert ours.prediction == other.prediction == "epsilon" and not torch.equal(ours.context, ours.empty_context)


def test_a_newer_text_encoder_is_open_clips(newer, comfy):
    """Its blocks are torch's own transformer layers; the last of them is not used."""
    path, ours = newer
    with safe_open(str(path), "pt") as file:
        weights = {name.removeprefix(single_file.NEWER_TEXT): file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    words = CLIPTokenizer(str(tokenizer(comfy) / "vocab.json"), str(tokenizer(comfy) / "merges.txt"))(WORDS).input_ids
    values = weights["token_embedding.weight"][torch.tensor([words + [0] * (77 - len(words))])] + weights["positional_embedding"]
    for number in range(checkpoints.NEWER_BLOCKS - 1):
        names = {"self_attn.in_proj_": "attn.in_proj_", "self_attn.out_proj.": "attn.out_proj.", "linear1.": "mlp.c_fc.",
                 "linear2.": "mlp.c_proj.", "norm1.": "ln_1.", "norm2.": "ln_2."}  # fmt: skip
        block = torch.nn.TransformerEncoderLayer(1024, 16, 4096, 0.0, "gelu", batch_first=True, norm_first=True)
        block.load_state_dict(
            {f"{own}{kind}": weights[f"transformer.resblocks.{number}.{theirs}{kind}"]
             for own, theirs in names.items() for kind in ("weight", "bias")}
        )  # fmt: skip
        with torch.no_grad():
            values = block(values, src_mask=torch.nn.Transformer.generate_square_subsequent_mask(77), is_causal=True)
    close(ours.context, torch.nn.functional.layer_norm(values, (1024,), weights["ln_final.weight"], weights["ln_final.bias"]))


@pytest.mark.parametrize("spread, wanted", [(0.2, "v_prediction"), (0.05, "epsilon")])
def test_a_newer_model_tells_what_it_predicts_by_a_spread(spread: float, wanted: str):
    assert single_file.prediction_of({single_file.PREDICTS: spread * torch.randn(320)}) == wanted
