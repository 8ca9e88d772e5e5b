"""Propagate: the clicked points become sets, and the sets go through all frames (Sec. 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..exchange.corrections import check_corrections
from ..group import ALONE, Group
from ..layers import find as layers
from ..layers.pixels import as_picture
from ..layers.regions import Regions
from ..media.cuts import shot_around
from ..points import edit_mask as edit_masks
from ..points import finders
from ..points import sets as points
from ..points.features import Features, answer
from ..points.flow import DIS, Flow
from ..points.moves import full_ways, weakened
from ..points.naming import shows_picked_frame
from ..points.pieces import carry_with_sets, held_together
from ..points.similarity import similarities
from ..region.windows import Found, tracks_as_tensors, tracks_of
from ..types import Correction, DragModel, OnProgress, PointPicks, PointTracks, Segmenter, UserError, VideoClip, ignore_progress
from ..warning import warn

OUTSIDE = "Paint the mask over it in Pick Points, or over the wired mask, or turn on 'fit mask' in Propagate Points."


@dataclass(frozen=True)
class PropagateSettings:
    """Sizes are pixels at 512 x 512."""

    set_side: int = 3  # points per side of the square set (Sec. 4.4: 3 x 3)
    set_spacing: float = 8.0  # between them; unstated in the paper
    mask_radius: float = 28.0  # half side of a mask point's square; unstated in the paper
    recipe: Literal["image", "video"] = "image"  # which of DIFT's settings
    ensemble: int = 8  # noises averaged per frame (DIFT)
    window: float = 80.0  # a point moves at most this far between frames; keeps the match near
    round_trip: float = 32.0  # a point that does not come back within this distance counts as hidden
    seed: int = 0  # of DIFT's noise
    chunk: int = 0  # frames at a time; 0: as many as fit into memory
    fit_mask: bool = False  # the mask also covers each drag's way, and SAM's region near the handle here and there
    tracker: Literal["auto", "dift", "flow"] = "auto"  # flow where it is sure, else DIFT; Sec. 3.2's DIFT; flow alone
    guess_layer: bool = True  # ours: where nobody marked the thing, it is guessed (`layers/guess.py`)
    ends_at_cuts: bool = True  # ours: no point goes on across a hard cut; off where the clip is known to be one shot


def propagate(
    clip: VideoClip,
    picks: PointPicks,
    segmenter: Segmenter,
    model: DragModel | None = None,
    settings: PropagateSettings = PropagateSettings(),
    on_progress: OnProgress = ignore_progress,
    corrections: Sequence[Correction] = (),
    edit_mask: Tensor | None = None,
    flow: Flow = DIS,
    group: Group = ALONE,
) -> PointTracks:
    """Carry handle sets, targets and mask points from the picks' frame to all others, forward and backward.

    Foreground points are found by optical flow, or by DIFT, background points move with their nearest foreground point
    (Eq. 1), targets move with their handles (Eq. 2) and, unless the tracker is DIFT alone, go along with the thing as it turns and
    grows (`points/similarity.py`), the mask is the union of the squares around the mask points (with `fit_mask` points along each
    drag's way are among these, and the mask is larger by the dragged regions). Without mask points it is what lies near the drags,
    and takes in the layer near the handles where one is known. A correction puts a handle where it really is in a frame, and the
    points go on from there. A point outside the picture counts as hidden. edit_mask: (N, 1, H, W) bool, in the place of the
    squares; `fit_mask` adds to it as to these.

    Warns when a target lies outside the mask, which cannot be reached: before the work for the picks' frame, afterwards for the
    others. UserError when picks, corrections, mask or the segmenter's masks do not belong to this clip, or the mask is black.
    What the segmenter held in memory is given back in any case. With a `group` the model's work is shared by frames; the rest is
    done by the first rank, and all ranks get its tracks.
    """
    if not group.is_first:
        return help_to_propagate(clip, model, settings, group)
    tracks = found_in(clip, picks, segmenter, model, settings, on_progress, corrections, edit_mask, flow, group).tracks
    if group.size > 1:
        group.state_from_first(tracks_as_tensors(tracks))
    return tracks


def found_in(
    clip: VideoClip,
    picks: PointPicks,
    segmenter: Segmenter,
    model: DragModel | None = None,
    settings: PropagateSettings = PropagateSettings(),
    on_progress: OnProgress = ignore_progress,
    corrections: Sequence[Correction] = (),
    edit_mask: Tensor | None = None,
    flow: Flow = DIS,
    group: Group = ALONE,
    holds: Tensor | None = None,
) -> Found:
    """What `propagate` finds, and what the next window of the same film needs of it.

    holds: (H, W) bool, the part of the layer that holds what is dragged, in the picks' frame, if an earlier window found it.
    """
    try:
        _check(clip, picks, corrections)
        _check_model(model, settings)
        layers.check(picks, segmenter, len(clip))
        if edit_mask is not None:
            edit_masks.check_given(edit_mask, len(clip), clip.size)
        scale = min(clip.size) / points.REFERENCE
        radius = settings.mask_radius * scale
        handles = points.square_set(picks.handles.float(), settings.set_side, settings.set_spacing * scale)
        handles = points.shifted_inside(handles, clip.size)
        ways = full_ways(picks, len(clip))
        moves = weakened(ways, picks)
        targets = handles + moves[picks.frame][:, None]
        unreached = torch.zeros(len(picks.targets), dtype=torch.bool)
        if not settings.fit_mask and shows_picked_frame():
            ends = handles.mean(1)[None], targets.mean(1)[None]
            squares = edit_masks.may_change(picks.mask_points.float()[None], *ends, radius, clip.size)
            first = squares if edit_mask is None else edit_mask[picks.frame][None]
            unreached = edit_masks.targets_outside(first, targets.mean(1)[None])[0] & edit_masks.moving(moves[picks.frame])
            edit_masks.warn_of_targets(unreached[None], [picks.frame], OUTSIDE)
        start = torch.cat([handles.reshape(-1, 2), picks.mask_points.float().reshape(-1, 2)])
        corrected: dict[int, dict[int, Tensor]] = {}
        for one in corrections:
            corrected.setdefault(one.frame, {})[one.pair] = one.handle
        known = layers.known_layer(clip, picks, segmenter)
        regions = Regions(segmenter, clip, known, len(picks.handles), settings.set_side**2)
        features = Features(clip, model, settings, picks.frame, group) if model is not None and settings.tracker != "flow" else None
        followed = _follow(clip, start, picks.frame, regions, features, settings, scale, corrected, on_progress, flow)
        if features is not None:
            features.close()
    finally:
        segmenter.free()

    layer = regions.layer
    places, foreground, visible = followed
    shape, count = handles.shape[:2], handles.shape[0] * handles.shape[1]
    moved_handles = places[:, :count].unflatten(1, shape)
    mask_points = places[:, count:]
    if settings.tracker != "dift":
        thing = _thing(segmenter, regions, picks.frame)
        similar = similarities(clip.frames, picks.frame, moved_handles.mean(2), edit_masks.moving(ways).any(0), thing, flow)
        ways = full_ways(picks, len(clip), similar)
        moves = weakened(ways, picks)
    moved_targets = points.carry_targets(targets, handles, moved_handles) + (moves - moves[picks.frame])[:, :, None]
    middles = moved_handles.mean(2), moved_targets.mean(2)
    mask = edit_masks.may_change(mask_points, *middles, radius, clip.size) if edit_mask is None else edit_mask
    if settings.fit_mask:
        way = points.way(*middles, radius)
        mask = mask | points.union_of_squares(way, radius, clip.size) | points.dragged_regions(*middles, regions.masks, radius)
        if edit_mask is None and mask_points.shape[1]:
            mask_points = torch.cat([mask_points, way], 1)
    of_shot = _shot(clip, picks.frame) if settings.ends_at_cuts else torch.ones(len(clip), dtype=torch.bool)
    visible = visible & of_shot[:, None]
    mask = mask & of_shot[:, None, None, None]
    outside = edit_masks.targets_outside(mask, moved_targets.mean(2)) & visible[:, :count].unflatten(1, shape).any(2)
    outside &= (
        ~edit_masks.warn_of_black_frames(mask | ~of_shot[:, None, None, None], moves)[:, None]
        & of_shot[:, None]
        & ~unreached
        & edit_masks.moving(moves)
    )
    edit_masks.warn_of_targets(outside, list(range(len(clip))), OUTSIDE)
    if layer is None and segmenter.asks_points:
        layer = layers.layer_of_regions(clip, picks, regions.masks)
    takes_in = edit_mask is None and not len(picks.mask_points)
    if layer is None and not segmenter.asks_points and settings.guess_layer:
        seen = visible[:, :count].unflatten(1, shape).any(2)
        layer = layers.layer_of_guess(clip, picks, segmenter, mask, middles[0], seen, middles[1] if takes_in else None, holds)
    held = torch.zeros_like(mask)
    if takes_in:
        mask, held = edit_masks.mask_and_holds(mask, layer, *middles, picks.frame, holds)
        mask = mask & of_shot[:, None, None, None]
    tracks = PointTracks(
        handles=moved_handles,
        targets=moved_targets,
        mask_points=mask_points,
        edit_mask=mask,
        is_foreground=foreground[:, :count].unflatten(1, shape),
        visible=visible[:, :count].unflatten(1, shape),
        layer=layer,
        front=layers.front_of(segmenter, clip),
    )
    return Found(tracks, ways, held)


def help_to_propagate(clip: VideoClip, model: DragModel | None, settings: PropagateSettings, group: Group) -> PointTracks:
    """What the other ranks of a group do in `propagate`: the model's work on their frames. Returns the first rank's tracks."""
    if model is not None and settings.tracker != "flow":
        answer(clip, model, settings, group)
    return tracks_of(group.state_from_first(None) or {})


def _thing(segmenter: Segmenter, regions: Regions, frame: int) -> Tensor:
    """The layer in the picks' frame as far as it is known: (H, W) float, 1 everywhere where it is not."""
    if isinstance(segmenter, layers.GuessedSegmenter) and segmenter.layer is not None:
        return segmenter.layer[0]
    return regions.masks[frame, 0].float()


def _shot(clip: VideoClip, frame: int) -> Tensor:
    """Which frames (N,) bool belong to the shot of this frame; a warning where some do not. No point goes on across a cut."""
    shot = shot_around([as_picture(one) for one in clip.frames], frame)
    of_shot = torch.zeros(len(clip), dtype=torch.bool)
    of_shot[shot.start : shot.stop] = True
    if len(shot) < len(clip):
        warn(
            f"the shot with the picked frame goes from frame {shot.start + 1} to {shot.stop} of {len(clip)}: the edit ends at its "
            "cuts, and nothing changes in the other frames. Load one shot at a time."
        )
    return of_shot


def _check(clip: VideoClip, picks: PointPicks, corrections: Sequence[Correction]) -> None:
    if picks.size != clip.size:
        raise UserError(
            f"the points were picked on {picks.size[1]} x {picks.size[0]} frames, but the clip here is "
            f"{clip.size[1]} x {clip.size[0]}. "
            "Wire the same frames into Pick Points and Propagate Points."
        )
    if not 0 <= picks.frame < len(clip):
        raise UserError(
            f"the points sit on frame {picks.frame + 1}, but the clip has {len(clip)} frames. "
            "Wire the same frames into Pick Points and Propagate Points."
        )
    check_corrections(corrections, picks, len(clip))


def _check_model(model: DragModel | None, settings: PropagateSettings) -> None:
    if model is None and settings.tracker == "dift":
        raise UserError(
            "the tracker 'dift' follows points by the model's features, and there is no model: expected one. Wire a model into the "
            "Propagate Points node, or choose the tracker 'auto' or 'flow'."
        )


def _follow(
    clip: VideoClip,
    start: Tensor,
    frame: int,
    regions: Regions,
    features: Features | None,
    settings: PropagateSettings,
    scale: float,
    corrected: dict[int, dict[int, Tensor]],
    on_progress: OnProgress,
    flow: Flow,
) -> tuple[Tensor, Tensor, Tensor]:
    """Points (P, 2) of one frame in all frames: places (N, P, 2), is_foreground (N, P), visible (N, P).

    A hidden point, and one outside the picture, moves like its nearest visible foreground point, as a background point does.
    A set holds together, and mask points move with the set nearest to them (`points/pieces.py`).
    corrected: frame -> handle number -> where its centre really is.
    """
    count, members = len(clip), settings.set_side**2
    sets = regions.pairs * members  # the points of the sets; the mask points come after them
    places = start.expand(count, -1, -1).clone()
    foreground = torch.ones(count, len(start), dtype=torch.bool)
    visible = torch.ones_like(foreground)
    visible[frame] = points.inside(start, clip.size)
    foreground[frame] = regions.of_picks(frame, start)
    together = [*[members] * regions.pairs, len(start) - sets]

    def with_sets(latest: Tensor, counts: Tensor) -> Tensor:
        """Points (P, 2) whose mask points go along with the sets, by the members that count, (P,) bool."""
        members_of = [part[:sets].unflatten(0, (-1, members)) for part in (start, latest, counts)]
        return torch.cat([latest[:sets], carry_with_sets(start[sets:], *members_of)])

    new_finder, looked = _finders(clip, start, together, frame, features, settings, scale, on_progress, flow)
    done, total = looked + 1, looked + count  # the frame of the picks is done
    for order in (range(frame + 1, count), range(frame - 1, -1, -1)):
        latest, before, source, finder = start, foreground[frame], frame, new_finder()
        for i in order:
            followed, seen = finder.find(i, points.nearest_inside(latest, clip.size))
            latest = points.carry_background(latest, before & seen, followed)
            latest, torn = held_together(start[:sets], latest, (before & seen)[:sets], members, settings.set_spacing * scale)
            seen = seen & ~torn
            for handle, centre in corrected.get(i, {}).items():
                chosen = torch.zeros_like(seen)
                chosen[handle * members : (handle + 1) * members] = True
                latest = latest + chosen[:, None] * (centre - latest[handle * members + members // 2])
                seen = seen | chosen
                finder.restart(i, latest, chosen)
            latest = with_sets(latest, before & seen)
            seen = seen & points.inside(latest, clip.size)
            on_thing = regions.of_frame(i, latest, before, seen, source)
            back = regions.back_on_layer(i, latest, seen, source, places[source])
            if back is not None:
                latest, seen = back
                on_thing = regions.on_layer(i, latest)
                latest = with_sets(latest, on_thing & seen)
            places[i], visible[i] = latest, seen
            finder.settle(i, latest, seen)
            before = foreground[i] = on_thing
            source = i
            done += 1
            on_progress(done, total, None)
    return places, foreground, visible


def _finders(
    clip: VideoClip,
    start: Tensor,
    together: list[int],
    frame: int,
    features: Features | None,
    settings: PropagateSettings,
    scale: float,
    on_progress: OnProgress,
    flow: Flow,
) -> tuple[Callable[[], finders.Finder], int]:
    """A function that makes the settings' finder for one direction, and how many frames were worked on for it already.

    together: how many points are in each set, and the mask points.
    """
    window, tolerance = settings.window * scale, settings.round_trip * scale

    def by_flow() -> finders.FlowFinder:
        return finders.FlowFinder(clip.frames, frame, start, together, window, flow)

    if features is None:
        return by_flow, 0

    def by_features() -> finders.DiftFinder:
        return finders.DiftFinder(features, frame, start, window, tolerance)

    if settings.tracker == "dift":
        features.make_all(on_progress)
        return by_features, len(clip)
    return lambda: finders.SurestFinder(by_flow(), by_features()), 0
