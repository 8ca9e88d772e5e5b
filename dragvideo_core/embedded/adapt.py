"""Teaches the shipped autoencoder photographs and film while the latents of drawings stay where they are.

So the denoiser, which knows latents of drawings, stays right and need not be trained anew. The weights are held in float32 and
worked with in bfloat16; the convolutions between the ends are moved by Muon (Jordan et al. 2024), the rest by AdamW.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .model import PatchAutoencoder

DRAWN, FILMED = 2, 6  # pictures of a batch
RATE, MOMENTUM, DECAY = 1e-3, 0.95, 1e-4
NOISE = 0.03  # standard deviations that the decoder must bear, at most
HOLD = 0.3  # how strongly the latents of drawings are held


def adapt(vae: PatchAutoencoder, pictures: np.ndarray, drawn: int, steps: int, path: Path) -> None:
    """Train in place, resumed from `path`; leaves averaged weights.

    pictures: (P, 128, 128, 3) uint8, the first `drawn` are drawings. Latents keep their mean and scale. Prints every 100 steps.
    """
    shipped, fast = (copy.deepcopy(vae).to(torch.bfloat16).requires_grad_(again) for again in (False, True))
    average = copy.deepcopy(vae)
    vae.requires_grad_(True)
    inner = [p for name, p in vae.named_parameters() if p.ndim == 4 and "resnets" in name]
    ends = [p for p in vae.parameters() if not any(p is one for one in inner)]
    adam, muon = torch.optim.AdamW(ends, betas=(0.9, 0.99), weight_decay=DECAY), [torch.zeros_like(p) for p in inner]
    first = 0
    if path.exists():
        held = torch.load(path, weights_only=True)
        vae.load_state_dict(held["weights"])
        average.load_state_dict(held["average"])
        adam.load_state_dict(held["adam"])
        muon, first = held["muon"], held["step"]
    for step in range(first, steps):
        rate = RATE * min(1.0, (step + 1) / 100, (steps - step) / (0.6 * steps))
        with torch.no_grad():
            for quick, exact in zip(fast.parameters(), vae.parameters(), strict=True):
                quick.copy_(exact)
        loss, error = _loss(fast, shipped, _batch(pictures, drawn, vae))
        loss.backward()
        for quick, exact in zip(fast.parameters(), vae.parameters(), strict=True):
            assert quick.grad is not None
            exact.grad = quick.grad.float()
        fast.zero_grad(set_to_none=True)
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        _move(inner, muon, rate)
        with torch.no_grad():
            keep = min(0.998, (step + 1) / (step + 11))
            for mean, now in zip(average.parameters(), vae.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        if (step + 1) % 100 == 0 or step + 1 == steps:
            print(f"autoencoder {step + 1}/{steps} {-10 * error.log10().item():.2f} dB", flush=True)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            weights = {"weights": vae.state_dict(), "average": average.state_dict()}
            torch.save({**weights, "adam": adam.state_dict(), "muon": muon, "step": step + 1}, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
    vae.load_state_dict(average.state_dict())
    vae.requires_grad_(False)


def _batch(pictures: np.ndarray, drawn: int, vae: PatchAutoencoder) -> Tensor:
    """Drawings, then photographs, (DRAWN + FILMED, 3, 128, 128), now and then mirrored."""
    chosen = torch.cat([torch.randint(drawn, (DRAWN,)), torch.randint(drawn, len(pictures), (FILMED,))])
    frames = torch.from_numpy(pictures[chosen.numpy()]).to(vae.latent_std.device).permute(0, 3, 1, 2).float() / 255
    return frames.flip(-1) if torch.rand(()) < 0.5 else frames


def _loss(vae: PatchAutoencoder, shipped: PatchAutoencoder, frames: Tensor) -> tuple[Tensor, Tensor]:
    """What is made smaller, and the mean squared error of the pictures."""
    std = shipped.latent_std.float()[:, None, None]
    posterior, before = vae.distribution(frames.bfloat16()), shipped.distribution(frames[:DRAWN].bfloat16()).mode().float()
    drift = ((posterior.mode()[:DRAWN].float() - before) / std).square().mean()
    raw = posterior.sample().float()
    raw = raw + NOISE * torch.rand(len(raw), 1, 1, 1, device=raw.device) * std * torch.randn_like(raw)
    made = vae.pixels(raw.bfloat16()).float()
    squared = functional.mse_loss(made, frames)
    edges = sum(functional.l1_loss(made.diff(dim=d), frames.diff(dim=d)) for d in (-1, -2))
    small = 1e-5 * posterior.kl().mean() / (4 * 32 * 32)
    return 20 * squared + 0.3 * functional.l1_loss(made, frames) + 0.2 * edges + HOLD * drift + small, squared.detach()


@torch.no_grad()
def _move(weights: Sequence[Tensor], means: Sequence[Tensor], rate: float) -> None:
    """One step of Muon: the mean gradient with all its singular values made nearly one."""
    for weight, mean in zip(weights, means, strict=True):
        assert weight.grad is not None
        mean.mul_(MOMENTUM).add_(weight.grad)
        matrix = (weight.grad + MOMENTUM * mean).flatten(1)
        matrix = matrix / (matrix.norm() + 1e-7)
        for _ in range(5):
            gram = matrix @ matrix.T
            matrix = 3.4445 * matrix + (2.0315 * gram @ gram - 4.775 * gram) @ matrix
        weight.mul_(1 - 10 * DECAY * rate).add_(matrix.view_as(weight), alpha=-rate * 0.2 * max(matrix.shape) ** 0.5)
