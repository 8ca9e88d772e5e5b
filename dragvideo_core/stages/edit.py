"""Edit: what can be done with a finished edit without another drag.

An edit is a change of the clip's latents (Sec. 3.3), so it can be made weaker or stronger, and several of one clip can be
added up. How far the handles come with half the offsets is unknown without decoding: half the way is our reading.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..files.edit_file import EditFile, clip_fingerprint, model_fingerprint
from ..files.fingerprint import is_of_version_0_1
from ..types import DragModel, DragResult, PointTracks, UserError, VideoClip
from ..warning import warn

STRONGEST = 1.5  # times an edit as it was found


@dataclass(frozen=True)
class EditSettings:
    """How strong the edits are, and whether one of another clip is used."""

    strength: float = 1.0  # 0: the original, 1: the edit as it was found
    other_strength: float = 1.0  # of the edit that is added
    use_anyway: bool = False  # although it was made on another clip or model


def scaled(edit: DragResult, strength: float) -> DragResult:
    """The edit with its offsets, and the way of its handles, times `strength` (0 to 1.5)."""
    if not 0 <= strength <= STRONGEST:
        raise UserError(f"'strength' must lie between 0 and {STRONGEST}: got {strength}.")
    if strength == 1:
        return edit
    first = edit.handle_path[:1]
    return replace(
        edit,
        offsets={step: offset * strength for step, offset in edit.offsets.items()},
        handle_path=first + strength * (edit.handle_path - first),
        rounds=tuple(replace(made, strength=made.strength * strength) for made in edit.rounds),
    )


def combined(
    edit: DragResult, tracks: PointTracks, other: DragResult | None, other_tracks: PointTracks
) -> tuple[DragResult, PointTracks]:
    """Two edits of one clip as one: offsets added at each step, masks united, point sets of both.

    other: None where only tracks are added, for a further round on `edit` with more handles.
    UserError if the two are of different clips, or their point sets of different sizes.
    """
    if tracks.edit_mask.shape != other_tracks.edit_mask.shape or tracks.handles.shape[2] != other_tracks.handles.shape[2]:
        raise UserError(
            f"the edits must be of one clip with point sets of one size: got {_words(tracks)} and {_words(other_tracks)}. "
            "Use edits of the same frames."
        )
    if other is None:
        waiting = torch.zeros(other_tracks.handles.shape[1], dtype=torch.bool)
        other = DragResult({}, other_tracks.handles[None], torch.zeros(0, 2), waiting)
    shapes = {tuple(offset.shape) for one in (edit, other) for offset in one.offsets.values()}
    if len(shapes) > 1:
        raise UserError(f"the edits must be of one clip: got latents {sorted(shapes)}. Use edits of the same frames.")
    length = max(len(edit.losses), len(other.losses))
    added = DragResult(
        offsets={
            step: torch.stack([one.offsets[step] for one in (edit, other) if step in one.offsets]).sum(0)
            for step in sorted({*edit.offsets, *other.offsets}, reverse=True)
        },
        handle_path=torch.cat([_longer(one.handle_path, length + 1) for one in (edit, other)], 2),
        losses=_longer(edit.losses, length) + _longer(other.losses, length),
        arrived=torch.cat([edit.arrived, other.arrived]),
        rounds=edit.rounds + other.rounds,
    )
    joined = {
        field.name: torch.cat([getattr(tracks, field.name), getattr(other_tracks, field.name)], 1)
        for field in fields(PointTracks)
        if field.name not in ("edit_mask", "layer", "front")
    }
    return added, PointTracks(
        **joined,
        edit_mask=tracks.edit_mask | other_tracks.edit_mask,
        layer=_larger(tracks.layer, other_tracks.layer, None),
        front=_larger(tracks.front, other_tracks.front, tracks.front if other_tracks.front is None else other_tracks.front),
    )


def check_source(saved: EditFile, clip: VideoClip | None, model: DragModel | None, settings: EditSettings = EditSettings()) -> None:
    """UserError if the edit was made on another clip or model; with `use_anyway` a warning, unless the sizes differ."""
    count, _, height, width = saved.tracks.edit_mask.shape
    if clip is not None and (len(clip), *clip.size) != (count, height, width):
        raise UserError(
            f"the edit is of a clip of {count} frames of {width} x {height}, the video here has {len(clip)} frames of "
            f"{clip.size[1]} x {clip.size[0]}. Load the video with the frames and the size that the edit was made on."
        )
    if is_of_version_0_1(saved.clip) or is_of_version_0_1(saved.model):
        warn(
            "the edit was saved by version 0.1 of Drag-A-Video, so nobody can tell whether it was made on these frames and this "
            "model. Save it again to have that checked from then on.",
        )
        return
    others = []
    if clip is not None and clip_fingerprint(clip) != saved.clip:
        others.append("other frames than those wired in as 'video'")
    if model is not None and model_fingerprint(model) != saved.model:
        others.append(f"another model ({saved.model_name[:60]}) than the one wired in as 'model', or another LoRA or prompt")
    if not others:
        return
    text = f"the edit was made on {' and on '.join(others)}: what it does here may be wrong."
    if not settings.use_anyway:
        raise UserError(f"{text} Wire in what it was made on, or turn on 'use_anyway'.")
    warn(text)


def report(saved: EditFile) -> str:
    """What a file holds, in words."""
    edit = saved.edit
    lines = [
        f"{_words(saved.tracks)}, model {saved.model_name[:60]}, steps {', '.join(map(str, sorted(edit.offsets, reverse=True)))}"
    ]
    for number, made in enumerate(edit.rounds, 1):
        lines.append(
            f"round {number}: {made.iterations} iterations, {made.left_before:.1f} px left before, {made.left_after:.1f} px "
            f"after, strength {made.strength:g}"
        )
    return "\n".join(lines)


def _larger(one: Tensor | None, other: Tensor | None, otherwise: Tensor | None) -> Tensor | None:
    """The larger of two masks at each pixel; `otherwise` where only one of them is known."""
    return otherwise if one is None or other is None else torch.maximum(one, other)


def _longer(rows: Tensor, length: int) -> Tensor:
    """Rows with the last one repeated; zeros where there is no row."""
    last = rows[-1:] if len(rows) else torch.zeros(1, *rows.shape[1:])
    return torch.cat([rows, last.expand(length - len(rows), *rows.shape[1:])])


def _words(tracks: PointTracks) -> str:
    count, _, height, width = tracks.edit_mask.shape
    return f"{count} frames of {width} x {height}, {tracks.handles.shape[1]} handles of {tracks.handles.shape[2]} points"
