"""A Stable Diffusion 1.x or 2.x checkpoint, as one `.safetensors` file, as the core's model, by diffusers' conversion.

Nothing is downloaded: how large the denoiser is, is read off its tensors; the autoencoder is always the same, and so is 1.x's text
encoder. 2.x's is OpenCLIP's, without its last block. Words need CLIP's tokenizer (`vocab.json` and `merges.txt` in one folder);
the empty prompt needs none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ..types import DragModel, UserError
from . import added_lora
from .ddim import stable_diffusion_alphas

DENOISER, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
NEWER_TEXT = "cond_stage_model.model."  # 2.x's
SCALING = 0.18215  # of the latents
WIDTH, NEWER_WIDTH, TOKENS = 768, 1024, 77  # of the text
BEGIN, END, NEWER_FILL = 49406, 49407, 0  # CLIP's tokens around a text; 1.x fills it up with the second
HEAD = 64  # channels of a head, of 2.x
NEWER_BLOCKS = 23  # that 2.x uses of its 24; some files leave the last one out
PREDICTS = f"{DENOISER}output_blocks.11.1.transformer_blocks.0.norm1.bias"
SPREAD = 0.09  # of these numbers: above it a 2.x model predicts v. No file says so; ComfyUI tells them apart in this way
WANTED = "the single file of a Stable Diffusion 1.x or 2.x checkpoint (.safetensors, with VAE and text encoder)"


def load(
    path: Path,
    prompt: str = "",
    tokenizer: Path | None = None,
    device: torch.device | None = None,
    loras: tuple[added_lora.Lora, ...] = (),
) -> DragModel:
    """The model on `device` (None: the GPU if there is one), in half precision there and in float32 on the CPU.

    tokenizer: the folder of CLIP's, for a prompt with words in it; loras: added into its weights. UserError for a file that is no
    such checkpoint, or no LoRA for it.
    """
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    tokens = _tokens(prompt, tokenizer)
    weights = _read(path)
    try:
        denoiser = _denoiser(weights)
        codec = Codec(autoencoder(weights).to(device))
        is_newer = any(name.startswith(NEWER_TEXT) for name in weights)
        texts = _newer_text_encoder(weights) if is_newer else _text_encoder(weights)
    except (RuntimeError, KeyError, IndexError, ValueError) as error:
        raise _wrong(path, f"other layers ({str(error)[:200]})") from None
    for lora in loras:
        added_lora.add(lora, denoiser, texts)
    denoiser = denoiser.to(device, dtype)
    fill = NEWER_FILL if is_newer else END
    with torch.no_grad():
        rows = [row + [fill] * (TOKENS - len(row)) for row in (tokens, _tokens("", None))]
        context, empty = (texts(torch.tensor([row])).last_hidden_state for row in rows)
    prediction = prediction_of(weights) if is_newer else "epsilon"
    return DragModel(denoiser, codec, context, empty, stable_diffusion_alphas(), prediction, name=path.stem)


class Codec:
    """Stable Diffusion's autoencoder as the core's `LatentCodec`."""

    def __init__(self, vae: AutoencoderKL):
        self.vae = vae

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [0, 1] to latents (N, 4, H / 8, W / 8)."""
        return self.vae.encode(frames.to(self.vae.device, self.vae.dtype) * 2 - 1).latent_dist.mode().float() * SCALING

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, 4, h, w) to frames (N, 3, 8 h, 8 w) in [0, 1]."""
        latents = latents.to(self.vae.device, self.vae.dtype) / SCALING
        return (self.vae.decode(latents).sample.float() / 2 + 0.5).clamp(0, 1)


def _read(path: Path) -> dict[str, Tensor]:
    """The file's tensors in float32."""
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        raise _wrong(path, "no such file" if not path.is_file() else "a file of another kind")
    try:
        with safe_open(str(path), "pt") as file:
            every = list(file.keys())
            text = NEWER_TEXT if any(name.startswith(NEWER_TEXT) for name in every) else TEXT
            names = [name for name in every if name.startswith((DENOISER, VAE, text))]
            missing = [part for part in (DENOISER, VAE, text) if not any(name.startswith(part) for name in names)]
            if missing:
                raise _wrong(path, f"one without {', '.join(missing)}")
            return {name: file.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError) as error:
        raise _wrong(path, f"one that cannot be read ({error})") from error


def _denoiser(weights: dict[str, Tensor]) -> UNet2DConditionModel:
    """The denoiser, its widths and layers read off the tensors. RuntimeError, KeyError where they are of another family."""
    config = _denoiser_config(weights)
    with torch.device("meta"):
        denoiser = UNet2DConditionModel(**config)
    own = {name: value for name, value in weights.items() if name.startswith(DENOISER)}
    denoiser.load_state_dict(convert_ldm_unet_checkpoint(own, config), assign=True)
    return denoiser.eval().requires_grad_(False)


def _denoiser_config(weights: dict[str, Tensor]) -> dict[str, Any]:
    inputs, width = weights[f"{DENOISER}input_blocks.0.0.weight"].shape[1], weights[_key("1.1", "attn2.to_k")].shape[1]
    wanted = NEWER_WIDTH if any(name.startswith(NEWER_TEXT) for name in weights) else WIDTH
    if inputs != 4 or width != wanted:
        raise ValueError(f"{inputs} channels in and a text of width {width}: 4 and {wanted} are expected")
    layers = next(number for number in range(1, 10) if f"{DENOISER}input_blocks.{number}.0.op.weight" in weights) - 1
    firsts = [weights[f"{DENOISER}input_blocks.{1 + level * (layers + 1)}.0.out_layers.3.weight"] for level in range(4)]
    widths = tuple(len(first) for first in firsts)
    return {
        "sample_size": 64,
        "block_out_channels": widths,
        "layers_per_block": layers,
        "cross_attention_dim": width,
        # the number of heads, whatever diffusers calls it
        "attention_head_dim": 8 if width == WIDTH else tuple(channels // HEAD for channels in widths),
        "use_linear_projection": weights[f"{DENOISER}input_blocks.1.1.proj_in.weight"].ndim == 2,
    }


def _key(block: str, layer: str) -> str:
    return f"{DENOISER}input_blocks.{block}.transformer_blocks.0.{layer}.weight"


def autoencoder(weights: dict[str, Tensor]) -> AutoencoderKL:
    """The autoencoder of a checkpoint's tensors. RuntimeError, KeyError where they are of another family."""
    with torch.device("meta"):
        vae = AutoencoderKL(
            latent_channels=4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
    own = {name: value for name, value in weights.items() if name.startswith(VAE)}
    vae.load_state_dict(convert_ldm_vae_checkpoint(own, dict(vae.config)), assign=True)
    return vae.eval().requires_grad_(False)


def prediction_of(weights: dict[str, Tensor]) -> str:
    """What a 2.x denoiser predicts."""
    return "v_prediction" if PREDICTS in weights and float(weights[PREDICTS].std(correction=0)) > SPREAD else "epsilon"


def _text_encoder(weights: dict[str, Tensor]) -> CLIPTextModel:
    texts = _clip(WIDTH, 12, 12, "quick_gelu")
    own = {name.removeprefix(TEXT): value for name, value in weights.items() if name.startswith(TEXT)}
    return _with_weights(texts, {name: value for name, value in own.items() if not name.endswith("position_ids")})


def _newer_text_encoder(weights: dict[str, Tensor]) -> CLIPTextModel:
    width = weights[f"{NEWER_TEXT}ln_final.weight"].shape[0]
    blocks = 1 + max(int(name.split(".resblocks.")[1].split(".")[0]) for name in weights if ".resblocks." in name)
    used = blocks if blocks == NEWER_BLOCKS else blocks - 1
    texts = _clip(width, used, width // HEAD, "gelu")
    unused = tuple(f"{NEWER_TEXT}{name}" for name in (f"transformer.resblocks.{used}.", "text_projection", "logit_scale"))
    own = {name: value for name, value in weights.items() if name.startswith(NEWER_TEXT) and not name.startswith(unused)}
    return _with_weights(texts, convert_open_clip_checkpoint(texts, own, NEWER_TEXT))


def _clip(width: int, blocks: int, heads: int, activation: str) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=END + 1,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        max_position_embeddings=TOKENS,
        hidden_act=activation,
        projection_dim=width,
        bos_token_id=BEGIN,
        eos_token_id=END,
    )
    return CLIPTextModel(config)


def _with_weights(texts: CLIPTextModel, weights: dict[str, Tensor]) -> CLIPTextModel:
    before = "" if "final_layer_norm.weight" in texts.state_dict() else "text_model."  # transformers before and after 5
    texts.load_state_dict({before + name.removeprefix("text_model."): value for name, value in weights.items()})
    return texts.eval().requires_grad_(False)


def _tokens(prompt: str, tokenizer: Path | None) -> list[int]:
    """CLIP's numbers of a text, `TOKENS` at most, not filled up."""
    if not prompt.strip():
        return [BEGIN, END]
    files = [] if tokenizer is None else [tokenizer / "vocab.json", tokenizer / "merges.txt"]
    if not files or not all(file.is_file() for file in files):
        raise UserError(
            f"the prompt {prompt[:80]!r} needs CLIP's tokenizer: expected a folder with vocab.json and merges.txt, got "
            f"{'none' if tokenizer is None else repr(str(tokenizer))}. ComfyUI has it in comfy/sd1_tokenizer. Or give no prompt."
        )
    read = CLIPTokenizer(str(files[0]), str(files[1]), pad_token="<|endoftext|>")
    return read(prompt, max_length=TOKENS, truncation=True).input_ids


def _wrong(path: Path, got: str) -> UserError:
    return UserError(f"'{path.name}' cannot be used as the model: expected {WANTED}, got {got}. Choose another checkpoint.")
