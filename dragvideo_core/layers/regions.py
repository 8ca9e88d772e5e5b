"""The foreground of each frame while the points are followed (Sec. 3.2): from a layer that is known, or by asking.

A segmenter is asked for each pair alone, with its handle and those points of its set that were on the thing in the frame before,
as far as they can be seen in this one. Mask points and points of the background are never prompts: they lie on something else.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..points.sets import inside
from ..types import Segmenter, VideoClip
from .carry import Moved, moved
from .colours import blurred_lab
from .hints import hints_of
from .looks import Palette
from .pixels import as_picture

REFERENCE = 256  # px, short side that the next size is for
REACH = 6.0  # px from the layer: a point that is further away in the frame before is none of a thin part
NEARER = 1.0  # px: so much nearer to the layer a set has to come


class Regions:
    """Which points lie on the thing; keeps the mask of each frame, and its layer where the layer is known at first."""

    def __init__(self, segmenter: Segmenter, clip: VideoClip, layer: Tensor | None, pairs: int, members: int):
        """layer: (N, 1, H, W) where it is known already, (1, 1, H, W) where it is to be carried from the picks' frame as the points
        are followed. Of all points the sets come first: `members` for each of the `pairs`."""
        self.segmenter, self.clip, self.pairs, self.members = segmenter, clip, pairs, members
        self.layer = None if layer is None else layer.expand(len(clip), -1, -1, -1).clone()
        self.masks = torch.ones(len(clip), 1, *clip.size, dtype=torch.bool) if self.layer is None else self.layer >= 0.5
        self._is_carried = layer is not None and len(layer) < len(clip)
        self._palette: Palette | None = None
        self._moved: Moved | None = None  # the latest one that was carried
        self._sets: dict[int, tuple[Tensor, Tensor]] = {}  # frame -> places (J, S, 2) of the sets, and which are seen (J, S)

    def of_picks(self, frame: int, places: Tensor) -> Tensor:
        """Which places (P, 2) of the picks' frame lie on the thing: (P,) bool. Asked twice: the handles say which thing it is,
        and then which points of their sets are on it."""
        seen = torch.ones(len(places), dtype=torch.bool)
        on_thing = self.of_frame(frame, places, ~seen, seen, frame)
        return self.of_frame(frame, places, on_thing, seen, frame) if self.segmenter.asks_points else on_thing

    def of_frame(self, frame: int, places: Tensor, before: Tensor, seen: Tensor, source: int) -> Tensor:
        """The same in any frame. before (P,): what lay on the thing in the frame `source` next to it; seen (P,): in this one."""
        if self._is_carried:
            self._carry(frame, places, seen, source)
        return self._split(frame, places, self._prompts(before, seen), source)

    def back_on_layer(self, frame: int, places: Tensor, seen: Tensor, source: int, before: Tensor) -> tuple[Tensor, Tensor] | None:
        """Sets that have left the carried layer go along with it instead: places (P, 2) px of all points in a frame, and which are
        seen (P,) bool; None where none has. before: (P, 2) px, where they were in the frame `source` next to it.

        On a thin part flow slips off to the ground beside it. The layer's motion is that of a larger piece of the thing.
        """
        places, seen, changes = places.clone(), seen.clone(), False
        reach = REACH * max(0.5, min(self.clip.size) / REFERENCE)
        for first in range(0, self.pairs * self.members, self.members):
            part, middle = slice(first, first + self.members), first + self.members // 2
            away = self._away(frame, places[middle])
            if self._moved is None or away == 0 or self._away(source, before[middle]) > reach:
                continue
            move = self._moved.move_at(before[middle].numpy())
            if move is None:
                continue
            along = before[part] + torch.from_numpy(move).to(before)
            if self._away(frame, along[self.members // 2]) < away - NEARER:
                places[part], changes = along, True
                seen[part] = seen[part].any() & self.on_layer(frame, along) & inside(along, self.clip.size)
        return (places, seen) if changes else None

    def _away(self, frame: int, place: Tensor) -> float:
        """How far a place (2,) px is from the thing in a frame, px; infinitely where there is none."""
        if bool(self.on_layer(frame, place[None])[0]):
            return 0.0
        y, x = self.masks[frame, 0].nonzero(as_tuple=True)
        return float(torch.hypot(x - place[0], y - place[1]).min()) if len(x) else math.inf

    def on_layer(self, frame: int, places: Tensor) -> Tensor:
        """Which places (P, 2) px lie on the thing in a frame, (P,) bool; those outside the picture go by its border."""
        column = places[:, 0].round().long().clamp(0, self.clip.size[1] - 1)
        row = places[:, 1].round().long().clamp(0, self.clip.size[0] - 1)
        return self.masks[frame, 0][row, column]

    def _carry(self, frame: int, places: Tensor, seen: Tensor, source: int) -> None:
        """The layer of the frame `source`, moved to this one with the help of the sets."""
        assert self.layer is not None
        shape, count = (self.pairs, self.members), self.pairs * self.members
        self._sets[frame] = places[:count].unflatten(0, shape), seen[:count].unflatten(0, shape)
        picture = self.clip.frames[frame]
        if frame == source:
            self._palette = Palette.of(blurred_lab(as_picture(picture)), self.layer[frame, 0].numpy())
            return
        (one, was_seen), (other, is_seen) = self._sets[source], self._sets[frame]
        hints = hints_of(one, other, was_seen & is_seen)
        self._moved = moved(self.clip.frames[source], picture, self.layer[source, 0].numpy(), self._palette, hints)
        self.layer[frame, 0] = torch.from_numpy(self._moved.layer)
        self.masks[frame] = self.layer[frame] >= 0.5

    def _prompts(self, before: Tensor, seen: Tensor) -> Tensor:
        """(P,) bool"""
        number = torch.arange(len(seen))
        is_handle = number % self.members == self.members // 2
        return (before | is_handle) & seen & (number < self.pairs * self.members)

    def _split(self, frame: int, places: Tensor, prompts: Tensor, source: int) -> Tensor:
        if self.layer is None:
            self.masks[frame, 0] = self._ask(frame, places, prompts, source)
        return self.on_layer(frame, places)

    def _ask(self, frame: int, places: Tensor, prompts: Tensor, source: int) -> Tensor:
        picture = self.clip.frames[frame]
        if not self.segmenter.asks_points:
            return self.segmenter.foreground(frame, picture, places)
        sets = zip(places.split(self.members), prompts.split(self.members), strict=True)
        asked = [self.segmenter.foreground(frame, picture, points[chosen]) for points, chosen in sets if bool(chosen.any())]
        if asked:
            return torch.stack(asked).any(0)
        layer = self.masks[source, 0].float().numpy()  # every pair is hidden: the rest of the thing goes on as it moves
        return torch.from_numpy(moved(self.clip.frames[source], picture, layer).layer >= 0.5)
