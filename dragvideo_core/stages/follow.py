"""Follow: the clicked points go through all frames along tracks made elsewhere, in the place of `propagate`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..exchange.tracks import GivenTracks, nearest, serving
from ..layers import find as layers
from ..layers.carry import carry
from ..layers.given import NOTHING
from ..points import edit_mask as edit_masks
from ..points import sets as points
from ..points.moves import full_ways, weakened
from ..types import PointPicks, PointTracks, Segmenter, UserError, VideoClip

OUTSIDE = "Paint the mask over it, or add a mask point near it on the Pick Points node."


@dataclass(frozen=True)
class FollowSettings:
    """Sizes are pixels at 512 x 512."""

    set_side: int = 3  # points per side of the square set (Sec. 4.4: 3 x 3)
    set_spacing: float = 8.0  # between them; unstated in the paper
    mask_radius: float = 28.0  # half side of a mask point's square; unstated in the paper
    guess_layer: bool = True  # ours: where nobody marked the thing, it is guessed (`layers/guess.py`)


def follow(
    clip: VideoClip,
    picks: PointPicks,
    given: GivenTracks,
    edit_mask: Tensor | None = None,
    settings: FollowSettings = FollowSettings(),
    segmenter: Segmenter = NOTHING,
) -> PointTracks:
    """Each handle set and each mask point moves like the track that is nearest to it on the picks' frame.

    Targets move with their handles (Eq. 2). edit_mask: (N, 1, H, W) bool, in the place of the squares around the mask points.
    The layer is the segmenter's, or is found from strokes among the picks, as in `propagate`.
    UserError when tracks, picks, mask and clip do not belong together, or the mask is black. Warns when the nearest track is far
    away, and when targets lie outside the mask.
    """
    _check(clip, picks, given)
    layers.check(picks, segmenter, len(clip))
    if edit_mask is not None:
        edit_masks.check_given(edit_mask, len(clip), clip.size)
    scale = min(clip.size) / points.REFERENCE
    handles = points.square_set(picks.handles.float(), settings.set_side, settings.set_spacing * scale)
    handles = points.shifted_inside(handles, clip.size)
    moves = weakened(full_ways(picks, len(clip)), picks)
    targets = handles + moves[picks.frame][:, None]
    motion = given.places - given.places[picks.frame]  # (N, P, 2)
    by = serving(picks, given)
    moved = handles[None] + motion[:, by][:, :, None]
    mask_points = picks.mask_points.float()[None].expand(len(clip), -1, -1)
    if len(picks.mask_points):
        mask_points = mask_points + motion[:, nearest(picks.mask_points, given, picks.frame)[0]]
    visible = given.visible[:, by][:, :, None] & points.inside(moved, clip.size)
    there = points.carry_targets(targets, handles, moved) + (moves - moves[picks.frame])[:, :, None]
    is_given = edit_mask is not None or len(picks.mask_points) > 0
    if edit_mask is None:
        radius = settings.mask_radius * scale
        edit_mask = edit_masks.may_change(mask_points, moved.mean(2), there.mean(2), radius, clip.size)
    outside = edit_masks.targets_outside(edit_mask, there.mean(2)) & visible.any(2)
    outside &= ~edit_masks.warn_of_black_frames(edit_mask, moves)[:, None] & edit_masks.moving(moves)
    edit_masks.warn_of_targets(outside, list(range(len(clip))), OUTSIDE)
    layer = layers.known_layer(clip, picks, segmenter)
    if layer is not None and len(layer) < len(clip):
        layer = carry(clip.frames, {picks.frame: layer[0, 0].numpy()}, moved, visible)
    elif layer is None and segmenter.asks_points:
        layer = layers.asked_layer(clip, picks, segmenter, moved, visible)
    elif layer is None and settings.guess_layer:
        ends = None if is_given else there.mean(2)
        layer = layers.layer_of_guess(clip, picks, segmenter, edit_mask, moved.mean(2), visible.any(2), ends)
    segmenter.free()
    if not is_given:
        edit_mask = edit_masks.taking_in(edit_mask, layer, moved.mean(2), there.mean(2), picks.frame)
    return PointTracks(
        handles=moved,
        targets=there,
        mask_points=mask_points,
        edit_mask=edit_mask,
        is_foreground=torch.ones_like(visible),
        visible=visible,
        layer=layer,
        front=layers.front_of(segmenter, clip),
    )


def _check(clip: VideoClip, picks: PointPicks, given: GivenTracks) -> None:
    if len(given.places) != len(clip):
        raise UserError(
            f"the tracks have {len(given.places)} frames, the clip has {len(clip)}: expected one position per frame. "
            "Track the "
            "same frames that you edit."
        )
    if picks.size != clip.size or not 0 <= picks.frame < len(clip):
        raise UserError(
            f"the points were picked on frame {picks.frame + 1} of {picks.size[1]} x {picks.size[0]}, the clip here has "
            f"{len(clip)} frames "
            f"of {clip.size[1]} x {clip.size[0]}. Wire the same frames into the Pick Points and the Use Tracks node."
        )
