"""Invert: each frame's latent is carried towards noise by DDIM (Sec. 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..diffusion.attention import text_once
from ..diffusion.ddim import Ddim, check_stride
from ..diffusion.denoiser import predict
from ..files.fingerprint import fingerprint
from ..files.unfinished import NOT_KEPT, State, Unfinished, fits
from ..types import DragModel, Inversion, OnProgress, UserError, VideoClip, ignore_progress

LAYOUT = "invert 1"  # of what is kept of unfinished work; one of another layout is not read


@dataclass(frozen=True)
class InvertSettings:
    total: int = 50  # steps of the whole schedule
    until: int = 42  # last step to reach: the highest of the paper's set
    refinements: int = 0  # extra denoiser calls per step that solve the implicit equation of exact inversion; the edit needs
    # none (one doubles the time: tests/bench/README.md), because drag and decode carry what inversion misses as residuals
    stride: int = 2  # steps that one denoiser call serves; 1: each has its own, as in the paper
    chunk: int = 0  # frames at a time; 0: as many as fit into memory


def invert(
    clip: VideoClip,
    model: DragModel,
    settings: InvertSettings = InvertSettings(),
    on_progress: OnProgress = ignore_progress,
    given: Tensor | None = None,
    unfinished: Unfinished = NOT_KEPT,
) -> Inversion:
    """Latents of the clip at steps 0 to `until`. `given`: its clean latents (N, 4, h, w), made elsewhere; None: the frames
    are encoded. With `unfinished`, work that was broken off goes on where it was.

    Each step predicts the noise for the level it goes to. The prediction should be made at the new latent, which is not
    known yet: the first guess uses the old one, and each refinement repeats it at the latent found so far. With a stride,
    the steps in between are on the way to the new latent: the same clean picture and noise, mixed for their level.
    """
    if not 1 <= settings.until <= settings.total:
        raise UserError(f"'until' must lie between 1 and {settings.total} (total): got {settings.until}.")
    check_stride(settings.stride)
    if given is not None:
        _check_latents(given, clip, model)
    ddim = Ddim(model.alphas_cumprod, model.prediction, settings.total)
    chunks = batches.Chunks(model, memory.cells_of(model, clip.size), len(clip), settings.chunk)
    clean = batches.encode(model, clip.frames, chunks) if given is None else given.float().cpu()
    latents = torch.zeros(settings.until + 1, *clean.shape)
    latents[0] = clean
    made = torch.zeros(len(clip), dtype=torch.int64)  # steps of each frame
    alike = replace(settings, chunk=0)
    name = fingerprint(LAYOUT, clean, model.denoiser, model.context, model.alphas_cumprod, model.prediction, alike)
    work = unfinished.work(name)

    def state() -> State:
        return {"latents": latents, "made": made, "chunk": torch.tensor(chunks.size)}

    kept = work.resumed()
    if kept is not None and fits(kept, state()) and 0 <= int(kept["made"].min()) <= int(kept["made"].max()) <= settings.until:
        latents, made = kept["latents"], kept["made"]
        chunks.size = min(chunks.size, max(1, int(kept["chunk"])))

    def carry(part: slice) -> None:
        first = int(made[part].min())
        z_t = latents[first, part].to(model.device)
        for step in range(first, settings.until, settings.stride):
            there = min(step + settings.stride, settings.until)
            guess = z_t
            for _ in range(1 + settings.refinements):
                output = predict(model, guess, ddim.timestep(there))
                guess = ddim.invert_move(z_t, output, step, there)
            z_t = guess
            for between in range(step + 1, there):
                latents[between, part] = ddim.move(z_t, output, there, between).cpu()
            latents[there, part] = z_t.cpu()
            made[part] = there
            work.keep(state)
            done = settings.until * part.start + there * (part.stop - part.start)
            on_progress(done, settings.until * len(clip), None)

    try:
        with text_once(model.denoiser):
            for _ in chunks.map(carry):
                pass
    except BaseException:
        if bool(made.any()):
            work.break_off(state)
        raise
    work.finished()
    timesteps = torch.tensor([ddim.timestep(step) for step in range(settings.until + 1)])
    return Inversion(latents, timesteps, clip.frames if given is None else None)


def _check_latents(given: Tensor, clip: VideoClip, model: DragModel) -> None:
    wanted = (len(clip), 4, *(side // model.pixels_per_cell for side in clip.size))
    if tuple(given.shape) != wanted:
        raise UserError(
            f"the latents must have the shape {wanted} (frames, channels, height, width) for this clip: got {tuple(given.shape)}. "
            "Make them from the frames that are edited, with a VAE of the model's family."
        )
    if not torch.isfinite(given).all():
        raise UserError("the latents contain NaN or infinity: expected finite numbers. Check the node that made them.")
