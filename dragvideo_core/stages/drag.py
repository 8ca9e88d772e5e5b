"""Drag: latent offsets are optimised until the handles are at their targets in every frame (Sec. 3.3 and 3.4).

One pass over the frames measures the residuals of the chain and the first templates. Every iteration is one pass as well:
the same denoiser call gives the features that supervise, the features that track, and the output that leads to the next
step of the chain. Templates and handles change only between passes, so frames may be worked through in chunks of any size
with the same result; tracking therefore sees the latents of the pass just made.

What Adam changes are corrections, one per key frame; `dragging/sharing.py` makes every frame's offset of them. Frames take
turns (ours; the paper has all of them in every iteration): an iteration works on every n-th, on others each time, and what it
finds is carried to those between. It costs an n-th; for what the edit loses by it see `make bench-quality`.

Between two iterations the work can be taken apart into a state and put together again, here or in another process: it ends
bit for bit as if it had not been broken off (same device, same chunks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..diffusion.attention import text_once
from ..diffusion.ddim import Ddim
from ..diffusion.denoiser import features_without_output, predict
from ..dragging import checks as drag_checks
from ..dragging import offsets as latent_offsets
from ..dragging import rounds, supervision, tracking, warm_start
from ..dragging import state as drag_state
from ..dragging.sharing import Carrying
from ..files.unfinished import NOT_KEPT, Unfinished
from ..media.drawing import draw_points
from ..points.sampling import lookup, mask_to_cells
from ..types import DragModel, DragResult, Inversion, OnProgress, PointTracks, UserError, ignore_progress, warn

MOST_SKIPPED = 3  # steps whose gradient is no number, until the work is given up


@dataclass(frozen=True)
class DragSettings:
    steps: tuple[int, ...] = (42, 41, 35, 30)  # the set T of Sec. 4.1, in steps of 50
    learning_rate: float = 0.01  # of Adam without weight decay (Sec. 4.1)
    iterations: int = 60  # at most (Sec. 4.1)
    max_move: float = 3.0  # l of Eq. 6, in cells of the grid at half the picture's resolution
    mask_weight: float = 0.1  # of Eq. 5; unstated, DragDiffusion's
    patch_radius: int = 1  # of the supervised patch around each point of the set, in cells
    arrive: float = 2.0  # a pair is there when less than this many cells remain (DragDiffusion's)
    lock: bool = True  # hard lock: nothing changes outside the mask
    chained: bool = True  # offsets act as a chain; False: each on its own inverted latent
    moving_average: bool = True  # of the templates (footnote 2); False: the first template stays
    warm_start: bool = True  # begin with the parts displaced to their targets; False: with zero offsets, as in the paper
    reach: float = 1.0  # how far a frame's change also serves its neighbours, in (key) frames; 0: not, as in the paper
    key_every: int = 1  # only every n-th frame is optimised, the others are served by these
    turns: int = 2  # an iteration works on every n-th (key) frame, on others each time; 1: on all, as in the paper
    chunk: int = 0  # frames at a time; 0: as many as fit into memory


def drag(
    inversion: Inversion,
    tracks: PointTracks,
    model: DragModel,
    settings: DragSettings = DragSettings(),
    on_progress: OnProgress = ignore_progress,
    start: DragResult | None = None,
    unfinished: Unfinished = NOT_KEPT,
) -> DragResult:
    """Find the offsets. Stops when every pair has arrived or the iterations are used up.

    start: an edit of the same clip to go on from; its steps are added to `settings.steps`. With `unfinished`, work that
    was broken off goes on where it was.
    UserError when steps, tracks, inversion and edit do not fit together, and when gradients are no numbers again and again.
    """
    drag_checks.check(inversion, tracks, settings, start)
    run = _Run(inversion, tracks, model, settings, start)
    work = unfinished.work(drag_state.name(inversion, tracks, model, settings, start))
    total = max(1, settings.iterations)

    def tick() -> None:
        on_progress(min(run.done, total), total, None)

    def state() -> drag_state.State:
        return drag_state.take(run)

    kept = work.resumed()
    run.chunks.size = min(run.chunks.size, drag_state.chunk_of(kept))
    with text_once(model.denoiser):
        if settings.warm_start and start is None:
            tick()
            run.warm_up(inversion, tracks)
        run.measure(tick)
        drag_state.put_back(run, kept)
        try:
            while run.done < settings.iterations and not bool(run.arrived().all()):
                if run.iterate(tick):
                    on_progress(run.done, total, run.picture)
                work.keep(state)
        except BaseException:
            if run.is_whole and run.done:
                work.break_off(state)
            raise
    work.finished()
    return run.result()


class _Run:
    """The state of one optimisation, float32. On the model's device is what hardly grows with the clip: templates, the chunk at
    work, points, and where corrections are carried from (40 bytes a cell and frame at reach 1). Latents, offsets and Adam's
    memory stay in main memory, and so does Adam's step."""

    def __init__(
        self, inversion: Inversion, tracks: PointTracks, model: DragModel, settings: DragSettings, start: DragResult | None = None
    ):
        self.model, self.settings, self.start, device = model, settings, start, model.device
        self.size = tuple(tracks.edit_mask.shape[-2:])
        cells, keys = inversion.latents.shape[-2:], slice(None, None, settings.key_every)
        self.carrying = Carrying(tracks, cells, settings.key_every, settings.reach, device)
        self.path_of_all = rounds.path_so_far(start, tracks)  # (K + 1, N, J, S, 2): of all frames, before this round
        self.mask_of_all = mask_to_cells(tracks.edit_mask, cells)
        self.keys, tracks = keys, tracks.of_frames(keys)
        self.steps = tuple(sorted({*settings.steps, *(start.offsets if start else ())}, reverse=True))
        self.ddim = Ddim(model.alphas_cumprod, model.prediction)
        self.chain = latent_offsets.Chain(model, self.ddim, self.steps, settings.chained)
        self.z = {step: inversion.latents[step][keys] for step in self.steps}
        self.cell_mask = self.mask_of_all[keys]
        self.edit_mask = tracks.edit_mask
        earlier = self.path_of_all[:, keys]
        self.path, self.losses = list(earlier), list(start.losses) if start else []  # of all rounds, on the CPU
        self.first, self.has_moved = len(self.losses), rounds.has_moved(earlier).to(device)
        self.handles, self.targets = earlier[-1].to(device), tracks.targets.to(device)
        self.visible = tracks.visible.to(device)
        self.begin_with = latent_offsets.zero_offsets(self.steps, inversion.latents[0])  # of all frames
        self.begin_with |= start.offsets if start else {}
        self.corrections = latent_offsets.zero_offsets(self.steps, self.z[self.steps[0]])  # what Adam changes
        for own in self.corrections.values():
            own.requires_grad_()
        self.begun = self.z  # what the chain's residuals are measured on: the inverted latents, or those of the warm start
        self.before = dict(self.corrections)  # the corrections before the last step of Adam
        self.skipped = 0
        self.is_whole = False  # whether its state can be taken: not in the middle of an update
        self.optimiser = torch.optim.Adam(list(self.corrections.values()), lr=settings.learning_rate)
        self.moves = tracking.candidate_moves(settings.max_move, device)
        self.patch = supervision.patch_offsets(settings.patch_radius, device)
        self.chunks = batches.Chunks(model, cells.numel(), len(self.handles), settings.chunk, memory.WITH_GRADIENTS)
        self.residuals: dict[int, Tensor] = {}
        self.templates: dict[int, Tensor] = {}
        self.turns = min(settings.turns, len(self.handles))
        self.looks: dict[int, Tensor] = {}  # (turns, J, S, D, C): sums of the handles' patches when frames last had their turn
        self.first_distance: dict[int, Tensor] = {}
        self.last = self.z[self.steps[-1]][:1]  # x_t of the first frame at the lowest step

    @property
    def done(self) -> int:
        """Iterations of this round."""
        return len(self.losses) - self.first

    def remaining(self) -> Tensor:
        """Pixels left from handle to target: the mean over frames, (J, S)."""
        return (self.targets - self.handles).norm(dim=-1).mean(0)

    def arrived(self) -> Tensor:
        """(J,) bool: the set is there on average."""
        return self.remaining().mean(-1) < self.settings.arrive * supervision.GRID

    def warm_up(self, inversion: Inversion, tracks: PointTracks) -> None:
        """The first offset puts the dragged parts where they are to be; the chain carries them down unchanged."""
        moved = warm_start.moved_latents(inversion, tracks, self.model, self.steps, self.chunks)
        keep = self.mask_of_all if self.settings.lock else torch.ones_like(self.mask_of_all)
        self.begun = {step: z_t + keep[self.keys] * (moved[step][self.keys] - z_t) for step, z_t in self.z.items()}
        z_top = inversion.latents[self.steps[0]]
        self.begin_with[self.steps[0]] = keep * (moved[self.steps[0]] - z_top)

    def measure(self, tick: Callable[[], None] = lambda: None) -> None:
        """Residuals of the chain, and templates of Eq. 3: the look that the handles have before this round.

        A handle that an earlier round moved keeps the look that it had in the clip.
        """
        sums = dict.fromkeys(self.steps, 0.0)
        for step in self.steps:
            self.residuals[step] = torch.zeros_like(self.z[step])
        tick()
        for _, found in self.chunks.map(self._measured):
            for step, total in found.items():
                sums[step] = sums[step] + total
            tick()
        for step in self.steps:
            self.looks[step] = sums[step]
            self.templates[step] = supervision.mean_of_sum(sums[step].sum(0), self.visible)
        self.is_whole = True

    @torch.no_grad()
    def _measured(self, part: slice) -> dict[int, Tensor]:
        """Per step and turn the sum over a chunk's frames of the patches around the handles, (turns, J, S, D, C); its residuals
        are set."""
        above, found, at_first = None, {}, self._there(self.path[0], part)
        for step in self.steps:
            z_t = self._there(self.begun[step], part)
            if self.begun is self.z:
                features, output = self.chain.look(z_t, step)
            else:
                features = features_without_output(self.model, self._there(self.z[step], part), self.ddim.timestep(step))
                output = predict(self.model, z_t, self.ddim.timestep(step)) if self.chain.leads_on(step) else None
            found[step] = self._around(features, at_first)
            if above is not None:
                self.residuals[step][part] = latent_offsets.residual(self.ddim, *above[1:], z_t, above[0], step)
            above = None if output is None else (step, z_t, output)
        if self.start is not None and not bool(self.has_moved.all()):
            for step, edited in self._measured_edited(part).items():
                found[step] = torch.where(self.has_moved[:, None, None, None], found[step], edited)
        turns = [slice((turn - part.start) % self.turns, None, self.turns) for turn in range(self.turns)]
        visible = self.visible[part]
        return {
            step: torch.stack([supervision.sum_over_frames(patches[turn], visible[turn]) for turn in turns])
            for step, patches in found.items()
        }

    def _measured_edited(self, part: slice) -> dict[int, Tensor]:
        """The same patches as the edit that this round starts from has them."""
        carried, found = None, {}
        for step in self.steps:
            x_t = self._input(step, part, carried, self._there(self.begin_with[step][self.keys], part))
            features, output = self.chain.look(x_t, step)
            found[step] = self._around(features, self.handles[part])
            carried = self.chain.onward(x_t, output, step)
        return found

    def iterate(self, tick: Callable[[], None] = lambda: None) -> bool:
        """One iteration: a pass over the frames, an Adam step, one shared move. False if the step had to be skipped."""
        turn = self._turn()
        weight = torch.zeros_like(self.visible)
        weight[turn] = (self.visible * ~self.arrived()[:, None])[turn]
        busy = weight.flatten(1).any(1).tolist()  # frames that show a point which has not arrived

        def work(part: slice) -> dict:
            frames = slice(turn.start + part.start * turn.step, turn.start + part.stop * turn.step, turn.step)
            if self.settings.lock and not any(busy[frames]):
                return {}
            return self._supervised(frames, {step: offset[part] for step, offset in offsets.items()}, weight)

        changes = {step: self.carrying.among_keys(own, turn) for step, own in self.corrections.items()}
        offsets = {step: self.begin_with[step][self.keys][turn] + change.detach() for step, change in changes.items()}
        grads = {step: torch.zeros_like(offset) for step, offset in offsets.items()}
        newest = {step: torch.zeros_like(template) for step, template in self.templates.items()}
        ahead = {step: torch.zeros(self.handles.shape[1:3], device=self.handles.device) for step in self.steps}
        line = {step: torch.zeros(*self.handles.shape[1:3], len(self.moves), device=self.handles.device) for step in self.steps}
        total = torch.zeros(2, device=self.handles.device)
        for part, found in self.chunks.map(work, len(weight[turn])):
            for step, (grad, terms, distance, patches, along) in found.items():
                grads[step][part] = grad
                total += terms
                ahead[step] += distance
                newest[step] += patches
                line[step] += along
            tick()
        if not all(bool(torch.isfinite(value).all()) for value in (total, *grads.values())):
            self._skip()
            return False
        self.is_whole = False
        self.before = {step: own.detach().clone() for step, own in self.corrections.items()}
        for step, own in self.corrections.items():
            own.grad = torch.autograd.grad(changes[step], own, grads[step])[0]
        self.optimiser.step()
        self._advance(newest, ahead, line, weight, turn)
        self.losses.append(total.cpu() * len(weight) / len(weight[turn]))  # as of all frames
        self.path.append(self.handles.cpu())
        self.is_whole = True
        return True

    def _turn(self) -> slice:
        """The (key) frames whose turn it is in this iteration."""
        return slice(self.done % self.turns, None, self.turns)

    def _skip(self) -> None:
        """A gradient is no number: half of the step before is taken back, and those to come are half as large."""
        self.skipped += 1
        if self.skipped == MOST_SKIPPED:
            raise UserError(
                f"the gradient was not finite {MOST_SKIPPED} times: expected numbers. Lower 'learning_rate', or choose "
                "'precision' float32 on the Stable Diffusion Model node."
            )
        group = self.optimiser.param_groups[0]
        group["lr"] /= 2
        for step, own in self.corrections.items():
            own.detach().lerp_(self.before[step], 0.5)
        warn(
            f"a gradient was not finite in iteration {self.done + 1}: the step is skipped and the learning rate halved to "
            f"{group['lr']:g}.",
        )

    def _supervised(
        self, part: slice, offsets: dict[int, Tensor], weight: Tensor
    ) -> dict[int, tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
        """Per step of a chunk, the (key) frames `part` with these offsets (n, 4, h, w): gradient of its offset, loss terms (2,),
        distances (J, S), patches (J, S, D, C) and distances of Eq. 6 (J, S, M), all but the first summed over its frames."""
        carried, found = None, {}
        for step in self.steps:
            offset = offsets[step].to(self.handles.device).requires_grad_()
            x_t = self._input(step, part, carried, offset)
            features, output = self.chain.look(x_t, step)
            loss, distance, terms = self._loss(features, x_t, step, part, weight)
            grad = torch.autograd.grad(loss, offset)[0]
            with torch.no_grad():
                patches = supervision.sum_over_frames(self._around(features, self.handles[part]), self.visible[part])
                found[step] = grad, terms, distance, patches, self._along(features, step, part)
                carried = self.chain.onward(x_t.detach(), output, step)
        if part.start == 0:
            self.last = x_t.detach()[:1]
        return found

    def _there(self, tensor: Tensor, part: slice) -> Tensor:
        """A chunk of what is kept in main memory, on the model's device."""
        return tensor[part].to(self.handles.device)

    def _input(self, step: int, part: slice, carried: Tensor | None, offset: Tensor) -> Tensor:
        if carried is not None:
            carried = carried + self._there(self.residuals[step], part)
        mask = self._there(self.cell_mask, part) if self.settings.lock else None
        return latent_offsets.add_offset(self._there(self.z[step], part), carried, offset, mask)

    def _loss(self, features: Tensor, x_t: Tensor, step: int, part: slice, weight: Tensor):
        handles, targets = self.handles[part], self.targets[part]
        stepped = handles + supervision.GRID * supervision.directions(handles, targets)
        drag_loss, distance = supervision.drag_loss(self._around(features, stepped), self.templates[step], weight[part].float())
        mask_loss = supervision.mask_loss(x_t, self._there(self.z[step], part), self._there(self.cell_mask, part))
        return drag_loss + self.settings.mask_weight * mask_loss, distance, torch.stack([drag_loss, mask_loss]).detach()

    def _around(self, features: Tensor, places: Tensor) -> Tensor:
        """Features of the patch around places (n, J, S, 2): (n, J, S, D, C)."""
        return lookup(features, places[..., None, :] + self.patch, self.size)

    def _along(self, features: Tensor, step: int, part: slice) -> Tensor:
        """Distances of Eq. 6 for the frames of a chunk, (J, S, M)."""
        places = tracking.candidate_points(self.handles[part], self.targets[part], self.moves)
        middle = len(self.patch) // 2
        return tracking.distances(lookup(features, places, self.size), self.templates[step][:, :, middle], self.visible[part])

    def _advance(self, newest: dict, ahead: dict, line: dict, weight: Tensor, turn: slice) -> None:
        """Templates (footnote 2), then handles (Eq. 6 and 7)."""
        seen = weight.sum(0)
        if self.settings.moving_average:
            for step in self.steps:
                distance = ahead[step] / seen.clamp(min=1)
                first = self.first_distance.get(step, torch.zeros_like(distance))
                self.first_distance[step] = torch.where(first > 0, first, distance)
                share = supervision.average_share(distance, self.first_distance[step]) * (seen > 0)
                self.looks[step][turn.start] = newest[step]
                mean = supervision.mean_of_sum(self.looks[step].sum(0), self.visible)
                self.templates[step] = supervision.moving_average(self.templates[step], mean, share)
        move = tracking.shared_move(list(line.values()), self.moves, self.remaining())
        move = torch.where(self.arrived()[:, None], torch.zeros_like(move), move)
        self.handles = tracking.move_handles(self.handles, self.targets, move)

    def result(self) -> DragResult:
        """The edit as it is now."""
        told = rounds.record(self.settings, self.done, self.path[self.first], self.path[-1], self.targets.cpu())
        path, first = torch.stack(self.path), self.first
        moved = self.carrying.moves_to_all((path[first:] - path[first]).transpose(0, 1)).transpose(0, 1)
        path = torch.cat([self.path_of_all[:-1], self.path_of_all[-1] + moved])
        offsets = {step: self.begin_with[step] + self.carrying.to_all(own.detach()) for step, own in self.corrections.items()}
        if self.settings.lock:  # what came from a neighbour whose mask is larger
            offsets = {step: offset * self.mask_of_all for step, offset in offsets.items()}
        return DragResult(
            offsets=offsets,
            handle_path=path,
            losses=torch.stack(self.losses) if self.losses else torch.zeros(0, 2),
            arrived=self.arrived().cpu(),
            rounds=(*(self.start.rounds if self.start else ()), told),
        )

    @torch.no_grad()
    def picture(self) -> Tensor:
        """The first frame as the lowest step predicts it now, with handles and targets: (3, H, W)."""
        x_t, step = self.last.to(self.handles.device), self.steps[-1]
        clean, _ = self.ddim.clean_and_noise(x_t, predict(self.model, x_t, self.ddim.timestep(step)), step)
        frame = self.model.vae.decode(clean)[0].float().cpu()
        return draw_points(frame, self.handles[0].cpu(), self.targets[0].cpu(), self.edit_mask[0])
