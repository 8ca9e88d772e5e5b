"""One window of a film: its points and layer followed on small copies of its frames. `film_drawing.py` draws it.

The two are apart, because the next window needs only the first: while one window is drawn, the next is followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from einops import repeat
from torch import Tensor

from .displacement.checks import on_layer, pins
from .displacement.compose import covered
from .film_drawing import Drawing, first_plate
from .ground.plate import Plate
from .layers.find import guess, stroked_layer
from .layers.guess import GuessedSegmenter
from .layers.moving import STEPS
from .media.cuts import NEIGHBOURS, cuts
from .media.film import Film, FilmFrame
from .media.film_writer import GOOD
from .media.filters import KeptChain
from .points import edit_mask as edit_masks
from .points.flow import Flow
from .points.moves import in_window
from .points.naming import WHERE, in_film, warn_of_frames
from .points.sets import REFERENCE
from .region.box import box_around
from .region.scaled import Room, as_frames, small_copy, small_size
from .region.windows import Found, Start, Window, joined, later_start, shows_everything
from .stages.displace import DisplaceSettings
from .stages.propagate import PropagateSettings, found_in
from .stages.segment import segment
from .types import Box, Correction, PointPicks, PointTracks, Segmenter, VideoClip, ignore_progress

LEAST_BOX = 48  # px of the small copy


@dataclass(frozen=True)
class FilmSettings:
    """How a whole film is followed, displaced and written."""

    displace: DisplaceSettings = field(default_factory=DisplaceSettings)
    propagate: PropagateSettings = field(default_factory=lambda: PropagateSettings(tracker="flow", ends_at_cuts=False))
    window: int = 32  # frames in memory together
    beside: int = 4  # frames before and after a window that it is held together with, so that the edit does not jump
    margin: int = 24  # px of the small copy around what may change: from there the freed ground is filled
    codec: str = "h264"  # of the file: "h264", "hevc" or "ffv1" (lossless)
    quality: int = GOOD  # CRF: 0 = lossless to 51 = worst


@dataclass(frozen=True)
class Followed:
    """A window of which points and layer are known, before it is drawn."""

    frames: list[FilmFrame]  # of the window alone
    copies: list[np.ndarray]  # small copies of `beside` frames before it, of its own, and of some after it
    tracks: PointTracks | None  # of all of these; None: there is nothing to draw
    beside: int = 0
    earlier: tuple[Plate, ...] = ()  # frames of the window before it

    @property
    def shown(self) -> slice:
        """The window's own frames among all."""
        return slice(self.beside, self.beside + len(self.frames))

    @property
    def numbers(self) -> range:
        """Of all frames in the film."""
        first = self.frames[0].index - self.beside
        return range(first, first + len(self.copies))


class FilmWork:
    """What all windows of a film have in common."""

    def __init__(
        self,
        film: Film,
        settings: FilmSettings,
        segmenter: Segmenter,
        picks: PointPicks,
        corrections: list[Correction],
        factor: int,
        flow: Flow,
    ):
        """picks and corrections: on the small copy, `factor` pixels of the film to each of its own."""
        self.film, self.settings, self.segmenter = film, settings, segmenter
        self.picks, self.factor, self.flow = picks, factor, flow
        self.corrections: dict[int, list[Correction]] = {}  # by frame
        for one in corrections:
            self.corrections.setdefault(one.frame, []).append(one)
        self.is_carried = not segmenter.asks_points  # the layer goes from window to window; else a SAM is asked in each frame
        self.layer: Tensor | None = None  # (h, w) in the picked frame, once it was found
        self._room = Room()
        self.plate: Plate | None = None  # of the picked frame: ground that no frame of a window shows is the same in all

    def first_start(self) -> Start:
        """The picked frame. Where nobody marked the thing, a guess is made there: the same for all windows. Strokes are read there,
        with the frames around it, which show what moves."""
        index, picks = self.picks.frame, replace(self.picks, frame=0, keys=(), strength=())
        is_guessed = self._is_guessed(picks)
        is_stroked = self.segmenter.masks is None and not self.segmenter.asks_points
        is_stroked &= any(stroke.kind == "thing" for stroke in picks.strokes)
        looks_around = is_guessed or is_stroked
        first, end = (max(0, index + STEPS[0]), index + STEPS[-1] + 1) if looks_around else (index, index + 1)
        frames = list(self.film.between(first, end))
        copies = self.copies(frames)
        start = Start(index, copies[index - first], picks, None)
        if is_guessed:
            self.segmenter = self._guess(copies, index - first, picks)
        elif is_stroked:
            layer = torch.from_numpy(stroked_layer(as_frames(copies), index - first, picks))
            self.segmenter = segment(mask=layer, front=self.segmenter.front)
        self.is_carried |= bool(picks.strokes)
        found = self.followed(start, [], [], is_first=True, with_start=True)
        self.plate = self._plate(start, frames[index - first], found.tracks)
        return replace(start, holds=found.holds[0, 0])

    def _plate(self, start: Start, frame: FilmFrame, tracks: PointTracks) -> Plate | None:
        """The clean plate of the picked frame, None where nothing moves in it."""
        drawing = self.drawing(Followed([frame], [start.picture], tracks if bool(tracks.visible.any()) else None))
        return None if drawing is None else first_plate(drawing)

    def _is_guessed(self, picks: PointPicks) -> bool:
        """Nobody said what the thing is."""
        segmenter = self.segmenter
        marked = segmenter.masks is not None or segmenter.asks_points or bool(picks.strokes)
        return self.settings.propagate.guess_layer and not marked

    def _guess(self, copies: list[np.ndarray], index: int, picks: PointPicks) -> Segmenter:
        settings, segmenter = self.settings.propagate, self.segmenter
        size = small_size(self.film.size, self.factor)
        radius = settings.mask_radius * min(size) / REFERENCE
        ends = picks.handles.float()[None], picks.targets.float()[None]
        mask = edit_masks.may_change(picks.mask_points.float()[None], *ends, radius, size)
        found = guess(as_frames(copies), index, picks, mask[0, 0], segmenter.front)
        return found if isinstance(found, GuessedSegmenter) else GuessedSegmenter(found.front)  # no window guesses anew

    def shot_start(self, index: int) -> int:
        """The first frame of the shot of frame `index`."""
        if index == 0:
            return 0
        pictures = (small_copy(frame.rgb, self.factor) for frame in self.film.between(0, index + 1 + NEIGHBOURS))
        return max((cut for cut in cuts(pictures) if cut <= index), default=0)

    def copies(self, frames: list[FilmFrame]) -> list[np.ndarray]:
        return [small_copy(frame.rgb, self.factor) for frame in frames]

    def window(self, frames: list[FilmFrame], start: Start, before: Window | None) -> tuple[Window, Followed]:
        """Follows the first of these frames, as many as a window has, or those before a cut. The window has no patch yet."""
        settings, copies = self.settings, self.copies(frames)
        cut = _cut([] if before is None else before.copies, copies)
        frames, copies = frames[:cut], copies[:cut]
        if not frames:
            return Window(0, True, False, None, start, [], None), Followed([], [], None)
        others = slice(0 if before else 1, None)  # the first frame of the first window is its start
        numbers = [frame.index for frame in frames[others]]
        found = self.followed(start, copies[others], numbers, before is None, with_start=before is None)
        tracks = found.tracks
        if before is None and tracks.layer is not None:
            self.layer = tracks.layer[0, 0]
        count = len(frames) if cut is not None else min(settings.window, len(frames))
        is_lost = not bool(tracks.visible[:count].any())
        indices = [frame.index for frame in frames[:count]]
        start = later_start(start, copies[:count], indices, found.of_frames(slice(0, count)))
        kept = slice(max(0, count - settings.beside), count)
        plates = () if is_lost else self._ground_of(frames[:count], tracks.of_frames(slice(0, count)))
        window = Window(count, cut is not None, is_lost, None, start, copies[kept], tracks.of_frames(kept), plates)
        if is_lost:
            return window, Followed(frames[:count], copies, None)
        if before is None:
            return window, Followed(frames[:count], copies, tracks)
        if before.tracks is None:
            return window, Followed(frames[:count], copies, tracks, len(before.copies), before.earlier)
        tracks = joined(before.tracks, tracks)
        return window, Followed(frames[:count], before.copies + copies, tracks, len(before.copies), before.earlier)

    def _ground_of(self, frames: list[FilmFrame], tracks: PointTracks) -> tuple[Plate, ...]:
        """What the middle and the last frame of a window show of the ground: a thing that moves on covers it in the next window."""
        box = self._box(tracks)
        if box is None or tracks.layer is None:
            return ()
        large, to_rgb, plates = box.times(self.factor), KeptChain(), []
        for i in sorted({(len(frames) - 1) // 2, len(frames) - 1}):
            hides = covered(tracks.layer[i, 0].numpy())
            if tracks.front is not None:
                hides |= covered(tracks.front[i, 0].numpy())
            known = repeat(~hides[box.rows, box.columns], "h w -> (h y) (w x)", y=self.factor, x=self.factor)
            plates.append(Plate(large, frames[i].part(large, to_rgb), known))
        return tuple(plates)

    def _box(self, tracks: PointTracks) -> Box | None:
        """What is looked at in frames with these tracks, None for nothing."""
        return box_around(tracks.edit_mask.any(0)[0].numpy(), self.settings.margin, LEAST_BOX)

    def followed(
        self, start: Start, copies: list[np.ndarray], numbers: list[int], is_first: bool, with_start: bool = False
    ) -> Found:
        """Points and layer in the small copies of the frames of these numbers, followed from a start; `with_start`: in that as
        well, as the first frame."""
        clip, numbers = self._clip([start.picture, *copies]), [start.index, *numbers]
        picks = in_window(start.picks, self.picks, numbers)
        corrections = [replace(one, frame=i) for i in range(1, len(numbers)) for one in self.corrections.get(numbers[i], ())]
        segmenter, first = self.segmenter, 0 if with_start else 1
        if isinstance(segmenter, GuessedSegmenter):
            segmenter = replace(segmenter, layer=segmenter.layer if start.index == self.picks.frame else start.layer)
        elif not is_first and self.is_carried:
            segmenter = segment(mask=start.layer, front=segmenter.front)
        with in_film(numbers, self.factor, is_first):
            settings = self.settings.propagate
            found = found_in(
                clip, picks, segmenter, None, settings, ignore_progress, corrections, None, self.flow, holds=start.holds
            )
            tracks = found.tracks
            if isinstance(self.segmenter, GuessedSegmenter) and self.segmenter.layer is not None:
                _warn_of_lost_guess(tracks, first)
        if tracks.layer is not None:
            tracks = replace(tracks, visible=tracks.visible & (pins(tracks) | on_layer(tracks.layer, tracks.handles))[..., None])
        return replace(found, tracks=tracks).of_frames(slice(first, None))

    def drawing(self, followed: Followed) -> Drawing | None:
        """What it takes to draw a window, None for nothing."""
        if followed.tracks is None:
            return None
        box = self._box(followed.tracks.of_frames(followed.shown))
        pixels, plate = [], None
        earlier: tuple[Plate, ...] = ()
        if box is not None:
            large = box.times(self.factor)
            to_rgb = KeptChain()
            pixels = [frame.part(large, to_rgb) for frame in followed.frames]
            plate = None if self.plate is None else self.plate.seen_in(large)
            earlier = tuple(one.seen_in(large) for one in followed.earlier)
        numbers, shown, copies, tracks = followed.numbers, followed.shown, followed.copies, followed.tracks
        return Drawing(self.settings.displace, self.factor, numbers, shown, copies, tracks, box, pixels, plate, earlier)

    def _clip(self, copies: list[np.ndarray]) -> VideoClip:
        """These small copies, until the next ones are asked for."""
        return VideoClip(as_frames(copies, self._room), torch.arange(len(copies)), float(self.film.header.rate))


def _warn_of_lost_guess(tracks: PointTracks, first: int) -> None:
    """Says where points can be seen, from frame `first` on, and the layer is not known any more."""
    lost = shows_everything(tracks) & tracks.visible.flatten(1).any(1)
    frames = [i for i in lost.nonzero().flatten().tolist() if i >= first]
    if frames:
        warn_of_frames(
            f"the thing that was guessed could not be followed in {WHERE}: all that lies near the arrow bends there. Paint a "
            "stroke over the thing on the Pick Points node.",
            frames,
        )


def _cut(before: list[np.ndarray], copies: list[np.ndarray]) -> int | None:
    """Which of the copies begins another shot, None if none does."""
    jumps = [index - len(before) for index in cuts([*before, *copies])]
    return next((index for index in jumps if index >= 1 or (before and index == 0)), None)
