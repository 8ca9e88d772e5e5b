"""A whole film in, a whole film out: the drag without a model, window by window, at the film's own size and rate.

Points and layer are followed in every frame on a small copy. What the drag changes is rendered from the film's own pixels, inside a
box around the edit mask, and put back; all else is handed on as it was. A window is some frames that are in memory together; the
next one starts from the last frame that showed every pair, so memory does not grow with the film. The edit ends at hard cuts.

Windows before the picked frame are followed backward, twice: once to find where each of them starts, once when they are written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from .displacement.bending import Bent
from .layers.matte import matte
from .media.cuts import NEIGHBOURS, cuts
from .media.film import Film, FilmFrame, open_film
from .media.film_writer import GOOD, FilmWriter
from .region.box import Box, box_around, tracks_in
from .region.scaled import as_frames, as_picture, enlarged_masks, factor_for, small_copy, small_picks
from .region.windows import Start, joined, later_start, turned_round
from .stages.displace import DisplaceSettings, bend_layers, render
from .stages.pick import pick
from .stages.propagate import PropagateSettings, propagate
from .stages.segment import segment
from .types import OnProgress, PointPicks, PointTracks, Segmenter, UserError, VideoClip, ignore_progress, warn

LEAST_BOX = 48  # px of the small copy


@dataclass(frozen=True)
class FilmSettings:
    displace: DisplaceSettings = field(default_factory=DisplaceSettings)
    propagate: PropagateSettings = field(default_factory=lambda: PropagateSettings(tracker="flow"))
    window: int = 32  # frames in memory together
    beside: int = 4  # frames before and after a window that it is held together with, so that the edit does not jump
    margin: int = 24  # px of the small copy around what may change: from there the freed ground is filled
    codec: str = "h264"  # of the file: "h264", "hevc" or "ffv1" (lossless)
    quality: int = GOOD  # CRF: 0 = lossless to 51 = worst


@dataclass(frozen=True)
class FilmReport:
    """What was made."""

    path: Path
    frames: int  # of the film
    first: int  # first and last frame of the edited shot
    last: int
    factor: int  # pixels of the film that make one of the small copy, along each side


def drag_a_film(
    source: str | Path,
    points: str,
    output: str | Path,
    settings: FilmSettings = FilmSettings(),
    segmenter: Segmenter | None = None,
    on_progress: OnProgress = ignore_progress,
) -> FilmReport:
    """Edit the film `source` and write it to `output`, with its size, rate, length, sound and colours.

    points: the JSON of Pick Points, clicked on a frame of the film. segmenter: with a MASK of that frame, or a SAM; None: strokes,
    or no layer. Warns where the shot of the picked frame ends before the film does: the other shots are handed on. UserError for
    points, files and masks that do not fit.
    """
    film = open_film(source)
    count = len(film.times)
    picks = pick(points, film.size, count)
    if not bool((picks.targets != picks.handles).any()):
        raise UserError("every pair is a pin, so nothing would move: expected a target away from its handle. Draw an arrow.")
    edit = _Edit(film, settings, segmenter or segment(), factor_for(film.size))
    total, written = count + picks.frame, 0
    with FilmWriter(output, film, settings.codec, settings.quality) as writer:
        starts = edit.starts_before(picks, lambda done: on_progress(done, total, None))
        for frame, rgb in edit.frames(starts):
            writer.write(frame, rgb)
            written += 1
            on_progress(picks.frame + written, total, None if rgb is None else partial(_shown, rgb))
    first, end = starts[-1].index, written if edit.shot_end is None else edit.shot_end
    if first > 0 or end < written:
        warn(
            f"the shot with the picked frame goes from frame {first + 1} to {end} of {written}: the edit ends at its cuts. "
            "Edit the other shots by themselves."
        )
    return FilmReport(Path(output), written, first, end - 1, edit.factor)


class _Edit:
    """The work on one film. `shot_end`: the frame that begins the next shot, once it was met."""

    def __init__(self, film: Film, settings: FilmSettings, segmenter: Segmenter, factor: int):
        self.film, self.settings, self.segmenter, self.factor = film, settings, segmenter, factor
        self.small_size = film.size[0] // factor, film.size[1] // factor
        self.shot_end: int | None = None

    def starts_before(self, picks: PointPicks, done: Callable[[int], None]) -> list[Start]:
        """The picked frame's start, and those of the windows before it, the earliest last.

        A window's frames lie between its own start and the next one in this list. Before the last start nothing is edited: it is
        another shot, or the thing cannot be seen.
        """
        picture = self._copies(picks.frame, picks.frame + 1)[0]
        starts = [Start(picks.frame, picture, replace(small_picks(picks, self.factor, self.small_size), frame=0), None)]
        first = self._shot_start(picks.frame)
        while starts[-1].index > first:
            end = starts[-1].index
            begin = max(first, end - self.settings.window)
            copies, indices = self._copies(begin, end)[::-1], list(range(end - 1, begin - 1, -1))
            start = later_start(starts[-1], copies, indices, self._followed(starts[-1], copies, is_first=len(starts) == 1))
            if start is starts[-1]:
                break
            starts.append(start)
            done(picks.frame - start.index)
        return starts

    def frames(self, starts: list[Start]) -> Iterator[tuple[FilmFrame, np.ndarray | None]]:
        """Every frame of the film with its edited picture, None where it is in another shot."""
        yield from ((frame, None) for frame in self._between(0, starts[-1].index))
        for number in range(len(starts) - 1, 0, -1):
            end = starts[number - 1]
            frames = list(self._between(starts[number].index, end.index))
            copies = [small_copy(frame.rgb, self.factor) for frame in frames]
            tracks = turned_round(self._followed(end, copies[::-1], is_first=number == 1))
            yield from self._edited(frames, copies, tracks, 0, len(frames))
        yield from self._forward(starts[0])

    def _forward(self, start: Start) -> Iterator[tuple[FilmFrame, np.ndarray | None]]:
        """From the picked frame to the end of its shot, then the rest of the film as it is."""
        source, settings = self._between(start.index, None), self.settings
        waiting: deque[FilmFrame] = deque()
        before_copies: list[np.ndarray] = []
        before_tracks: PointTracks | None = None
        is_first = True
        while True:
            waiting.extend(islice(source, settings.window + settings.beside - len(waiting)))
            if not waiting:
                return
            frames, copies = list(waiting), [small_copy(frame.rgb, self.factor) for frame in waiting]
            cut = self._cut(before_copies, copies)
            if cut is not None:
                self.shot_end = frames[cut].index
                frames, copies = frames[:cut], copies[:cut]
            if frames:
                if is_first:
                    tracks = self._followed(start, copies[1:], True, with_start=True)
                else:
                    tracks = self._followed(start, copies, False)
                count = len(frames) if cut is not None else min(settings.window, len(frames))
                beside = len(before_copies) if before_tracks is not None else 0
                whole = tracks if before_tracks is None else joined(before_tracks, tracks)
                yield from self._edited(frames, before_copies[len(before_copies) - beside :] + copies, whole, beside, count)
                start = later_start(
                    start, copies[:count], [frame.index for frame in frames[:count]], tracks.of_frames(slice(0, count))
                )
                kept = slice(max(0, count - settings.beside), count)
                before_copies, before_tracks = copies[kept], tracks.of_frames(kept)
                is_first = False
                for _ in range(count):
                    waiting.popleft()
            if cut is not None:
                yield from ((frame, None) for frame in waiting)
                yield from ((frame, None) for frame in source)
                return

    def _followed(self, start: Start, copies: list[np.ndarray], is_first: bool, with_start: bool = False) -> PointTracks:
        """Points and layer in the small copies, followed from a start; `with_start`: in that as well, as the first frame."""
        clip = self._clip([start.picture, *copies])
        segmenter = self.segmenter
        if not is_first and not segmenter.asks_points:
            segmenter = segment(mask=start.layer, front=segmenter.front)
        tracks = propagate(clip, start.picks, segmenter, None, self.settings.propagate)
        return tracks if with_start else tracks.of_frames(slice(1, None))

    def _edited(
        self, frames: list[FilmFrame], copies: list[np.ndarray], tracks: PointTracks, beside: int, count: int
    ) -> Iterator[tuple[FilmFrame, np.ndarray | None]]:
        """The first `count` frames with their pictures. Copies and tracks begin `beside` frames before them, and may go on."""
        shown = slice(beside, beside + count)
        bents = bend_layers(self._clip(copies), tracks, self.settings.displace)[shown]
        frames, tracks = frames[:count], tracks.of_frames(shown)
        box = box_around(tracks.edit_mask.any(0)[0].numpy(), self.settings.margin, LEAST_BOX)
        if box is None or not any(bent is not None and bent.moved.any() for bent in bents):
            yield from ((frame, frame.rgb) for frame in frames)
            return
        large = box.times(self.factor)
        clip = VideoClip(as_frames([frame.rgb[large.rows, large.columns] for frame in frames]), torch.arange(count), 1.0)
        cut = enlarged_masks(tracks_in(box, tracks), self.factor)
        if cut.layer is not None and self.factor > 1:
            cut = replace(
                cut, layer=torch.from_numpy(np.stack([_sharp(*pair) for pair in zip(clip.frames, cut.layer, strict=True)]))
            )
        made = render(clip, cut, [bent and _in_box(bent, box) for bent in bents])
        for i, frame in enumerate(frames):
            changed = (made.frames[i] != clip.frames[i]).any(0).numpy()
            rgb = frame.rgb.copy()
            rgb[large.rows, large.columns][changed] = as_picture(made.frames[i], rgb.dtype)[changed]
            yield frame, rgb

    def _cut(self, before: list[np.ndarray], copies: list[np.ndarray]) -> int | None:
        """Which of the copies begins another shot, None if none does."""
        jumps = [index - len(before) for index in cuts([*before, *copies])]
        return next((index for index in jumps if index >= 1 or (before and index == 0)), None)

    def _shot_start(self, index: int) -> int:
        """The first frame of the shot of frame `index`."""
        if index == 0:
            return 0
        pictures = (small_copy(frame.rgb, self.factor) for frame in self._between(0, index + 1 + NEIGHBOURS))
        return max((cut for cut in cuts(pictures) if cut <= index), default=0)

    def _copies(self, begin: int, end: int) -> list[np.ndarray]:
        return [small_copy(frame.rgb, self.factor) for frame in self._between(begin, end)]

    def _between(self, begin: int, end: int | None) -> Iterator[FilmFrame]:
        """The frames from number `begin` to before `end`."""
        times = self.film.times
        if begin >= len(times) or (end is not None and end <= begin):
            return iter(())
        return self.film.frames(times[begin] if begin else None, None if end is None or end >= len(times) else times[end])

    def _clip(self, copies: list[np.ndarray]) -> VideoClip:
        return VideoClip(as_frames(copies), torch.arange(len(copies)), float(self.film.header.rate))


def _shown(rgb: np.ndarray) -> torch.Tensor:
    return as_frames([rgb])[0]


def _in_box(bent: Bent, box: Box) -> Bent:
    """The bent mesh in the box's pixels."""
    x, y = box.columns.start, box.rows.start
    mesh = bent.mesh
    corner = mesh.corner[0] - x, mesh.corner[1] - y
    return replace(bent, mesh=replace(mesh, vertices=mesh.vertices - [x, y], corner=corner, size=box.size))


def _sharp(frame: torch.Tensor, layer: torch.Tensor) -> np.ndarray:
    """An enlarged layer (1, H, W) with its edge where the film's own pixels have it."""
    picture = (frame.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)
    return matte(picture, (layer[0].numpy() >= 0.5).astype(np.float32))[None]
