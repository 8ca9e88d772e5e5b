"""The offsets replayed on the full trajectory, from the highest step with an offset down to clean latents (Sec. 3.3).

Two branches go down together. The source branch goes over the inverted latents; its denoiser call gives keys and values for
the edited branch (cross-branch attention) and shows what the DDIM jump misses (the residual), which the edited branch adds.
So the nearer the offsets are to zero, the nearer the edited latents are to the inverted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from ..diffusion import batches
from ..diffusion.attention import Barred, CrossBranch, cross_branch, text_once
from ..diffusion.ddim import Ddim
from ..diffusion.denoiser import predict
from ..types import DragModel
from . import offsets as latent_offsets
from .cell_moves import CellMoves

Answering = Literal["same_frame", "first_frame", "all_frames", "off"]  # whose keys and values the edited frames use


@dataclass(frozen=True)
class Replay:
    """What stays the same while it runs. N frames, on the CPU; those in `mine` are edited."""

    model: DragModel
    latents: Tensor  # (T + 1, N, 4, h, w): inverted
    offsets: dict[int, Tensor]  # step -> (N, 4, h, w)
    cell_mask: Tensor  # (N, 1, h, w): 1 where the latents may change
    answering: Answering
    mine: slice  # the n frames of this rank
    moves: CellMoves | None = None  # of the displacement that the offsets start from, if they do

    @property
    def ddim(self) -> Ddim:
        """The schedule."""
        return Ddim(self.model.alphas_cumprod, self.model.prediction)

    def run(
        self,
        steps: Sequence[int],
        chunks: batches.Chunks,
        on_jump: Callable[[int], None],
        after_jump: Callable[[Tensor, int], Tensor],
    ) -> Tensor:
        """Edited clean latents (n, 4, h, w).

        steps: from the highest with an offset down to 0, those with offsets among them. on_jump gets how many frames have
        made a jump; after_jump may change the latents (n, 4, h, w) at the step that they have come to.
        """
        top = steps[0], self.mine
        edited = latent_offsets.add_offset(self.latents[top], None, self.offsets[steps[0]][self.mine], self.cell_mask[self.mine])
        with text_once(self.model.denoiser), cross_branch(self.model.denoiser) as branch:
            for number, (step_from, step_to) in enumerate(pairwise(steps)):
                if len(edited):
                    self._record_shared(branch, step_from, chunks)
                lower = torch.empty_like(edited)
                for part, latents in chunks.map(partial(self._jump, branch, edited, step_from, step_to), len(edited)):
                    lower[part] = latents
                    on_jump(number * len(edited) + part.stop)
                branch.mode = "plain"
                edited = after_jump(lower, step_to)
        return edited

    def _jump(self, branch: CrossBranch, edited: Tensor, step_from: int, step_to: int, chunk: slice) -> Tensor:
        """The edited latents of a chunk, a part of the n frames, at the step below."""
        ddim, device = self.ddim, self.model.device
        part = slice(self.mine.start + chunk.start, self.mine.start + chunk.stop)
        z_from, z_to, x_t = (
            values.to(device) for values in (self.latents[step_from, part], self.latents[step_to, part], edited[chunk])
        )
        branch.mode = "record" if self.answering == "same_frame" else "plain"
        source_output = predict(self.model, z_from, ddim.timestep(step_from))
        branch.mode = "plain" if self.answering == "off" else "use"
        branch.rows, branch.barred = self._answering_rows(x_t), self._barred(part)
        from_above = ddim.move(x_t, predict(self.model, x_t, ddim.timestep(step_from)), step_from, step_to)
        residual = latent_offsets.residual(ddim, z_from, source_output, z_to, step_from, step_to)
        from_above = from_above + self._taken_along(residual, part)
        offset = self.offsets[step_to][part].to(device) if step_to in self.offsets else torch.zeros_like(from_above)
        return latent_offsets.add_offset(z_to, from_above, offset, self._mask_on_device[part]).cpu()

    @cached_property
    def _mask_on_device(self) -> Tensor:
        return self.cell_mask.to(self.model.device)

    @cached_property
    def _moves_on_device(self) -> CellMoves | None:
        return None if self.moves is None else self.moves.to(self.model.device)

    def _taken_along(self, residual: Tensor, part: slice) -> Tensor:
        """The residual (n, 4, h, w) moved with the picture; none where ground came free, since it belongs to the thing."""
        moves = self._moves_on_device
        return residual if moves is None else moves.taken_along(residual, part).masked_fill(moves.freed[part], 0.0)

    def _barred(self, part: slice) -> Barred | None:
        """Freed ground does not look at the thing that covered it: it would come back there."""
        moves = self._moves_on_device
        if (
            self.moves is None or moves is None or not bool(self.moves.freed[part].any())
        ):  # asked on the CPU, which waits for nothing
            return None
        covered = {"same_frame": moves.covered[part], "first_frame": moves.covered[:1]}
        return Barred(moves.freed[part], covered.get(self.answering, moves.covered))

    def _record_shared(self, branch: CrossBranch, step: int, chunks: batches.Chunks) -> None:
        """Keys and values that serve every frame, kept for this step, for the choices that need them."""
        z_t = self.latents[step]
        frames = {"first_frame": z_t[:1], "all_frames": z_t}.get(self.answering)
        if frames is None:
            return
        branch.kept.clear()
        branch.mode = "add"

        def record(part: slice) -> None:
            before = dict(branch.kept)
            try:
                predict(self.model, frames[part].to(self.model.device), self.ddim.timestep(step))
            except BaseException:
                branch.kept = before  # some layers had added this part's already
                raise

        for _ in chunks.map(record, len(frames)):
            pass

    def _answering_rows(self, x_t: Tensor) -> Tensor | None:
        """Which kept row answers each frame of the chunk; None: all of them together."""
        if self.answering == "same_frame":
            return torch.arange(len(x_t), device=x_t.device)
        return torch.zeros(len(x_t), dtype=torch.long, device=x_t.device) if self.answering == "first_frame" else None
