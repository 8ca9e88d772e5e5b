"""Where the layer comes from: a MASK wins, then a SAM, then strokes, then a guess (`guess.py`).

A MASK of every frame is taken as it is, but for hard edges, which become a matte. A single one, and strokes, belong to the
frame that the points were picked on and are carried to the others. A SAM takes strokes for clicks on the thing and off it;
without any it is asked frame by frame while the points are followed (`regions.py`).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..points.edit_mask import mask_and_holds, moving
from ..points.naming import place_of, shows_picked_frame
from ..types import PointPicks, Segmenter, Stroke, UserError, VideoClip, size_of
from ..warning import warn
from .carry import carry
from .given import EverythingSegmenter
from .guess import GuessedSegmenter, guessed_layer, held
from .matte import matte
from .moving import STEPS
from .pixels import Coverage, Picture, as_picture
from .regions import Regions
from .strokes import layer_of_strokes

CLICKS = 5  # that a SAM gets of each stroke
NEAR = 2.0  # px at 256 px, short side: a handle this near to the layer lies on it


def check(picks: PointPicks, segmenter: Segmenter, frames: int) -> None:
    """UserError, before any work, for masks that do not fit the clip or say nothing, and strokes with none over the thing."""
    segmenter.check(frames)
    if segmenter.masks is not None and not bool((segmenter.masks >= 0.5).any()):
        raise UserError(
            "the mask of the thing is black everywhere: expected white on the thing. Wire another MASK into the SAM Segment "
            "node, or none."
        )
    if picks.strokes and not segmenter.asks_points and all(stroke.kind != "thing" for stroke in picks.strokes):
        raise UserError(
            "there are strokes over the ground and none over the thing: expected at least one over the thing. Paint it on the "
            "Pick Points node, or clear the strokes."
        )


def known_layer(clip: VideoClip, picks: PointPicks, segmenter: Segmenter) -> Tensor | None:
    """The layer as far as it can be known without the points in every frame: (N, 1, H, W), or (1, 1, H, W) of the picks' frame;
    None where it cannot."""
    masks = segmenter.masks
    if masks is not None and bool((masks >= 0.5).all()):
        warn("the mask of the thing is white everywhere, so it is not used. Wire in one that is black on the ground, or none.")
        return None
    if masks is not None and len(masks) == len(clip):
        _warn_of_empty_frames(masks)
        layer = torch.stack([_of_mask(frame, mask) for frame, mask in zip(clip.frames, masks, strict=True)])
        _warn_of_handles_off(layer[picks.frame, 0], picks)
        return layer
    start = clip.frames[picks.frame]
    if masks is not None:
        first = _of_mask(start, masks[0])[0].numpy()
    elif not picks.strokes:
        return None
    elif segmenter.asks_points:
        clicked = segmenter.foreground(picks.frame, start, *clicks(picks))
        if not clicked.any() or clicked.all():
            warn("SAM found no thing under the clicks: it is asked at the handles instead. Click on other spots of the thing.")
            return None
        first = _of_mask(start, clicked.float())[0].numpy()
    else:
        first = stroked_layer(clip.frames, picks.frame, picks)
    _warn_of_handles_off(torch.from_numpy(first), picks)
    return torch.from_numpy(first)[None, None]


def stroked_layer(frames: Tensor, index: int, picks: PointPicks) -> Coverage:
    """The layer (H, W) as strokes on the picks' frame say, which is the one at `index` of (N, 3, H, W)."""
    picture = as_picture(frames[index])
    return matte(picture, layer_of_strokes(picture, picks.strokes, _dragged(picks), _others(frames, index)))


def clicks(picks: PointPicks) -> tuple[Tensor, Tensor]:
    """What a SAM is asked where there are strokes: points (P, 2) on the thing, dragged handles among them, and (G, 2) off it."""

    def along(stroke: Stroke) -> Tensor:
        last = len(stroke.points) - 1
        return stroke.points[torch.linspace(0, last, min(CLICKS, last + 1)).round().long()]

    def of(kind: str) -> list[Tensor]:
        return [along(stroke) for stroke in picks.strokes if stroke.kind == kind]

    return torch.cat([_dragged(picks), *of("thing")]), torch.cat([picks.handles[:0], *of("ground")])


def _others(frames: Tensor, index: int) -> list[Picture]:
    return [as_picture(frames[index + step]) for step in STEPS if 0 <= index + step < len(frames)]


def _dragged(picks: PointPicks) -> Tensor:
    """The handles that move: a pin may hold the ground."""
    return picks.handles[moving(picks.targets - picks.handles)]


def layer_of_regions(clip: VideoClip, picks: PointPicks, regions: Tensor) -> Tensor | None:
    """The layer of what a segmenter found, (N, 1, H, W) bool: soft at its edges. None, and a warning, if it found nothing."""
    if not bool(regions.any()) or bool(regions.all()):
        warn("SAM found no thing under the points: the edit goes on without a layer. Move the handles.")
        return None
    layer = torch.stack([_of_mask(frame, region[0].float()) for frame, region in zip(clip.frames, regions, strict=True)])
    _warn_of_handles_off(layer[picks.frame, 0], picks)
    return layer


def asked_layer(clip: VideoClip, picks: PointPicks, segmenter: Segmenter, handles: Tensor, visible: Tensor) -> Tensor | None:
    """The layer as a segmenter finds it that is asked for points which are known in every frame: handles (N, J, S, 2), visible
    (N, J, S)."""
    regions = Regions(segmenter, clip, None, *handles.shape[1:3])
    places, seen = handles.flatten(1, 2), visible.flatten(1, 2)
    first = regions.of_picks(picks.frame, places[picks.frame])
    for order in (range(picks.frame + 1, len(clip)), range(picks.frame - 1, -1, -1)):
        before, source = first, picks.frame
        for i in order:
            before, source = regions.of_frame(i, places[i], before, seen[i], source), i
    return layer_of_regions(clip, picks, regions.masks)


def guess(frames: Tensor, index: int, picks: PointPicks, edit_mask: Tensor, front: Tensor | None = None) -> Segmenter:
    """A segmenter that knows what can be guessed on the picks' frame. Where no thing stands out it knows nothing, and that is said.

    frames: (N, 3, H, W), the picks' frame is the one at `index`; edit_mask: (H, W) bool, of that frame; front: as a segmenter's.
    """
    moves = picks.targets - picks.handles
    dragged = moving(moves)
    points = picks.handles[dragged].float(), moves[dragged].float()
    answer = guessed_layer(as_picture(frames[index]), *points, edit_mask.numpy(), _others(frames, index))
    if answer is None:
        warn(
            "no thing stands out where the arrow starts, so all that lies near the arrow bends. To move a thing alone, paint a "
            "stroke over it (tool Thing) and one beside it (tool Ground) on the Pick Points node."
        )
        return EverythingSegmenter(front)
    return GuessedSegmenter(front, torch.from_numpy(answer)[None])


def layer_of_guess(
    clip: VideoClip,
    picks: PointPicks,
    segmenter: Segmenter,
    edit_mask: Tensor,
    handles: Tensor,
    visible: Tensor,
    targets: Tensor | None = None,
    holds: Tensor | None = None,
) -> Tensor | None:
    """The layer as it can be guessed from the dragged handles, (N, 1, H, W); None where no thing stands out.

    segmenter: may know the guess already; edit_mask: (N, 1, H, W) bool; handles: (N, J, 2) px, visible: (N, J) bool; targets: like
    the handles, where the mask will take in the layer, and holds: what is known to hold it (`mask_and_holds`).
    """
    if not isinstance(segmenter, GuessedSegmenter):
        segmenter = guess(clip.frames, picks.frame, picks, edit_mask[picks.frame, 0])
    if not isinstance(segmenter, GuessedSegmenter) or segmenter.layer is None:
        return None
    layer = carry(clip.frames, {picks.frame: segmenter.layer[0].numpy()}, handles[:, :, None], visible[..., None])
    mask = edit_mask if targets is None else mask_and_holds(edit_mask, layer, handles, targets, picks.frame, holds)[0]
    dragged = moving(picks.targets - picks.handles)
    return held(clip.frames, layer, edit_mask, mask, handles[:, dragged], visible[:, dragged], picks.frame)


def front_of(segmenter: Segmenter, clip: VideoClip) -> Tensor | None:
    """How much of each pixel things in front cover: (N, 1, H, W), None if there are none."""
    if segmenter.front is None or not bool((segmenter.front > 0).any()):
        return None
    masks = segmenter.front.expand(len(clip), -1, -1)
    return torch.stack([_of_mask(frame, mask) for frame, mask in zip(clip.frames, masks, strict=True)])


def off_the_layer(layer: Tensor, picks: PointPicks) -> str:
    """A sentence about dragged handles that do not lie on the layer (H, W) of their frame, or nothing.

    A pin may hold the ground.
    """
    inside = (layer >= 0.5).numpy()
    if not inside.any():
        return "the thing cannot be seen on the frame that the points were picked on: its layer is empty there."
    rows, columns = np.nonzero(inside)
    sentences, moves = [], moving(picks.targets - picks.handles).tolist()
    for number, (x, y) in enumerate(picks.handles.tolist(), 1):
        if not moves[number - 1]:
            continue
        gap = np.hypot(columns - x, rows - y)
        nearest = int(gap.argmin())
        if gap[nearest] > NEAR * max(0.5, min(inside.shape) / 256):
            sentences.append(
                f"handle {number} at {place_of(x, y)} does not lie on the thing: the nearest place of it is "
                f"{place_of(columns[nearest], rows[nearest])}."
            )
    return " ".join([*sentences, "Move it there on the Pick Points node, or mark more of the thing."]) if sentences else ""


def _of_mask(frame: Tensor, mask: Tensor) -> Tensor:
    """A mask (h, w) as the layer (1, H, W) of its frame: soft values stay, hard edges become soft."""
    size = size_of(frame)
    if tuple(mask.shape) != size:
        is_smaller = mask.shape[0] < size[0] or mask.shape[1] < size[1]
        mask = F.interpolate(mask[None, None], size=size, mode="bilinear" if is_smaller else "area")[0, 0]
    values: Coverage = mask.clamp(0, 1).numpy()
    is_hard = bool(((values == 0) | (values == 1)).all())
    return torch.from_numpy(matte(as_picture(frame), values) if is_hard else values.copy())[None]


def _warn_of_handles_off(layer: Tensor, picks: PointPicks) -> None:
    sentence = off_the_layer(layer, picks)
    if sentence and shows_picked_frame():
        warn(sentence)


def _warn_of_empty_frames(masks: Tensor) -> None:
    empty = [i + 1 for i, mask in enumerate(masks) if not bool((mask >= 0.5).any())]
    if empty:
        names = ", ".join(map(str, empty[:8])) + (" ..." if len(empty) > 8 else "")
        warn(
            f"the mask of the thing is black in frame {names} of {len(masks)}: nothing is moved there. If the thing can be seen "
            "there, mend the mask."
        )
