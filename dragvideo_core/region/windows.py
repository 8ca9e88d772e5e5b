"""Points and layer, window by window: what one window hands on to the next."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ..ground.plate import Plate, numbered, of_each
from ..types import PointPicks, PointTracks, Size
from .patch import Patch, is_patched, patch_from

_FLAGS = ("window.count", "window.is_last", "window.is_lost")


@dataclass(frozen=True)
class Start:
    """A frame from which points are followed: its small copy, the points and the layer there."""

    index: int  # of the frame in the film
    picture: np.ndarray  # (h, w, 3) uint8
    picks: PointPicks  # `frame` is 0: the start is the first frame of its window
    layer: Tensor | None  # (1, h, w)
    holds: Tensor | None = None  # (h, w) bool: the part of the layer that holds what is dragged; None: not known yet

    def as_tensors(self) -> dict[str, Tensor]:
        """What goes into a file."""
        tensors = {
            "start.index": torch.tensor(self.index),
            "start.picture": torch.from_numpy(self.picture.copy()),
            "start.handles": self.picks.handles.clone(),
            "start.targets": self.picks.targets,
            "start.mask_points": self.picks.mask_points,
        }
        masks = {"start.layer": self.layer, "start.holds": self.holds}
        return tensors | {name: mask.clone() for name, mask in masks.items() if mask is not None}

    def read_from(self, tensors: dict[str, Tensor]) -> Start | None:
        """A later start of the same work that `as_tensors` made; None where the tensors are none."""
        size = self.picture.shape[:2]
        layer = torch.zeros(1, *size) if "start.layer" in tensors else None
        holds = torch.zeros(size, dtype=torch.bool) if "start.holds" in tensors else None
        wanted = replace(self, layer=layer, holds=holds).as_tensors()
        if not _are_like(tensors, wanted):
            return None
        picks = replace(
            self.picks,
            handles=tensors["start.handles"],
            targets=tensors["start.targets"],
            mask_points=tensors["start.mask_points"],
            strokes=(),
            frame=0,
        )
        picture = tensors["start.picture"].numpy()
        return Start(int(tensors["start.index"]), picture, picks, tensors.get("start.layer"), tensors.get("start.holds"))


@dataclass(frozen=True)
class Found:
    """The tracks, and what another piece of the same film goes on from."""

    tracks: PointTracks
    ways: Tensor  # (N, J, 2) px: of each pair at full strength
    holds: Tensor  # (N, 1, H, W) bool: which part of the layer holds what an edit mask that nobody painted takes in

    def of_frames(self, frames: slice) -> Found:
        """Of some frames alone."""
        return Found(self.tracks.of_frames(frames), self.ways[frames], self.holds[frames])


@dataclass(frozen=True)
class Window:
    """A finished window of the frames from the picked one on, and what the next one starts from."""

    count: int  # frames
    is_last: bool  # another shot begins behind it
    is_lost: bool  # none of its frames shows a point
    patch: Patch | None  # None: nothing changes
    start: Start
    copies: list[np.ndarray]  # small copies of its last frames, and the tracks of these
    tracks: PointTracks | None
    earlier: tuple[Plate, ...] = ()  # some of its frames, in which the next one looks for ground

    def as_tensors(self) -> dict[str, Tensor]:
        """What goes into a file."""
        flags = zip(_FLAGS, (self.count, self.is_last, self.is_lost), strict=True)
        tensors = {name: torch.tensor(value) for name, value in flags} | self.start.as_tensors() | numbered(self.earlier)
        if self.tracks is not None:
            tensors |= {"window.copies": torch.from_numpy(np.stack(self.copies)), **tracks_as_tensors(self.tracks)}
        return tensors if self.patch is None else tensors | self.patch.as_tensors()


def window_from(
    tensors: dict[str, Tensor], most: int, start: Start, beside: int, members: int, size: Size, dtype: np.dtype
) -> Window | None:
    """The window of at most so many frames of `size` (H, W) that `Window.as_tensors` made; None where the tensors are none.

    start: of this window, with sets of so many members; beside: how many of its frames the next one is held together with.
    """
    later = start.read_from(tensors)
    flags = {name: torch.tensor(like) for name, like in zip(_FLAGS, (0, False, False), strict=True)}
    if later is None or not _are_like(tensors, flags):
        return None
    count, is_last, is_lost = int(tensors[_FLAGS[0]]), bool(tensors[_FLAGS[1]]), bool(tensors[_FLAGS[2]])
    if not 0 <= count <= most or (count == 0 and not is_last) or (count == most and is_last):
        return None
    patch = patch_from(tensors, count, size, dtype)
    if patch is None and is_patched(tensors):
        return None
    copies, plates = tensors.get("window.copies"), [Plate.read_from(one, size, dtype) for one in of_each(tensors)]
    earlier = tuple(plate for plate in plates if plate is not None)
    if len(earlier) < len(plates):
        return None
    if copies is None:
        return Window(count, is_last, is_lost, patch, later, [], None, earlier)
    beside, small = min(beside, count), start.picture.shape[:2]
    tracks = tracks_from(tensors, beside, small, (len(start.picks.handles), members), len(start.picks.mask_points))
    if tracks is None or copies.dtype != torch.uint8 or copies.shape != (beside, *small, 3):
        return None
    return Window(count, is_last, is_lost, patch, later, list(copies.numpy()), tracks, earlier)


def later_start(start: Start, pictures: list[np.ndarray], indices: list[int], found: Found) -> Start:
    """The last of these frames that shows every pair, as the start of what follows; the same start where none does. One that still
    knows the layer comes before a later one where it was lost.

    The frames have `indices` in the film, small copies `pictures`, and in them this was found.
    """
    tracks = found.tracks
    shows_all = tracks.visible.any(2).all(1)
    knows_too = shows_all & ~shows_everything(tracks)
    chosen = (knows_too if bool(knows_too.any()) else shows_all).nonzero().flatten().tolist()
    if not chosen:
        return start
    i, middle = chosen[-1], tracks.handles.shape[2] // 2
    handles = tracks.handles[i, :, middle]
    mask_points, layer = tracks.mask_points[i], None if tracks.layer is None else tracks.layer[i]
    picks = replace(start.picks, handles=handles, targets=handles + found.ways[i], mask_points=mask_points, strokes=(), frame=0)
    return Start(indices[i], pictures[i], picks, layer, found.holds[i, 0])


def shows_everything(tracks: PointTracks) -> Tensor:
    """In which frames (N,) bool there is no layer, or it is everything, as where a guess was lost."""
    if tracks.layer is None:
        return torch.ones(len(tracks.visible), dtype=torch.bool)
    return tracks.layer.flatten(1).amin(1) == 1


def tracks_as_tensors(tracks: PointTracks) -> dict[str, Tensor]:
    """What goes into a file."""
    values = {f"tracks.{one.name}": getattr(tracks, one.name) for one in fields(PointTracks)}
    return {name: value.clone() for name, value in values.items() if value is not None}


def tracks_from(tensors: dict[str, Tensor], count: int, size: Size, shape: tuple[int, int], mask_points: int) -> PointTracks | None:
    """The tracks of `count` frames of `size` (H, W) that `tracks_as_tensors` made, with sets of this shape (J, S); None where the
    tensors are none."""
    points, seen, masks = torch.zeros(count, *shape, 2), torch.zeros(count, *shape, dtype=torch.bool), torch.zeros(count, 1, *size)
    wanted = {
        "tracks.handles": points,
        "tracks.targets": points,
        "tracks.is_foreground": seen,
        "tracks.visible": seen,
        "tracks.edit_mask": masks.bool(),
        "tracks.mask_points": torch.zeros(count, mask_points, 2),
    }
    wanted |= {name: masks for name in ("tracks.layer", "tracks.front") if name in tensors}
    if not _are_like(tensors, wanted):
        return None
    return tracks_of({name: tensors[name] for name in wanted})


def tracks_of(tensors: dict[str, Tensor]) -> PointTracks:
    """The tracks that `tracks_as_tensors` made, among other tensors; nothing is checked."""
    return PointTracks(**{name.removeprefix("tracks."): value for name, value in tensors.items() if name.startswith("tracks.")})


def _are_like(tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    """Whether all that is wanted is there, of its type and shape, and finite."""
    for name, like in wanted.items():
        tensor = tensors.get(name)
        if tensor is None or tensor.shape != like.shape or tensor.dtype != like.dtype:
            return False
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return False
    return True


def joined(first: PointTracks, second: PointTracks) -> PointTracks:
    """The tracks of frames that follow one another."""
    values = {}
    for name in (one.name for one in fields(PointTracks)):
        pair = getattr(first, name), getattr(second, name)
        if pair[0] is not None and pair[1] is not None:
            values[name] = torch.cat(pair)
    return PointTracks(**values)


def turned_round(tracks: PointTracks) -> PointTracks:
    """The tracks with their frames in the opposite order."""
    return tracks.each(lambda values: values.flip(0))
