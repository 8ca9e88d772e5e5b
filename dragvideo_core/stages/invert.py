"""Invert: each frame's latent is carried towards noise by DDIM (Sec. 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..diffusion.attention import text_once
from ..diffusion.ddim import STEPS, Ddim, check_stride
from ..diffusion.denoiser import predict
from ..diffusion.familiar import warn_if_strange
from ..files.fingerprint import fingerprint
from ..files.unfinished import NOT_KEPT, State, Unfinished, fits
from ..group import ALONE, Group
from ..region.box import model_box
from ..region.edit import clip_in
from ..types import DragModel, Inversion, OnProgress, PointTracks, UserError, VideoClip, ignore_progress

LAYOUT = "invert 1"  # of what is kept of unfinished work; one of another layout is not read


@dataclass(frozen=True)
class InvertSettings:
    """How far the inversion goes, and in which strides."""

    until: int = 42  # last of the schedule's 50 steps to reach: the highest of the paper's set
    stride: int = 2  # steps that one denoiser call serves; 1: each has its own, as in the paper
    chunk: int = 0  # frames at a time; 0: as many as fit into memory


def invert(
    clip: VideoClip,
    model: DragModel,
    settings: InvertSettings = InvertSettings(),
    on_progress: OnProgress = ignore_progress,
    given: Tensor | None = None,
    unfinished: Unfinished = NOT_KEPT,
    group: Group = ALONE,
    tracks: PointTracks | None = None,
) -> Inversion:
    """Latents of the clip at steps 0 to `until`. `given`: its clean latents (N, 4, h, w), made elsewhere; None: the frames
    are encoded. With `unfinished`, work that was broken off goes on where it was, and one that was finished need not be done again.
    With a `group` every rank inverts its share of the frames, and all get the latents of the whole clip.
    tracks: the denoiser sees no more than a box around what their mask lets change, and drag and decode work in that box as well;
    beside it the latents are the clean ones with plain noise. None: the whole picture, as in the paper.

    Each step predicts the noise for the level it goes to. The prediction should be made at the new latent, which is not
    known yet, so the old one is used; what this misses, drag and decode measure as a residual and add. With a stride, the
    steps in between are on the way to the new latent: the same clean picture and noise, mixed for their level.
    """
    if not 1 <= settings.until <= STEPS:
        raise UserError(f"'until' must lie between 1 and {STEPS}: got {settings.until}.")
    check_stride(settings.stride)
    if given is not None:
        _check_latents(given, clip, model)
    warn_if_strange(model, clip.frames[0])
    ddim = Ddim(model.alphas_cumprod, model.prediction)
    mine = group.share(len(clip))
    count = mine.stop - mine.start
    chunks = batches.Chunks(model, memory.cells_of(model, clip.size), max(1, count), settings.chunk)
    whole = batches.encode(model, clip.frames[mine], chunks) if given is None else given[mine].float().cpu()
    box = model_box(tracks.edit_mask, model.pixels_per_cell) if tracks else None
    if box is None:
        clean = whole
    else:
        chunks = batches.Chunks(model, memory.cells_of(model, box.size), max(1, count), settings.chunk)
        cells = box.over(model.pixels_per_cell)
        clean = cells.cut(whole) if given is not None else batches.encode(model, clip_in(box, clip).frames[mine], chunks)
    latents = torch.zeros(settings.until + 1, *clean.shape)
    latents[0] = clean
    made = torch.zeros(count, dtype=torch.int64)  # steps of each frame
    of_all = model.denoiser, model.context, model.alphas_cumprod, model.prediction, replace(settings, chunk=0)
    group.check_alike("what inverts (model or settings)", lambda: fingerprint(*of_all))
    work = unfinished.of_rank(group.rank, group.size).work(fingerprint(LAYOUT, clean, *of_all))

    def state() -> State:
        return {"latents": latents, "made": made, "chunk": torch.tensor(chunks.size)}

    kept = work.resumed()
    if (
        kept is not None
        and count
        and fits(kept, state())
        and 0 <= int(kept["made"].min()) <= int(kept["made"].max()) <= settings.until
    ):
        latents, made = kept["latents"], kept["made"]
        chunks.size = min(chunks.size, max(1, int(kept["chunk"])))

    resumed = int(made.min()) if count else settings.until

    def invert_chunk(part: slice) -> None:
        first = int(made[part].min())
        z_t = latents[first, part].to(model.device)
        for step_from in range(first, settings.until, settings.stride):
            step_to = min(step_from + settings.stride, settings.until)
            output = predict(model, z_t, ddim.timestep(step_to))
            z_t = ddim.invert_move(z_t, output, step_from, step_to)
            for between in range(step_from + 1, step_to):
                latents[between, part] = ddim.move(z_t, output, step_to, between).cpu()
            latents[step_to, part] = z_t.cpu()
            made[part] = step_to
            work.keep(state)
            done = settings.until * part.start + step_to * (part.stop - part.start)
            on_progress(done, settings.until * count, None)

    try:
        with text_once(model.denoiser):
            for _ in chunks.map(invert_chunk, count):
                pass
    except BaseException:
        if bool(made.any()):
            work.break_off(state)
        raise
    if resumed < settings.until:
        work.break_off(state)
    latents = group.gather_frames(latents.transpose(0, 1), len(clip)).transpose(0, 1).contiguous()
    timesteps = torch.tensor([ddim.timestep(step) for step in range(settings.until + 1)])
    if box is not None:
        latents = box.over(model.pixels_per_cell).placed(
            latents, _with_noise(group.gather_frames(whole, len(clip)), model, timesteps)
        )
    return Inversion(latents, timesteps, clip.frames if given is None else None, box)


def _with_noise(clean: Tensor, model: DragModel, timesteps: Tensor) -> Tensor:
    """Clean latents (N, 4, h, w) with plain noise, alike in every frame, at each step: (T + 1, N, 4, h, w)."""
    alpha = model.alphas_cumprod.cpu()[timesteps][:, None, None, None, None]
    alpha[0] = 1.0  # step 0 is clean
    noise = torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(0))
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise


def _check_latents(given: Tensor, clip: VideoClip, model: DragModel) -> None:
    wanted = (len(clip), 4, *(side // model.pixels_per_cell for side in clip.size))
    if tuple(given.shape) != wanted:
        raise UserError(
            f"the latents must have the shape {wanted} (frames, channels, height, width) for this clip: got {tuple(given.shape)}. "
            "Make them from the frames that are edited, with a VAE of the model's family."
        )
    if not torch.isfinite(given).all():
        raise UserError("the latents contain NaN or infinity: expected finite numbers. Check the node that made them.")
