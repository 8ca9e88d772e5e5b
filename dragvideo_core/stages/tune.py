"""Tune: a LoRA on the denoiser's attention learns the clip's frames (Sec. 4.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch.nn import functional

from ..diffusion import batches, lora, memory
from ..diffusion.familiar import warn_if_strange
from ..diffusion.pace import pace
from ..files import lora_file
from ..files.fingerprint import fingerprint
from ..files.lora_file import NO_STORE, LoraStore
from ..files.unfinished import State, adam_state, fits, set_adam_state
from ..group import ALONE, Group
from ..media.curve import draw_curve
from ..region.box import model_box
from ..region.edit import clip_in
from ..types import DragModel, OnProgress, PointTracks, UserError, VideoClip, ignore_progress
from ..warning import warn

GRADIENT_SCALE = 1024.0  # keeps the gradients of a half-precision denoiser above its smallest number
MOST_SKIPPED = 3  # steps whose gradient is no number, until the work is given up
DIVERGED = 3.0  # times the loss at the start: so high at the end, the LoRA does harm
COMPARED = 5  # losses at either end, at least: one alone depends on the noise that was drawn


@dataclass(frozen=True)
class TuneSettings:
    """The LoRA and its training, as DragDiffusion has them."""

    rank: int = 16  # DragDiffusion's
    learning_rate: float = 5e-4  # of AdamW
    passes: int = 100  # times that each frame is seen; 0 leaves the model as it is
    batch: int = 4  # frames in a step
    seed: int = 0


def tune(
    clip: VideoClip,
    model: DragModel,
    settings: TuneSettings = TuneSettings(),
    on_progress: OnProgress = ignore_progress,
    store: LoraStore = NO_STORE,
    group: Group = ALONE,
    tracks: PointTracks | None = None,
) -> DragModel:
    """A copy of the model that knows the clip: the adapters fused into its denoiser and kept in `lora`.

    The model handed in is not changed. Same seed, same device, same result (on CUDA but for rounding). With a `store`, a LoRA
    that was trained before on the same clip, model and settings is taken from its file, and a training that was broken off
    goes on where it was; one that has no file is kept like one that was broken off. A step whose gradient is no number is
    skipped and the learning rate halved; UserError when it happens again and again. With a `group` the frames of each batch are
    shared out and the gradients added up; the first rank reads and writes the files. tracks: no more is learnt than a box around
    what their mask lets change, which is all that `invert` with the same tracks shows the model; None: whole frames, as in the
    paper. Warns when the loss has risen far above its start.
    """
    if settings.passes == 0:
        return model
    if settings.rank < 1 or settings.batch < 1 or settings.passes < 0:
        got = f"{settings.rank}, {settings.batch} and {settings.passes}"
        raise UserError(f"'rank' and 'batch' must be 1 or more, 'passes' 0 or more: got {got}.")
    store.check()
    filmed = clip.frames[0]
    box = model_box(tracks.edit_mask, model.pixels_per_cell) if tracks else None
    if box is not None:
        clip = clip_in(box, clip)
    name = fingerprint(clip.frames, model.denoiser, model.context, model.prediction, settings)
    group.check_alike("what is tuned (model, clip or settings)", lambda: name)
    store = store if group.is_first else NO_STORE
    trained_before = group.state_from_first(_trained_before(store, name))
    if trained_before is not None:
        losses = tuple(trained_before.pop("losses").tolist())
        adapted = lora.with_lora(model.denoiser, settings.rank)
        lora.set_lora_weights(adapted, lora_file.peft_names(trained_before, lora.lora_weights(adapted)))
        return _result(model, adapted, losses)
    warn_if_strange(model, filmed)
    run, work = _Run(clip, model, settings, group), store.unfinished.work(name)
    run.resume(group.state_from_first(work.resumed()))
    on_progress(run.step, run.steps, None)
    resumed = run.step
    try:
        while run.step < run.steps:
            if run.advance():
                on_progress(run.step, run.steps, run.picture)
            work.keep(run.state)
    except BaseException:
        if run.is_whole and run.step > resumed:
            work.break_off(run.state)
        raise
    if store.file is None and run.step > resumed:
        work.break_off(run.state)
    tuned = _result(model, run.adapted, tuple(run.losses))
    assert tuned.lora is not None
    if store.keep(lora_file.common_names(tuned.lora), tuned.lora_losses, name):
        work.finished()
    return tuned


def steps_of(settings: TuneSettings, frames: int) -> int:
    """How many steps a training on so many frames takes."""
    return max(1, settings.passes * frames // settings.batch)


def seconds_of(clip: VideoClip, model: DragModel, settings: TuneSettings, tracks: PointTracks | None = None) -> float:
    """About how long `tune` will take here with the same inputs, from some passes that are timed."""
    if settings.passes == 0:
        return 0.0
    box = model_box(tracks.edit_mask, model.pixels_per_cell) if tracks else None
    height, width = clip.size if box is None else box.size
    cell = model.pixels_per_cell
    took = pace(model, (height // cell, width // cell), settings.batch)
    return steps_of(settings, len(clip)) * settings.batch * took.output


def _trained_before(store: LoraStore, name: str) -> State | None:
    """The weights (common names) and losses of a finished LoRA."""
    finished = store.finished(name)
    return None if finished is None else {**finished[0], "losses": torch.tensor(finished[1], dtype=torch.float64)}


def _result(model: DragModel, adapted: torch.nn.Module, losses: tuple[float, ...]) -> DragModel:
    _warn_if_diverged(losses)
    return replace(model, lora=lora.lora_weights(adapted), lora_losses=losses, denoiser=lora.fuse(adapted))


def _warn_if_diverged(losses: tuple[float, ...]) -> None:
    """A warning where the last tenth of the losses lies far above the first tenth."""
    count = max(COMPARED, len(losses) // 10)
    if len(losses) < 2 * count:
        return
    first, last = fmean(losses[:count]), fmean(losses[-count:])
    if last > DIVERGED * first:
        warn(
            f"the LoRA has diverged: its loss rose from {first:.3g} to {last:.3g}, so the model knows the clip less than before. "
            "Lower 'learning_rate' of Tune LoRA, or set 'passes' to 0.",
        )


class _Run:
    """One training, which can be taken apart into a `state` and put together again between any two steps."""

    def __init__(self, clip: VideoClip, model: DragModel, settings: TuneSettings, group: Group):
        self.model, self.batch, self.group = model, settings.batch, group
        self.steps = steps_of(settings, len(clip))
        cells, device = memory.cells_of(model, clip.size), model.device
        self.chunks = batches.Chunks(model, cells, settings.batch, per_cell=memory.TRAINING)
        self.latents = group.gather_frames(batches.encode(model, clip.frames[group.share(len(clip))], self.chunks), len(clip))
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(settings.seed)
            self.adapted = lora.with_lora(model.denoiser, settings.rank)
        self.optimiser = torch.optim.AdamW(lora.trained(self.adapted), lr=settings.learning_rate, weight_decay=1e-2)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.losses: list[float] = []
        self.before = self._weights()  # the last step
        self.skipped = 0
        self.is_whole = True  # whether `state` can be taken: not in the middle of an update

    @property
    def step(self) -> int:
        """How many are done."""
        return len(self.losses)

    def advance(self) -> bool:
        """One step. False if it had to be skipped."""
        drawn_from, weights = self.generator.get_state(), lora.trained(self.adapted)
        total = torch.zeros((), device=self.model.device)
        try:
            drawn = _Drawn(self.model, self.latents, self.batch, self.generator)
            self.optimiser.zero_grad(set_to_none=True)
            rows = self.group.share(self.batch)
            for _, (loss, grads) in self.chunks.map(
                lambda part: self._gradients(drawn, slice(rows.start + part.start, rows.start + part.stop), weights),
                rows.stop - rows.start,
            ):
                total = total + loss
                for weight, grad in zip(weights, grads, strict=True):
                    weight.grad = grad if weight.grad is None else weight.grad + grad
            total = self._sum_over_ranks(total, weights)
        except BaseException:
            self.generator.set_state(drawn_from)  # as before the step that was not made
            raise
        summed = [weight.grad for weight in weights if weight.grad is not None]
        is_finite = torch.stack([torch.isfinite(value).all() for value in (total, *summed)]).all()
        is_whole, mean_loss = torch.stack([is_finite.to(total), total]).tolist()  # the CPU waits once
        if not is_whole:
            self._skip()
            return False
        self.is_whole = False
        self.before = self._weights()
        self.optimiser.step()
        self.losses.append(mean_loss)
        self.is_whole = True
        return True

    def _sum_over_ranks(self, loss: torch.Tensor, weights: list[torch.nn.Parameter]) -> torch.Tensor:
        """The loss of the whole batch; the weights get its gradients."""
        if self.group.size > 1:
            own = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
            loss, *grads = self.group.sum([loss, *own])
            for weight, grad in zip(weights, grads, strict=True):
                weight.grad = grad
        return loss

    def _skip(self) -> None:
        """A gradient is no number: half of the step before is taken back, and those to come are half as large.

        The next step draws other frames and noise. UserError when it happens again and again.
        """
        self.skipped += 1
        if self.skipped == MOST_SKIPPED:
            raise UserError(
                f"the LoRA's gradient was not finite {MOST_SKIPPED} times: expected numbers. Lower 'learning_rate', or choose "
                "'precision' float32 on the Stable Diffusion Model node."
            )
        group = self.optimiser.param_groups[0]
        group["lr"] /= 2
        for weight, before in zip(lora.trained(self.adapted), self.before, strict=True):
            weight.detach().lerp_(before, 0.5)
        warn(
            f"a gradient of the LoRA was not finite in step {self.step + 1}: the step is skipped and the learning rate halved "
            f"to {group['lr']:g}.",
        )

    def _weights(self) -> list[torch.Tensor]:
        """A copy of the adapters' weights, on their device."""
        return [weight.detach().clone() for weight in lora.trained(self.adapted)]

    def _gradients(self, drawn: _Drawn, part: slice, weights: list) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The share of the batch's mean loss that these rows have, and its gradients."""
        loss = drawn.loss(self.adapted, self.model, part) * (part.stop - part.start) / self.batch
        grads = torch.autograd.grad(loss * GRADIENT_SCALE, weights)
        return loss.detach(), [grad / GRADIENT_SCALE for grad in grads]

    def state(self) -> State:
        """All that the steps to come depend on, on the CPU."""
        return {
            **{f"lora.{name}": weight for name, weight in lora.lora_weights(self.adapted).items()},
            **{f"before.{i}": weight.cpu() for i, weight in enumerate(self.before)},
            **adam_state(self.optimiser),
            "learning_rate": torch.tensor(self.optimiser.param_groups[0]["lr"], dtype=torch.float64),
            "generator": self.generator.get_state(),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "chunk": torch.tensor(self.chunks.size),
        }

    def resume(self, state: State | None) -> None:
        """Go on from a state, if it is one of this training."""
        if state is None or not fits(state, self.state(), ("losses",)) or len(state["losses"]) > self.steps:
            return
        try:
            self.generator.set_state(state["generator"])
        except RuntimeError:  # no state of a generator
            return
        weights = {name.removeprefix("lora."): value for name, value in state.items() if name.startswith("lora.")}
        lora.set_lora_weights(self.adapted, weights)
        self.before = [state[f"before.{i}"].to(weight.device) for i, weight in enumerate(self.before)]
        set_adam_state(self.optimiser, state)
        self.optimiser.param_groups[0]["lr"] = float(state["learning_rate"])
        self.losses = state["losses"].tolist()
        self.chunks.size = min(self.chunks.size, max(1, int(state["chunk"])))

    def picture(self) -> torch.Tensor:
        """The losses so far."""
        return draw_curve(self.losses, self.steps)


class _Drawn:
    """One batch: frames, noises and timesteps drawn at random."""

    def __init__(self, model: DragModel, latents: torch.Tensor, batch: int, generator: torch.Generator):
        clean = latents[torch.randint(len(latents), (batch,), generator=generator)]
        noise = torch.randn(clean.shape, generator=generator)
        self.timesteps = torch.randint(len(model.alphas_cumprod), (batch,), generator=generator)
        alpha = model.alphas_cumprod[self.timesteps][:, None, None, None]
        self.noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        self.aim = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean if model.prediction == "v_prediction" else noise

    def loss(self, adapted: torch.nn.Module, model: DragModel, part: slice) -> torch.Tensor:
        """The mean squared error of these rows."""
        noisy, timesteps = self.noisy[part].to(model.device, model.dtype), self.timesteps[part].to(model.device)
        context = model.context.to(model.device, model.dtype).expand(len(noisy), -1, -1)
        made = adapted(noisy, timesteps, context, return_dict=False)[0]
        return functional.mse_loss(made.float(), self.aim[part].to(model.device))
