"""What stays the same while a drag runs: the key frames with their latents, masks, targets, and the chain of steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..diffusion.ddim import Ddim
from ..group import ALONE, Group
from ..points.sampling import lookup, mask_to_cells
from ..types import DragModel, Inversion, PointTracks, Size, size_of
from . import supervision, tracking
from .halo import Halo, restricted
from .key_frames import key_frames
from .offsets import Chain
from .rounds import Earlier
from .settings import DragSettings
from .sharing import Sharing, frames_of, shifted, span


@dataclass(frozen=True)
class Plan:
    """K key frames of the N frames; tensors are float32 and on the model's device where nothing else is said.

    Points are so few that every rank of a group has those of all key frames. Latents and masks are those of the k key frames
    that this rank works on; alone, k is K. A slice of key frames counts all of them.

    A frame of 512 x 512 px takes 64 kB there for each latent, offset or moment of Adam at each step, so the whole of it stays
    there: 2 MB a frame with four steps, beside some 500 MB for the denoiser's work on one frame.
    """

    settings: DragSettings
    chain: Chain
    sharing: Sharing
    size: Size  # (H, W) px
    latents: dict[int, Tensor]  # step -> (k, 4, h, w): inverted latents
    cell_mask: Tensor  # (k, 1, h, w): 1 where the latents may change
    handles: Tensor  # (K, J, S, 2) px: where they are before the first iteration of this round
    targets: Tensor  # (K, J, S, 2) px
    visible: Tensor  # (K, J, S) bool
    shown: Tensor  # (K, J) bool, on the CPU: whether any point of the set is visible
    moves: Tensor  # (M,) px: candidates of Eq. 6
    patch: Tensor  # (D, 2) px: the supervised patch around a point
    group: Group
    halo: Halo

    @property
    def steps(self) -> tuple[int, ...]:
        """Denoising steps with offsets, from high to low."""
        return self.chain.steps

    @property
    def turns(self) -> int:
        """So many iterations until every key frame has been worked on."""
        return min(self.settings.turns, len(self.handles))

    def turn(self, iteration: int) -> slice:
        """The key frames that iteration number 0, 1, ... works on."""
        return slice(iteration % self.turns, len(self.handles), self.turns)

    def mine(self, part: slice | None = None) -> slice:
        """Those of some key frames, None: of all, that this rank works on."""
        return restricted(part or slice(0, len(self.handles), 1), self.sharing.span.mine)

    def local(self, part: slice) -> slice:
        """Where key frames that this rank works on are among the k."""
        return shifted(part, self.sharing.span.mine.start)

    @property
    def frames(self) -> slice:
        """Which of the N frames this rank makes the result of."""
        return self.sharing.frames

    def of_all_keys(self, held: Tensor) -> Tensor:
        """Something of the key frames whose corrections are held, of all K ranks' own: (K, ...) on the CPU."""
        whole, own = self.sharing.span, self.sharing.span.mine
        return self.group.gather(held[shifted(own, whole.held.start)], self.key_shares)

    @property
    def key_shares(self) -> list[slice]:
        """The key frames that each rank works on."""
        return [self.group.share(len(self.handles), rank) for rank in range(self.group.size)]

    def gather_frames(self, part: Tensor) -> Tensor:
        """The frames (n, ...) of all ranks: (N, ...) on the CPU."""
        keys, count = self.sharing.keys, len(self.sharing.points)
        return self.group.gather(part, [frames_of(share, keys, count) for share in self.key_shares])

    def around(self, features: Tensor, places: Tensor) -> Tensor:
        """Features (n, C, h, w) of the patch around places (n, J, S, 2) px: (n, J, S, D, C)."""
        return lookup(features, places[..., None, :] + self.patch, self.size)

    def chunks(self) -> batches.Chunks:
        """Key frames at a time."""
        cells = self.cell_mask.shape[-2:].numel()
        return batches.Chunks(self.chain.model, cells, max(1, len(self.cell_mask)), self.settings.chunk, memory.WITH_GRADIENTS)


def make_plan(
    inversion: Inversion, tracks: PointTracks, model: DragModel, settings: DragSettings, earlier: Earlier, group: Group = ALONE
) -> Plan:
    """The plan of one round on top of `earlier`; its steps are added to the settings'."""
    device, cells, keys = model.device, size_of(inversion.latents), key_frames(tracks, settings.key_every)
    model = replace(model, context=model.context.to(device, model.dtype))
    steps = tuple(sorted({*settings.steps, *earlier.offsets}, reverse=True))
    of_keys = tracks.each(lambda values: values[keys])
    count = len(of_keys.handles)
    spans = [span(group.share(count, rank), count, settings.reach) for rank in range(group.size)]
    mine, heard = spans[group.rank].mine, spans[group.rank].heard
    near_mask = mask_to_cells(of_keys.edit_mask[heard], cells) if heard.stop > heard.start else torch.zeros(0, 1, *cells)
    return Plan(
        settings=settings,
        chain=Chain(model, Ddim(model.alphas_cumprod, model.prediction), steps, settings.chained),
        sharing=Sharing(tracks, cells, keys, settings.reach, device, mine),
        size=size_of(tracks.edit_mask),
        latents={step: inversion.latents[step][keys][mine].to(device) for step in steps},
        cell_mask=near_mask[shifted(mine, heard.start)].to(device),
        handles=earlier.path[-1][keys].to(device),
        targets=of_keys.targets.to(device),
        visible=of_keys.visible.to(device),
        shown=of_keys.visible.any(-1),
        moves=tracking.candidate_moves(settings.max_move, device),
        patch=supervision.patch_offsets(settings.patch_radius, device),
        group=group,
        halo=Halo(group, spans, near_mask.bool() if settings.lock else torch.ones_like(near_mask).bool()),
    )
