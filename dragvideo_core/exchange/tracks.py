"""Point tracks in the forms that other packs use, in and out.

TRACKS is `{"track_path": float (F, P, 2), "track_visibility": bool (F, P)}`; tracks JSON is a list of tracks, each a list of
`{"x": .., "y": ..}` per frame; a BOUNDING_BOX here is a list per frame of `{"x", "y", "width", "height"}`, as core's
detectors make it; points are `[{"x": .., "y": ..}, ...]`. All in pixels of the clip.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..types import Correction, PointPicks, PointTracks, UserError
from ..warning import warn

MAX_TEXT = 20_000_000  # characters
FARTHEST = 1e6  # px from the picture's corner: positions beyond are no positions
FAR = 0.1  # share of the picture's short side: a track further away than this may belong to something else


@dataclass(frozen=True)
class GivenTracks:
    """Points that another node followed."""

    places: Tensor  # (F, P, 2) px
    visible: Tensor  # (F, P) bool


def read_tracks(value: Any) -> GivenTracks:
    """TRACKS or tracks JSON; UserError for anything else, and for numbers that are not finite."""
    if isinstance(value, str):
        return _checked(_from_json(value), None)
    if isinstance(value, dict) and isinstance(value.get("track_path"), Tensor):
        return _checked(value["track_path"], value.get("track_visibility"))
    raise _wrong(f"a value of type {type(value).__name__}")


def serving(picks: PointPicks, given: GivenTracks) -> Tensor:
    """Index (J,) of the track that each handle moves with: the nearest one on the picks' frame. Warns where it is far away."""
    numbers, distance = nearest(picks.handles, given, picks.frame)
    for number in (distance > FAR * min(picks.size)).nonzero().flatten().tolist():
        warn(
            f"the track next to handle {number + 1} is {float(distance[number]):.0f} px away: it may follow something "
            "else. Track a point on the thing itself.",
        )
    return numbers


def nearest(places: Tensor, given: GivenTracks, frame: int) -> tuple[Tensor, Tensor]:
    """Index (J,) of the track nearest to each place (J, 2) on this frame, and how far away it is, px.

    Hidden tracks count only if all are hidden.
    """
    seen = given.visible[frame] if bool(given.visible[frame].any()) else torch.ones_like(given.visible[frame])
    distance = torch.cdist(places.float(), given.places[frame]).masked_fill(~seen[None], float("inf"))
    least, numbers = distance.min(1)
    return numbers, least


def corrections_from(given: GivenTracks, picks: PointPicks, count: int) -> list[Correction]:
    """Where the handles are in the other frames of a film of `count` frames, by the tracks of its first frames.

    A track that is hidden, or leaves the picture, says nothing there. UserError for tracks of more frames, and for those that end
    before the picks' frame; a warning where they end before the film does.
    """
    if len(given.places) > count:
        raise UserError(
            f"the tracks have {len(given.places)} frames, the film has {count}: expected one position per frame of the film, from "
            "its first one. Track the film that you edit."
        )
    if picks.frame >= len(given.places):
        raise UserError(
            f"the tracks end at frame {len(given.places)}, but the points were picked on frame {picks.frame + 1}: expected tracks "
            "from the film's first frame to that one at least. Track more frames, or pick the points on an earlier one."
        )
    if len(given.places) < count:
        warn(f"the tracks end at frame {len(given.places)} of {count}: from there on the points are followed by optical flow.")
    numbers = serving(picks, given)
    moved = picks.handles.float() + given.places[:, numbers] - given.places[picks.frame, numbers]  # (F, J, 2)
    inside = ((moved >= 0) & (moved <= torch.tensor([picks.size[1] - 1, picks.size[0] - 1]))).all(-1)
    seen = inside & given.visible[:, numbers]
    seen[picks.frame] = False
    return [Correction(frame, pair, moved[frame, pair]) for frame, pair in seen.nonzero().tolist()]


def as_tracks(tracks: PointTracks) -> dict[str, Tensor]:
    """The middle of each handle set as TRACKS."""
    middle = tracks.handles.shape[2] // 2
    return {"track_path": tracks.handles[:, :, middle].clone(), "track_visibility": tracks.visible[:, :, middle].clone()}


def as_json(tracks: PointTracks) -> str:
    """The middle of each handle set as tracks JSON."""
    path = as_tracks(tracks)["track_path"].cpu().double().round(decimals=2).transpose(0, 1).tolist()
    return json.dumps([[{"x": x, "y": y} for x, y in track] for track in path])


def as_points(places: Tensor) -> str:
    """Places (P, 2) as KJNodes and the SAM nodes read points."""
    return json.dumps([{"x": x, "y": y} for x, y in places.cpu().double().round(decimals=2).tolist()])


def as_boxes(mask: Tensor) -> list[list[dict[str, int]]]:
    """The smallest box around what may change, (N, 1, H, W) bool: a list of one per frame, empty where nothing may."""
    boxes: list[list[dict[str, int]]] = []
    for frame in mask[:, 0]:
        rows, columns = frame.any(1).nonzero().flatten(), frame.any(0).nonzero().flatten()
        if len(rows) == 0:
            boxes.append([])
            continue
        x, y = int(columns[0]), int(rows[0])
        boxes.append([{"x": x, "y": y, "width": int(columns[-1]) - x + 1, "height": int(rows[-1]) - y + 1}])
    return boxes


def _from_json(text: str) -> Tensor:
    if len(text) > MAX_TEXT:
        raise _wrong(f"text that begins {text[:60]!r}")
    try:
        data = json.loads(text.replace("'", '"'))
        if isinstance(data, list) and data and isinstance(data[0], dict):  # one track alone
            data = [data]
        return torch.tensor([[[float(point["x"]), float(point["y"])] for point in track] for track in data]).transpose(0, 1)
    except (ValueError, TypeError, LookupError, OverflowError, RuntimeError):  # RuntimeError: nested too deeply
        raise _wrong(f"text that begins {text[:60]!r}") from None


def _checked(places: Tensor, visible: Any) -> GivenTracks:
    if places.ndim == 4 and len(places) == 1:  # some trackers keep a batch axis
        places = places[0]
        visible = visible[0] if isinstance(visible, Tensor) and len(visible.shape) == 3 and len(visible) else visible
    if places.ndim != 3 or places.shape[-1] != 2 or 0 in places.shape:
        raise _wrong(f"numbers of the shape {tuple(places.shape)}")
    if places.is_complex():
        raise _wrong("complex numbers")
    places = places.detach().to("cpu", torch.float32)
    if not torch.isfinite(places).all():
        raise UserError("the tracks contain NaN or infinity: expected positions in pixels. Check the node that made them.")
    if places.abs().max() > FARTHEST:
        raise UserError(
            f"the tracks go to {float(places.abs().max()):.3g} px: expected positions in pixels of the clip. Check the "
            "node that made them."
        )
    if not isinstance(visible, Tensor):
        return GivenTracks(places, torch.ones(places.shape[:2], dtype=torch.bool))
    if visible.ndim > 1 and visible.shape[1] == 1:  # core's WanMoveTracksFromCoords: one for all tracks of a frame
        visible = visible.expand(-1, places.shape[1], *visible.shape[2:])
    if visible.numel() != places.shape[0] * places.shape[1] or visible.shape[:2] != places.shape[:2]:
        raise _wrong(f"visibility of the shape {tuple(visible.shape)} for positions of the shape {tuple(places.shape)}")
    return GivenTracks(places, visible.detach().cpu().bool().reshape(places.shape[:2]))


def _wrong(got: str) -> UserError:
    return UserError(
        'tracks must be a TRACKS value, or JSON that lists tracks, each a list of {"x": .., "y": ..} with one point '
        "per frame: "
        f"got {got}. Wire in a point tracker's output."
    )
