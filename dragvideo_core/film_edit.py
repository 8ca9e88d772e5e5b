"""A whole film in, a whole film out: the drag without a model, window by window, at the film's own size and rate.

Points and layer are followed in every frame on a small copy. What the drag changes is rendered from the film's own pixels, inside a
box around the edit mask, and put back; all else is handed on as it was. A window is some frames that are in memory together; the
next one starts from the last frame that showed every pair, so memory does not grow with the film. The edit ends at hard cuts.

Windows before the picked frame are edited backward first, and what changed in them waits on disk until they are written. With
`keep` every finished window stays there until the film is whole: after a crash the same work goes on behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count as count_up
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .displacement.bending import Bent
from .displacement.checks import on_layer, pins
from .exchange.corrections import check_corrections, read_corrections
from .files.fingerprint import fingerprint
from .files.kept_windows import KeptWindows
from .layers.find import guess
from .layers.guess import GuessedSegmenter
from .layers.matte import matte
from .layers.moving import STEPS
from .media.cuts import NEIGHBOURS, cuts
from .media.film import Film, FilmFrame, open_film
from .media.film_writer import GOOD, FilmWriter
from .points import edit_mask as edit_masks
from .points.edit_mask import counted_as
from .points.moves import in_window
from .points.sets import REFERENCE
from .region.box import Box, box_around, tracks_in
from .region.patch import Patch, is_patched, patch_from
from .region.scaled import as_frames, as_picture, enlarged_masks, factor_for, small_copy, small_corrections, small_picks
from .region.windows import Start, Window, joined, later_start, turned_round, window_from
from .stages.displace import DisplaceSettings, bend_layers, render, warn_of_folds
from .stages.pick import pick
from .stages.propagate import PropagateSettings, propagate
from .stages.segment import segment
from .types import Correction, OnProgress, PointPicks, PointTracks, Segmenter, UserError, VideoClip, ignore_progress, warn

LEAST_BOX = 48  # px of the small copy


@dataclass(frozen=True)
class FilmSettings:
    displace: DisplaceSettings = field(default_factory=DisplaceSettings)
    propagate: PropagateSettings = field(default_factory=lambda: PropagateSettings(tracker="flow", ends_at_cuts=False))
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
    picked: int  # the picked frame
    layer: Tensor | None  # (h, w) in [0, 1], the thing on it, in the small copy; None: none was found, or in an earlier run


def drag_a_film(
    source: str | Path,
    points: str,
    output: str | Path,
    settings: FilmSettings = FilmSettings(),
    segmenter: Segmenter | None = None,
    on_progress: OnProgress = ignore_progress,
    keep: bool = False,
    corrections: str = "",
) -> FilmReport:
    """Edit the film `source` and write it to `output`, with its size, rate, length, sound and colours.

    points: the JSON of Pick Points, clicked on a frame of the film. segmenter: with a MASK of that frame, or a SAM; None: strokes,
    or no layer. keep: work that is broken off leaves its finished windows in a hidden folder beside the output, and the same work
    (film, points, settings) goes on from there, whatever its output is called. corrections: where handles really are in other
    frames, as the player of Propagate Points writes it: the points go on from there. Warns where the shot of the picked frame ends
    before the film does, and where the points are lost: the rest is handed on. UserError for points, files, masks and corrections
    that do not fit.
    """
    film = open_film(source)
    count = len(film.times)
    picks = pick(points, film.size, count)
    if not bool((picks.targets != picks.handles).any()) and not any(bool(key.move.any()) for key in picks.keys):
        raise UserError("every pair is a pin, so nothing would move: expected a target away from its handle. Draw an arrow.")
    corrected = read_corrections(corrections, film.size)
    check_corrections(corrected, picks, count)
    segmenter = segmenter or segment()
    kept = KeptWindows(Path(output), _fingerprint(film, points, corrections, settings, segmenter), keep)
    edit = _Edit(film, settings, segmenter, picks, corrected, kept)
    total, written = count + picks.frame, 0
    try:
        with FilmWriter(output, film, settings.codec, settings.quality) as writer:
            starts = edit.starts_before(lambda done: on_progress(done, total, None))
            for frame, rgb in edit.frames(starts):
                writer.write(frame, rgb)
                written += 1
                on_progress(picks.frame + written, total, None if rgb is None else partial(_shown, rgb))
    except BaseException:
        kept.broken_off()
        raise
    kept.finished()
    first, end = starts[-1].index, written if edit.shot_end is None else edit.shot_end
    if edit.shot_first > 0 or end < written:
        warn(
            f"the shot with the picked frame goes from frame {edit.shot_first + 1} to {end} of {written}: the edit ends at its "
            "cuts. Edit the other shots by themselves."
        )
    if first > edit.shot_first:
        edit.lost.insert(0, (edit.shot_first, first))
    if edit.lost:
        ranges = ", ".join(f"{begin + 1} to {stop}" for begin, stop in edit.lost)
        warn(f"the points were lost in frames {ranges}: nothing changes there. Put them on a spot that can be seen for longer.")
    warn_of_folds(sorted(edit.folded))
    return FilmReport(Path(output), written, first, end - 1, edit.factor, picks.frame, edit.layer)


class _Edit:
    """The work on one film. `shot_first`, `shot_end`: the frames that begin the picked frame's shot and the next one, once they are
    known; `lost`: first frame and end of what shows no point, once that was met; `folded`: frames whose mesh was made smoother;
    `layer`: (h, w) of the picked frame, once it was found."""

    def __init__(
        self,
        film: Film,
        settings: FilmSettings,
        segmenter: Segmenter,
        picks: PointPicks,
        corrections: list[Correction],
        kept: KeptWindows,
    ):
        self.film, self.settings, self.segmenter, self.kept = film, settings, segmenter, kept
        self.factor = factor = factor_for(film.size)
        self.small_size = film.size[0] // factor, film.size[1] // factor
        self.picks, self.corrections = small_picks(picks, factor, self.small_size), small_corrections(corrections, factor)
        self.shot_first = 0
        self.is_carried = not segmenter.asks_points  # the layer goes from window to window; else a SAM is asked in each frame
        self.shot_end: int | None = None
        self.lost: list[tuple[int, int]] = []
        self.folded: list[int] = []
        self.layer: Tensor | None = None

    def starts_before(self, done: Callable[[int], None]) -> list[Start]:
        """The picked frame's start, and those of the windows before it, the earliest last; these windows are finished then.

        A window's frames lie between its own start and the next one in this list. Before the last start nothing is edited: it is
        another shot, or the thing cannot be seen.
        """
        picked = self.picks.frame
        first = max(0, picked + STEPS[0])
        copies = self._copies(first, picked + STEPS[-1] + 1)
        picture = copies[picked - first]
        small = replace(self.picks, frame=0, keys=(), strength=())
        self.segmenter = self._guess(copies, picked - first, small)
        self.is_carried |= bool(self.picks.strokes)
        starts = [Start(picked, picture, small, None)]
        self.shot_first = self._shot_start(picked)
        while starts[-1].index > self.shot_first:
            later = starts[-1]
            begin, name = max(self.shot_first, later.index - self.settings.window), f"before-{len(starts)}"
            kept = self.kept.read(name)
            start = later.read_from(kept) if kept else None
            if not kept or not start or not begin <= start.index < later.index or not self._has_patch(kept, start, later):
                start = self._before(name, begin, later, is_first=len(starts) == 1)
            if start is None:
                break
            starts.append(start)
            done(picked - start.index)
        return starts

    def _before(self, name: str, begin: int, later: Start, is_first: bool) -> Start | None:
        """Edits the window from frame `begin` to before a start, as far as its frames show every pair; None where none does."""
        frames = list(self._between(begin, later.index))
        copies, indices = [small_copy(frame.rgb, self.factor) for frame in frames], [frame.index for frame in frames]
        tracks = self._followed(later, copies[::-1], indices[::-1], is_first)
        start = later_start(later, copies[::-1], indices[::-1], tracks)
        if start is later:
            return None
        shown = slice(start.index - begin, None)
        patch = self._patch(frames[shown], copies[shown], turned_round(tracks).of_frames(shown), 0)
        self.kept.write(name, start.as_tensors() | ({} if patch is None else patch.as_tensors()), is_needed=True)
        return start

    def _has_patch(self, tensors: dict[str, Tensor], start: Start, later: Start) -> bool:
        count, size = later.index - start.index, self.film.size
        return not is_patched(tensors) or patch_from(tensors, count, size, self.film.dtype) is not None

    def _guess(self, copies: list[np.ndarray], index: int, picks: PointPicks) -> Segmenter:
        """The segmenter, or where nobody marked the thing one with a guess on the copy at `index`: the same in all windows."""
        settings, segmenter = self.settings.propagate, self.segmenter
        if not settings.guess_layer or segmenter.masks is not None or segmenter.asks_points or picks.strokes:
            return segmenter
        radius = settings.mask_radius * min(self.small_size) / REFERENCE
        ends = picks.handles.float()[None], picks.targets.float()[None]
        mask = edit_masks.may_change(picks.mask_points.float()[None], *ends, radius, self.small_size)
        return guess(as_frames(copies), index, picks, mask[0, 0], segmenter.front)

    def frames(self, starts: list[Start]) -> Iterator[tuple[FilmFrame, np.ndarray | None]]:
        """Every frame of the film with its edited picture, None where nothing changes."""
        yield from ((frame, None) for frame in self._between(0, starts[-1].index))
        for number in range(len(starts) - 1, 0, -1):
            begin, end = starts[number].index, starts[number - 1].index
            tensors = self.kept.read_back(f"before-{number}")
            if tensors is None or not self._has_patch(tensors, starts[number], starts[number - 1]):
                raise UserError(f"the finished frames {begin + 1} to {end} of '{self.film.name}' are gone. Start it again.")
            patch = patch_from(tensors, end - begin, self.film.size, self.film.dtype)
            yield from _patched(self._between(begin, end), patch)
        yield from self._forward(starts[0])

    def _forward(self, start: Start) -> Iterator[tuple[FilmFrame, np.ndarray | None]]:
        """From the picked frame to the end of its shot, then the rest of the film as it is."""
        source, settings = self._between(start.index, None), self.settings
        waiting: deque[FilmFrame] = deque()
        last: Window | None = None
        for number in count_up():
            waiting.extend(islice(source, settings.window + settings.beside - len(waiting)))
            if not waiting:
                return
            name, before = f"after-{number}", last
            kept, sets = self.kept.read(name), self.settings.propagate.set_side**2
            film = self.film
            last = window_from(kept, len(waiting), start, settings.beside, sets, film.size, film.dtype) if kept else None
            if last is None:
                last = self._window(list(waiting), start, before)
                if self.kept.keep:
                    self.kept.write(name, last.as_tensors())
            if last.is_lost:
                self.lost.append((waiting[0].index, waiting[0].index + last.count))
            yield from _patched([waiting.popleft() for _ in range(last.count)], last.patch)
            start = last.start
            if last.is_last:
                self.shot_end = waiting[0].index
                yield from ((frame, None) for frame in waiting)
                yield from ((frame, None) for frame in source)
                return

    def _window(self, frames: list[FilmFrame], start: Start, before: Window | None) -> Window:
        """Edits the first of these frames, as many as a window has, or those before a cut."""
        settings, copies = self.settings, [small_copy(frame.rgb, self.factor) for frame in frames]
        cut = self._cut([] if before is None else before.copies, copies)
        frames, copies = frames[:cut], copies[:cut]
        if not frames:
            return Window(0, True, False, None, start, [], None)
        others = slice(0 if before else 1, None)  # the first frame of the first window is its start
        numbers = [frame.index for frame in frames[others]]
        tracks = self._followed(start, copies[others], numbers, before is None, with_start=before is None)
        count = len(frames) if cut is not None else min(settings.window, len(frames))
        beside = 0 if before is None else len(before.copies)
        if before is None or before.tracks is None:
            whole, all_copies = tracks, copies
        else:
            whole, all_copies = joined(before.tracks, tracks), before.copies + copies
        is_lost = not bool(tracks.visible[:count].any())
        patch = None if is_lost else self._patch(frames[:count], all_copies, whole, beside)
        indices = [frame.index for frame in frames[:count]]
        start = later_start(start, copies[:count], indices, tracks.of_frames(slice(0, count)))
        kept = slice(max(0, count - settings.beside), count)
        return Window(count, cut is not None, is_lost, patch, start, copies[kept], tracks.of_frames(kept))

    def _followed(
        self, start: Start, copies: list[np.ndarray], numbers: list[int], is_first: bool, with_start: bool = False
    ) -> PointTracks:
        """Points and layer in the small copies of the frames of these numbers, followed from a start; `with_start`: in that as
        well, as the first frame."""
        clip, numbers = self._clip([start.picture, *copies]), [start.index, *numbers]
        picks = in_window(start.picks, self.picks, numbers)
        corrections = [replace(one, frame=numbers.index(one.frame)) for one in self.corrections if one.frame in numbers[1:]]
        segmenter = self.segmenter
        if isinstance(segmenter, GuessedSegmenter):
            segmenter = replace(segmenter, layer=start.layer if start.layer is not None else segmenter.layer)
        elif not is_first and self.is_carried:
            segmenter = segment(mask=start.layer, front=segmenter.front)
        with counted_as(numbers):
            tracks = propagate(clip, picks, segmenter, None, self.settings.propagate, ignore_progress, corrections)
        if with_start and tracks.layer is not None:
            self.layer = tracks.layer[0, 0]
        if tracks.layer is not None:
            tracks = replace(tracks, visible=tracks.visible & (pins(tracks) | on_layer(tracks.layer, tracks.handles))[..., None])
        return tracks if with_start else tracks.of_frames(slice(1, None))

    def _patch(self, frames: list[FilmFrame], copies: list[np.ndarray], tracks: PointTracks, beside: int) -> Patch | None:
        """What changes in the frames, None for nothing. Copies and tracks begin `beside` frames before them, and may go on."""
        shown = slice(beside, beside + len(frames))
        with counted_as(range(frames[0].index - beside, frames[0].index - beside + len(copies))):
            bents = bend_layers(self._clip(copies), tracks, self.settings.displace)[shown]
        self.folded += [frame.index for frame, bent in zip(frames, bents, strict=True) if bent is not None and bent.had_folds]
        tracks = tracks.of_frames(shown)
        box = box_around(tracks.edit_mask.any(0)[0].numpy(), self.settings.margin, LEAST_BOX)
        if box is None or not any(bent is not None and bent.moved.any() for bent in bents):
            return None
        large = box.times(self.factor)
        clip = VideoClip(as_frames([frame.rgb[large.rows, large.columns] for frame in frames]), torch.arange(len(frames)), 1.0)
        cut = enlarged_masks(tracks_in(box, tracks), self.factor)
        if cut.layer is not None and self.factor > 1:
            cut = replace(
                cut, layer=torch.from_numpy(np.stack([_sharp(*pair) for pair in zip(clip.frames, cut.layer, strict=True)]))
            )
        made = render(clip, cut, [bent and _in_box(bent, box) for bent in bents])
        changed = [one.any(0).numpy() for one in made.frames != clip.frames]
        values = [as_picture(one, self.film.dtype)[where] for one, where in zip(made.frames, changed, strict=True)]
        return Patch(large, changed, values)

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


def _patched(frames: Iterable[FilmFrame], patch: Patch | None) -> Iterator[tuple[FilmFrame, np.ndarray | None]]:
    yield from ((frame, None if patch is None else patch.applied(i, frame.rgb)) for i, frame in enumerate(frames))


def _fingerprint(film: Film, points: str, corrections: str, settings: FilmSettings, segmenter: Segmenter) -> str:
    """What the windows of a film depend on."""
    file = film.path.stat()
    asked = type(segmenter).__name__ if segmenter.asks_points else ""
    masks = [one for one in (segmenter.masks, segmenter.front) if one is not None]
    edit = replace(settings, codec="", quality=0)  # the windows are not encoded yet
    return fingerprint(
        str(film.path.resolve()), file.st_size, file.st_mtime_ns, points, corrections, edit, asked, len(masks), *masks
    )


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
