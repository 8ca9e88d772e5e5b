"""A displacement of the picture, taken to latent cells: what noise and residuals have to do to go with the pixels.

Latents move by whole cells, so that noise stays noise. Where ground came free nothing that belonged to the thing may stay: the
inverted noise there encodes the thing, and so does the residual; both bring it back at its old place.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from einops import rearrange
from torch import Tensor

from ..points.sampling import cell_centres, lookup, mask_to_cells, taken_from
from ..types import Displacement, PointTracks, Size

STILL = 0.01  # px: what moved less stayed


@dataclass(frozen=True)
class CellMoves:
    """Where the content of every cell comes from."""

    source: Tensor  # (N, h * w) int64: the cell of the same frame that a cell's content was in
    freed: Tensor  # (N, 1, h, w) bool: cells with ground that came free
    covered: Tensor  # (N, 1, h, w) bool: cells that the thing covered before
    touched: Tensor  # (N, 1, h, w) bool: cells where anything moved or came free

    def taken_along(self, values: Tensor, frames: slice = slice(None)) -> Tensor:
        """Values (n, C, h, w) of some frames, moved with the picture."""
        return taken_from(values, self.source[frames])

    def to(self, device: torch.device) -> CellMoves:
        """The same on a device."""
        return CellMoves(*(getattr(self, field.name).to(device) for field in fields(self)))


def cell_moves(displaced: Displacement, tracks: PointTracks, cells: Size) -> CellMoves:
    """The displacement at a latent's cells (h, w); the thing is the tracks' layer."""
    (h, w), (height, width) = cells, (displaced.frames.shape[-2], displaced.frames.shape[-1])
    pixels = cell_centres((height, width), (height, width))
    moves = displaced.backward - pixels  # (N, H, W, 2)
    centres = cell_centres(cells, (height, width)).expand(len(moves), -1, -1, -1)
    places = centres + lookup(rearrange(moves, "n h w xy -> n xy h w"), centres, (height, width))
    column, row = ((places[..., 0] + 0.5) * w / width).floor().long(), ((places[..., 1] + 0.5) * h / height).floor().long()
    moved = (moves.norm(dim=-1) > STILL)[:, None]
    freed = mask_to_cells(displaced.freed, cells).bool()
    return CellMoves(
        source=(row.clamp(0, h - 1) * w + column.clamp(0, w - 1)).flatten(1),
        freed=freed,
        covered=freed if tracks.layer is None else mask_to_cells(tracks.layer > 0.5, cells).bool(),
        touched=mask_to_cells(moved | displaced.freed, cells).bool(),
    )


def with_fresh_noise(noise: Tensor, moves: CellMoves, generator: torch.Generator) -> Tensor:
    """Noise (N, 4, h, w) moved with the picture, new where ground came free: there the same in every frame, as the ground is."""
    fresh = torch.randn(noise.shape[1:], generator=generator)
    return torch.where(moves.freed, fresh, moves.taken_along(noise))
