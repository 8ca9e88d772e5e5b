"""What a drag needs before it starts: inversion, tracks, settings and an earlier edit that belong together."""

from __future__ import annotations

from ..points.sampling import mask_to_cells
from ..types import Displacement, DragResult, Inversion, PointTracks, UserError, size_of
from ..warning import warn
from . import offsets
from .settings import DragSettings

MOST_CHANGE = 1.0  # px: of the way from handle to target, from frame to frame
MOST_REACH = 8.0  # of the sharing, in key frames


def check(
    inversion: Inversion,
    tracks: PointTracks,
    settings: DragSettings,
    start: DragResult | None,
    displaced: Displacement | None = None,
) -> None:
    """UserError where they do not fit together; a warning where the edit `start` loses something, and where the targets
    ask for more than one shared move gives."""
    frames, tracked = inversion.latents.shape[1], tracks.handles.shape[0]
    if frames != tracked:
        raise UserError(
            f"the inversion has {frames} frames, the tracks have {tracked}: expected the same clip. "
            "Wire the same frames into Propagate Points and DDIM Invert."
        )
    check_displaced(displaced, tracks)
    check_box(inversion, tracks)
    ways = tracks.targets - tracks.handles
    if displaced is None and float((ways - ways[:1]).norm(dim=-1).max()) > MOST_CHANGE:
        warn(
            "the targets change over time, and a drag moves the handles alike in all frames: wire Displace's displacement into "
            "Drag and Decode Edit, which follows them."
        )
    if min(settings.iterations, settings.refine) < 0 or settings.learning_rate <= 0 or settings.max_move <= 0:
        raise UserError(
            "'iterations' and 'refine' must not be negative, 'learning_rate' and 'max_move' must be positive: got "
            f"{settings.iterations}, {settings.refine}, {settings.learning_rate} and {settings.max_move}."
        )
    if settings.key_every < 1 or settings.turns < 1 or not 0 <= settings.reach <= MOST_REACH:
        raise UserError(
            f"key_every and turns must be at least 1, reach from 0 to {MOST_REACH}: got {settings.key_every}, {settings.turns} "
            f"and {settings.reach}."
        )
    try:
        offsets.check_steps(settings.steps, len(inversion.latents) - 1)
    except ValueError as error:
        raise UserError(str(error)) from None
    if start is not None:
        offsets.check_offsets(start.offsets, inversion.latents)
        cell_mask = mask_to_cells(tracks.edit_mask, size_of(inversion.latents))
        if settings.lock and any(bool((offset * (1 - cell_mask)).any()) for offset in start.offsets.values()):
            warn(
                "the edit that this round starts from also changed what is outside the mask of these tracks: there it is "
                "lost. Wire the tracks of both through Combine Edits, or turn 'lock' off.",
            )


def check_box(inversion: Inversion, tracks: PointTracks) -> None:
    """UserError if something may change outside of the part that was inverted."""
    if inversion.box is None:
        return
    beside = tracks.edit_mask.any(0)[0].clone()
    inversion.box.cut(beside)[:] = False
    if bool(beside.any()):
        raise UserError(
            "the mask of these tracks reaches beyond the part of the picture that was inverted: expected the tracks that were "
            "wired into DDIM Invert. Wire the same tracks into DDIM Invert, Drag and Decode Edit."
        )


def check_displaced(displaced: Displacement | None, tracks: PointTracks) -> None:
    """UserError if a displacement is of another clip than the tracks."""
    if displaced is None:
        return
    (count, _, height, width), of_tracks = displaced.frames.shape, tracks.edit_mask.shape
    if (count, height, width) != (of_tracks[0], *of_tracks[-2:]):
        raise UserError(
            f"the displacement has {count} frames of {width} x {height}, the tracks have {of_tracks[0]} of {of_tracks[-1]} x "
            f"{of_tracks[-2]}: expected the same clip. Wire the same frames and tracks into Displace, Drag and Decode Edit."
        )
