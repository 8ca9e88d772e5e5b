"""A Stable Diffusion 1.x checkpoint, as one `.safetensors` file, as the core's model, by diffusers' conversion.

Nothing is downloaded: how large the denoiser is, is read off its tensors; autoencoder and text encoder are always the same. Words
need CLIP's tokenizer (`vocab.json` and `merges.txt` in one folder); the empty prompt needs none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ..types import DragModel, UserError
from . import added_lora
from .ddim import stable_diffusion_alphas

NEWER_TEXT = "cond_stage_model.model."  # Stable Diffusion 2.x's
DENOISER, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
SCALING = 0.18215  # of the latents
WIDTH, TOKENS = 768, 77  # of the text
BEGIN, END = 49406, 49407  # CLIP's tokens around a text, the second also fills it up
WANTED = "the single file of a Stable Diffusion 1.x checkpoint (.safetensors, with VAE and text encoder, as Stable Diffusion 1.5's)"


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
        texts = _text_encoder(weights)
    except (RuntimeError, KeyError, IndexError, ValueError) as error:
        raise _wrong(path, f"other layers ({str(error)[:200]})") from None
    for lora in loras:
        added_lora.add(lora, denoiser, texts)
    denoiser = denoiser.to(device, dtype)
    with torch.no_grad():
        context, empty = (texts(torch.tensor([row])).last_hidden_state for row in (tokens, _tokens("", None)))
    return DragModel(denoiser, codec, context, empty, stable_diffusion_alphas(), name=path.stem)


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
            if any(name.startswith(NEWER_TEXT) for name in every):
                raise _wrong(path, "one of Stable Diffusion 2.x, which only the nodes in ComfyUI read")
            names = [name for name in every if name.startswith((DENOISER, VAE, TEXT))]
            missing = [part for part in (DENOISER, VAE, TEXT) if not any(name.startswith(part) for name in names)]
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
    if inputs != 4 or width != WIDTH:
        raise ValueError(f"{inputs} channels in and a text of width {width}: 4 and {WIDTH} are expected")
    layers = next(number for number in range(1, 10) if f"{DENOISER}input_blocks.{number}.0.op.weight" in weights) - 1
    firsts = [weights[f"{DENOISER}input_blocks.{1 + level * (layers + 1)}.0.out_layers.3.weight"] for level in range(4)]
    return {
        "sample_size": 64,
        "block_out_channels": tuple(len(first) for first in firsts),
        "layers_per_block": layers,
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 8,  # the number of heads, whatever diffusers calls it
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


def _text_encoder(weights: dict[str, Tensor]) -> CLIPTextModel:
    texts = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=END + 1,
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=12,
            num_attention_heads=12,
            max_position_embeddings=TOKENS,
            hidden_act="quick_gelu",
            projection_dim=WIDTH,
            bos_token_id=BEGIN,
            eos_token_id=END,
        )
    )
    own = {name.removeprefix(TEXT).removeprefix("text_model."): value for name, value in weights.items() if name.startswith(TEXT)}
    before = "" if "final_layer_norm.weight" in texts.state_dict() else "text_model."  # transformers before and after 5
    texts.load_state_dict({before + name: value for name, value in own.items() if not name.endswith("position_ids")})
    return texts.eval().requires_grad_(False)


def _tokens(prompt: str, tokenizer: Path | None) -> list[int]:
    """CLIP's numbers of a text, `TOKENS` of them."""
    if not prompt.strip():
        return [BEGIN] + [END] * (TOKENS - 1)
    files = [] if tokenizer is None else [tokenizer / "vocab.json", tokenizer / "merges.txt"]
    if not files or not all(file.is_file() for file in files):
        raise UserError(
            f"the prompt {prompt[:80]!r} needs CLIP's tokenizer: expected a folder with vocab.json and merges.txt, got "
            f"{'none' if tokenizer is None else repr(str(tokenizer))}. ComfyUI has it in comfy/sd1_tokenizer. Or give no prompt."
        )
    read = CLIPTokenizer(str(files[0]), str(files[1]), pad_token="<|endoftext|>")
    return read(prompt, padding="max_length", max_length=TOKENS, truncation=True).input_ids


def _wrong(path: Path, got: str) -> UserError:
    return UserError(f"'{path.name}' cannot be used as the model: expected {WANTED}, got {got}. Choose another checkpoint.")
