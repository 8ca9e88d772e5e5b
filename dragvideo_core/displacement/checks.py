"""What the points and masks must be before a displacement is worked out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..layers.pixels import grown
from ..points.naming import length_of, named, place_of
from ..types import PointTracks, UserError, VideoClip, size_of
from .mesh import spacing_for

PIN = 0.1  # px: followed points are pins that go no further than this


def check_tracks(clip: VideoClip, tracks: PointTracks) -> None:
    """UserError where the tracks do not belong to the clip, hold NaN, or the handle of a pair that moves is on no layer."""
    for name, value in (("edit mask", tracks.edit_mask), ("layer", tracks.layer), ("front", tracks.front)):
        if value is not None and tuple(value.shape) != (len(clip), 1, *clip.size):
            raise UserError(
                f"the {name} must have the shape {(len(clip), 1, *clip.size)}, as the clip: got {tuple(value.shape)}. "
                "Wire the same frames into Propagate Points and Displace."
            )
        if value is not None and not torch.isfinite(value).all():
            raise UserError(f"the {name} contains NaN or infinity: expected values in [0, 1]. Check the node that made it.")
    if tracks.handles.shape != tracks.targets.shape or len(tracks.handles) != len(clip):
        raise UserError(
            f"expected handles and targets for each of the {len(clip)} frames: got {tuple(tracks.handles.shape)} and "
            f"{tuple(tracks.targets.shape)}. Wire the same frames into Propagate Points and Displace."
        )
    if not (torch.isfinite(tracks.handles).all() and torch.isfinite(tracks.targets).all()):
        raise UserError("the points contain NaN or infinity: expected positions in pixels. Check the node that made the tracks.")
    if tracks.layer is not None:
        _check_on_layer(tracks.layer, tracks.handles, ~pins(tracks))


def pins(tracks: PointTracks) -> Tensor:
    """Which pairs hold their place in every frame, (J,) bool: their targets are their handles. They may hold the ground as well."""
    return ((tracks.targets - tracks.handles).norm(dim=-1) < PIN).all(2).all(0)


def on_layer(layer: Tensor, handles: Tensor) -> Tensor:
    """Which sets (N, J, S, 2) px have their middle on the layer (N, 1, H, W), or next to it: (N, J) bool."""
    reach, size = 2.0 * spacing_for(size_of(layer)), size_of(layer)
    middles = handles.mean(2).round().long()
    column, row = middles[..., 0].clamp(0, size[1] - 1), middles[..., 1].clamp(0, size[0] - 1)
    near = torch.stack([torch.from_numpy(grown(one[0].numpy() > 0.5, reach)) for one in layer])
    return near[torch.arange(len(layer))[:, None], row, column]


def _check_on_layer(share: Tensor, handles: Tensor, moves: Tensor) -> None:
    """UserError if the handle of a pair that moves, (J,) bool, lies on the layer in no frame. A pin may hold the ground."""
    layer = share[:, 0] > 0.5
    if not layer.any():
        raise UserError(
            "the layer is empty in every frame: expected the thing that is dragged. Wire in a mask that is white on it, or paint "
            "a stroke over it on the Pick Points node."
        )
    reach = 2.0 * spacing_for(size_of(layer))
    for j in moves.nonzero().flatten().tolist():
        if any(_is_near(layer[i], handles[i, j].mean(0), reach) for i in range(len(layer))):
            continue
        nearest = []
        for i in range(len(layer)):
            places = layer[i].nonzero().flip(1).float()
            if len(places):
                gap = (places - handles[i, j].mean(0)).norm(dim=1)
                nearest.append((gap.min().item(), i, places[gap.argmin()]))
        gap, i, place = min(nearest, key=lambda one: one[0])
        raise UserError(
            f"the handle of pair {j + 1} lies on no layer in any frame: expected it on the thing that is dragged. "
            f"The nearest place of the layer is {place_of(*place.tolist())} in {named([i])}, {length_of(gap)} away. "
            "Put the handle there, or paint the layer there."
        )


def _is_near(layer: Tensor, place: Tensor, reach: float) -> bool:
    """Whether the layer (H, W) bool has a pixel within `reach` px of a place (2,) px. Only the square around it is looked at."""
    x, y = place.tolist()
    left, top = max(0, math.floor(x - reach)), max(0, math.floor(y - reach))
    rows, columns = layer[top : max(0, math.ceil(y + reach) + 1), left : max(0, math.ceil(x + reach) + 1)].nonzero(as_tuple=True)
    return bool((torch.hypot(columns + left - x, rows + top - y) <= reach).any())
