"""What changes in the frames of one window, once its points are followed; who draws that: this process, or a group's others too.

A `Drawing` has all that this takes, so another rank needs no film. Following is a chain, each window from where the one before
ended, so the first rank follows all of them and gives each to whoever is free; only it reads the film and writes.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import PriorityQueue
from types import TracebackType

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from . import masked
from .displacement.bending import Bent
from .ground.plate import Plate, numbered, of_each
from .group import ALONE, Group, LostRank, State
from .layers.matte import matte
from .layers.steady import hold_still, ways_of
from .points.naming import gathered, in_film, warn_of_numbers
from .region.box import box_around, tracks_in
from .region.patch import Patch, is_patched, patch_from
from .region.scaled import Room, as_frames, as_values, enlarged_masks
from .region.windows import tracks_as_tensors, tracks_of
from .stages.displace import DisplaceSettings, Sketch, bend_layers, warn_of_folds
from .types import Box, PointTracks, UserError, VideoClip

EDGE = 16  # px of the film around what may change: so far the layer's edge is looked for in its own pixels
SAID, FAILED = "said", "failed"  # texts of an answer


class _Rooms(threading.local):
    """Of each thread that draws: nothing in them is needed any more once a window is drawn."""

    def __init__(self) -> None:
        self.copies, self.layer = Room(), Room()


_rooms = _Rooms()


@dataclass(frozen=True)
class Drawing:
    """What it takes to draw a window."""

    settings: DisplaceSettings
    factor: int  # pixels of the film that make one of the small copy, along each side
    numbers: range  # of all frames in the film
    shown: slice  # the window's own frames among them
    copies: list[np.ndarray]  # small copies of all frames
    tracks: PointTracks  # of all frames, on the small copies
    box: Box | None  # of the small copies: nothing else may change in the window's own frames; None: nothing at all
    pixels: list[np.ndarray]  # of the window's own frames in the box, (h, w, 3) uint8 or uint16 at the film's size
    plate: Plate | None = None  # of the same box at the film's size: ground that no frame of the window shows
    earlier: tuple[Plate, ...] = ()  # the same of frames before the window: ground that a thing has covered since

    def as_tensors(self) -> State:
        """What is handed over to another rank."""
        place = [self.factor, self.numbers.start, self.numbers.stop, self.shown.start, self.shown.stop]
        tensors = {
            "stiffness": torch.tensor(self.settings.stiffness, dtype=torch.float64),
            "place": torch.tensor(place),
            "copies": torch.from_numpy(np.stack(self.copies)),
            **tracks_as_tensors(self.tracks),
        }
        if self.box is None:
            return tensors
        rows, columns, octets = self.box.rows, self.box.columns, np.stack(self.pixels).view(np.uint8)
        box = torch.tensor([rows.start, rows.stop, columns.start, columns.stop])
        plate = {} if self.plate is None else self.plate.as_tensors()
        return tensors | {"box": box, "pixels": torch.from_numpy(octets)} | plate | numbered(self.earlier)

    @staticmethod
    def of(tensors: State) -> Drawing:
        """The one that `as_tensors` made."""
        factor, begin, end, first, last = tensors["place"].tolist()
        box, pixels = None, []
        if "box" in tensors:
            top, bottom, left, right = tensors["box"].tolist()
            box, octets = Box(slice(top, bottom), slice(left, right)), tensors["pixels"].numpy()
            pixels = list(octets.view(np.uint8 if octets.shape[-1] == 3 else np.uint16))
        settings = DisplaceSettings(float(tensors["stiffness"]))
        copies = list(tensors["copies"].numpy())
        numbers, shown = range(begin, end), slice(first, last)
        plate, earlier = Plate.of(tensors), tuple(one for each in of_each(tensors) if (one := Plate.of(each)) is not None)
        return Drawing(settings, factor, numbers, shown, copies, tracks_of(tensors), box, pixels, plate, earlier)


def draw(drawing: Drawing) -> Patch | None:
    """What changes in a window's own frames, None for nothing."""
    sketch = _sketch(drawing)
    if sketch is None or drawing.box is None:
        return None
    changes = [_changes(sketch, i) for i in range(len(drawing.pixels))]
    return Patch(drawing.box.times(drawing.factor), *(list(of_all) for of_all in zip(*changes, strict=True)))


def first_plate(drawing: Drawing) -> Plate | None:
    """The clean plate of a drawing's first frame, None where no ground comes free in it."""
    sketch = _sketch(drawing)
    if sketch is None or drawing.box is None or not sketch.freed[0].any():
        return None
    known, ground = sketch.ground_of(0)
    picture = as_values(rearrange(torch.from_numpy(ground), "h w c -> c h w"), drawing.pixels[0].dtype)
    return Plate(drawing.box.times(drawing.factor), picture, known)


def _sketch(drawing: Drawing) -> Sketch | None:
    """What there is to draw in a window's own frames, None for nothing."""
    shown, box = drawing.shown, drawing.box
    clip = _clip(drawing.copies, _rooms.copies)
    with in_film(drawing.numbers, drawing.factor):
        bents = bend_layers(clip, drawing.tracks, drawing.settings)
        folded = [i for i, bent in enumerate(bents) if bent is not None and bent.had_folds]
        warn_of_folds([i for i in folded if shown.start <= i < shown.stop])
    bents = bents[shown]
    if box is None or not any(bent is not None and bent.moved.any() for bent in bents):
        return None
    tracks = tracks_in(box, drawing.tracks)
    cut = enlarged_masks(tracks, drawing.factor, _rooms.layer)
    edge = box_around(cut.edit_mask[shown].any(0)[0].numpy(), EDGE, 1)
    layer = cut.layer
    if tracks.layer is not None and layer is not None and edge is not None:
        if drawing.factor > 1:
            _sharpen(drawing.pixels, layer[shown], edge)
        else:
            layer = layer.clone()
        hold_still(layer, ways_of(box.cut(clip.frames), tracks.layer, min(clip.size)), drawing.factor)
        cut = replace(cut, layer=layer)
    cut = cut.of_frames(shown)
    return Sketch.of(drawing.pixels, cut, [bent and _in_box(bent, box) for bent in bents], drawing.plate, drawing.earlier)


def _changes(sketch: Sketch, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Where (h, w) frame i is drawn otherwise than it was, and what it shows there, (P, 3) of its own type."""
    picture, warp = sketch.pictures[i], sketch.warps[i]
    changed = np.zeros(picture.shape[:2], bool)
    if warp is None:
        return changed, np.zeros((0, 3), picture.dtype)
    touched, colours = sketch.drawn(i)
    values = as_values(torch.from_numpy(colours.T), picture.dtype)
    differs = values != masked.read(picture[warp.box], touched)
    is_new = differs[:, 0] | differs[:, 1] | differs[:, 2]  # `any(1)` is slow over three values
    touched[touched] = is_new
    changed[warp.box] = touched
    return changed, masked.read(values, is_new)


def _clip(pictures: list[np.ndarray], room: Room) -> VideoClip:
    return VideoClip(as_frames(pictures, room), torch.arange(len(pictures)), 1.0)


def _in_box(bent: Bent, box: Box) -> Bent:
    """The bent mesh in the box's pixels."""
    x, y = box.columns.start, box.rows.start
    mesh = bent.mesh
    corner = mesh.corner[0] - x, mesh.corner[1] - y
    return replace(bent, mesh=replace(mesh, vertices=mesh.vertices - [x, y], corner=corner, size=box.size))


def _sharpen(pixels: list[np.ndarray], layer: Tensor, box: Box) -> None:
    """Draw an enlarged layer (N, 1, H, W) in the box with its edge where the film's own pixels have it, in place. Nothing is drawn
    elsewhere."""
    layer.ge_(0.5)
    for picture, one in zip(pixels, box.cut(layer), strict=True):
        part = picture[box.rows, box.columns]
        one[0] = torch.from_numpy(matte(part if part.dtype == np.uint8 else (part >> 8).astype(np.uint8), one[0].numpy()))


# ----------------------------------------------------------------------------------------------- the ranks of a group


class Drawers:
    """The ranks of a group as the first one has them draw, each one window at a time. The others call `draw_for_the_first`, and
    are let go at the end of the `with`."""

    def __init__(self, group: Group = ALONE):
        self.count, self._group = group.size, group
        self._free: PriorityQueue[int] = PriorityQueue()  # ranks, negative: this one comes last, as it follows and writes besides
        for rank in range(group.size):
            self._free.put(-rank)

    def draw(self, drawing: Drawing) -> Patch | None:
        """`draw`, by whoever is free; for `count` threads at a time. UserError where another rank fails or is lost."""
        rank = -self._free.get()
        try:
            return draw(drawing) if rank == 0 else self._asked(rank, drawing)
        finally:
            self._free.put(-rank)

    def _asked(self, rank: int, drawing: Drawing) -> Patch | None:
        self._group.send(rank, drawing.as_tensors())
        answer = self._group.receive(rank)
        if FAILED in answer:
            raise UserError(_read(answer[FAILED]))
        for text, numbers in json.loads(_read(answer[SAID])).items():
            warn_of_numbers(text, numbers)
        if not is_patched(answer) or drawing.box is None:
            return None
        large = drawing.box.times(drawing.factor)
        corner = large.rows.stop, large.columns.stop
        return patch_from(answer, len(drawing.pixels), corner, drawing.pixels[0].dtype)

    def __enter__(self) -> Drawers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for rank in range(1, self.count):
            with suppress(LostRank):
                self._group.send(rank, {})


def draw_for_the_first(group: Group) -> None:
    """Draw whatever the first rank asks for, until it asks for no more. What goes wrong here is said there."""
    while asked := group.receive(0):
        try:
            with gathered() as said:
                patch = draw(Drawing.of(asked))
            answer = {SAID: _written(json.dumps({text: sorted(numbers) for text, numbers in said.items()}))}
            answer |= {} if patch is None else patch.as_tensors()
        except Exception as error:
            text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            answer = {FAILED: _written(f"rank {group.rank} of {group.size} could not draw a part of the film: {text}")}
        group.send(0, answer)


def _written(text: str) -> Tensor:
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _read(octets: Tensor) -> str:
    return bytes(octets.tolist()).decode()
