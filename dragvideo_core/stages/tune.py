"""Tune: a LoRA on the denoiser's attention learns the clip's frames (Sec. 4.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from ..parts import batches, lora
from ..types import DragModel, OnProgress, UserError, VideoClip, ignore_progress


@dataclass(frozen=True)
class TuneSettings:
    rank: int = 16  # DragDiffusion's
    learning_rate: float = 5e-4
    passes: int = 100  # times that each frame is seen; 0 leaves the model as it is
    batch: int = 4
    seed: int = 0


def tune(
    clip: VideoClip, model: DragModel, settings: TuneSettings = TuneSettings(), on_progress: OnProgress = ignore_progress
) -> DragModel:
    """A copy of the model that knows the clip: the adapters fused into its denoiser and kept in `lora`.

    The model handed in is not changed. Same seed, same device, same result.
    """
    if settings.passes == 0:
        return model
    if settings.rank < 1 or settings.batch < 1 or settings.passes < 0:
        raise UserError(f"rank and batch must be at least 1 and passes at least 0: got {settings}.")
    generator = torch.Generator().manual_seed(settings.seed)
    device = model.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        adapted = lora.with_lora(model.denoiser, settings.rank)
    latents = batches.encode(model, clip.frames, settings.batch)
    weights = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=1e-2)
    steps = max(1, settings.passes * len(clip) // settings.batch)
    for step in range(steps):
        loss = _loss(adapted, model, latents, settings.batch, generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        on_progress(step + 1, steps, None)
    return replace(model, lora=lora.lora_weights(adapted), denoiser=lora.fuse(adapted))


def _loss(adapted, model: DragModel, latents, batch: int, generator: torch.Generator):
    chosen = torch.randint(len(latents), (batch,), generator=generator)
    clean = latents[chosen].to(model.device)
    noise = torch.randn(clean.shape, generator=generator).to(model.device)
    timesteps = torch.randint(len(model.alphas_cumprod), (batch,), generator=generator)
    alpha = model.alphas_cumprod[timesteps][:, None, None, None].to(model.device)
    noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
    aim = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean if model.prediction == "v_prediction" else noise
    context = model.context.to(model.device, model.dtype).expand(batch, -1, -1)
    made = adapted(noisy.to(model.dtype), timesteps.to(model.device), context, return_dict=False)[0]
    return functional.mse_loss(made.float(), aim)
