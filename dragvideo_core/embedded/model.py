"""The small model that the pack ships: Stable Diffusion's architecture at toy size, for 128 x 128 drawings.

A denoiser (`diffusers.UNet2DConditionModel`: text cross-attention, self-attention in the up blocks, four levels, so
that "up block 2" is where it is in SD1.5), an autoencoder with 4 latent channels at a quarter of the resolution, and a
word table in the place of a text encoder. Schedule and prediction are Stable Diffusion's: scaled-linear betas
0.00085-0.012, 1000 timesteps, epsilon. Trained by `train.py` beside this file on `drawn_clips.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from .drawn_world import KINDS

WEIGHTS = Path(__file__).with_name("embedded_model.safetensors")
PATCH = 4  # pixels per latent cell
TOKENS = 4  # length of the text context
WIDTH = 64  # width of the text context
VOCABULARY = ("", *KINDS)  # index 0 is the empty word


def build_denoiser() -> UNet2DConditionModel:
    """The untrained denoiser for latents (B, 4, 32, 32) and a context (B, 4, 64)."""
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=WIDTH,
        layers_per_block=1,
        norm_num_groups=16,
        block_out_channels=(64, 96, 96, 64),
        attention_head_dim=(2, 3, 3, 2),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )


class PatchAutoencoder(nn.Module):
    """`AutoencoderKL` over 4 x 4 pixel patches: all its convolutions run at the latent's resolution.

    `encode` and `decode` speak unit-variance latents: the scaling factor of Stable Diffusion's VAE is inside.
    layers: residual blocks of the encoder, and one more of the decoder, beside the two in the middle of each.
    """

    latent_mean: Tensor  # (4,) of raw latents
    latent_std: Tensor  # (4,)

    def __init__(self, layers: int = 1) -> None:
        super().__init__()
        self.layers = layers
        channels = 3 * PATCH * PATCH
        self.kl = AutoencoderKL(
            in_channels=channels,
            out_channels=channels,
            latent_channels=4,
            block_out_channels=(96,),
            down_block_types=("DownEncoderBlock2D",),
            up_block_types=("UpDecoderBlock2D",),
            layers_per_block=layers,
            norm_num_groups=16,
            mid_block_add_attention=False,
        )
        self.register_buffer("latent_mean", torch.zeros(4))
        self.register_buffer("latent_std", torch.ones(4))

    def distribution(self, frames: Tensor) -> DiagonalGaussianDistribution:
        """The posterior over raw latents of frames (N, 3, H, W) in [0, 1]."""
        return self.kl.encode(functional.pixel_unshuffle(frames * 2 - 1, PATCH)).latent_dist

    def pixels(self, raw: Tensor) -> Tensor:
        """Raw latents (N, 4, h, w) to frames (N, 3, 4h, 4w), not clamped."""
        return functional.pixel_shuffle(self.kl.decode(raw).sample, PATCH) / 2 + 0.5

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [0, 1] to latents (N, 4, H/4, W/4)."""
        return (self.distribution(frames).mode() - self._column(self.latent_mean)) / self._column(self.latent_std)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, 4, h, w) to frames (N, 3, 4h, 4w) in [0, 1]."""
        return self.pixels(latents * self._column(self.latent_std) + self._column(self.latent_mean)).clamp(0, 1)

    @staticmethod
    def _column(values: Tensor) -> Tensor:
        return values[:, None, None]


class WordTable(nn.Module):
    """One vector per word of the vocabulary: the place of a text encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(len(VOCABULARY), WIDTH))

    def forward(self, ids: Tensor) -> Tensor:
        """Indices (...) to vectors (..., 64)."""
        return self.weight[ids]


class EmbeddedModel(nn.Module):
    """Denoiser, autoencoder and word table together."""

    def __init__(self, layers: int = 1) -> None:
        """layers: of the autoencoder."""
        super().__init__()
        self.denoiser = build_denoiser()
        self.vae = PatchAutoencoder(layers)
        self.words = WordTable()

    def context(self, prompt: str = "") -> Tensor:
        """The text context (1, 4, 64) of a prompt: its known words in order, the rest empty."""
        return self.words(word_ids([prompt], self.words.weight.device))


def word_ids(prompts: list[str], device: torch.device | None = None) -> Tensor:
    """Prompts to indices (B, 4) into `VOCABULARY`; unknown words are left out."""
    rows = []
    for prompt in prompts:
        known = [VOCABULARY.index(word) for word in prompt.lower().split() if word in KINDS][:TOKENS]
        rows.append(known + [0] * (TOKENS - len(known)))
    return torch.tensor(rows, device=device)


def save(model: EmbeddedModel, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write all weights as float16 safetensors."""
    halves = {name: value.detach().to("cpu", torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(halves, str(path), metadata=metadata)


def load(path: Path = WEIGHTS) -> EmbeddedModel:
    """Read the shipped weights as float32, in evaluation mode, without gradients."""
    if not path.is_file():
        raise FileNotFoundError(
            f"the embedded model's weights are missing: expected {path.name} in {path.parent.name}/. "
            "Restore it from the repository, or make it anew with: python -m dragvideo_core.embedded.train"
        )
    weights = {name: value.float() for name, value in load_file(str(path)).items()}
    with torch.device("meta"):  # shapes without numbers: nothing is drawn at random only to be overwritten
        model = EmbeddedModel(_layers_of(weights))
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False)


def deepened(model: EmbeddedModel, layers: int) -> EmbeddedModel:
    """The same model with more residual blocks in its autoencoder, to be trained: at first they hand on what they are given."""
    deeper = EmbeddedModel(layers)
    lacking, _ = deeper.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        for name in lacking:
            if ".conv2." in name:
                deeper.get_parameter(name).zero_()
    return deeper


def _layers_of(weights: dict[str, Tensor]) -> int:
    first = re.compile(r"vae\.kl\.encoder\.down_blocks\.0\.resnets\.\d+\.conv1\.weight")
    return sum(first.fullmatch(name) is not None for name in weights)
