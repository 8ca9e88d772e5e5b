"""A whole film in, a whole film out: the drag without a model, window by window, at the film's own size and rate.

Points and layer are followed in every frame on a small copy. What the drag changes is rendered from the film's own pixels, inside a
box around the edit mask, and put back; all else is handed on as it was. A window is some frames that are in memory together; the
next one starts from the last frame that showed every pair, so memory does not grow with the film. The edit ends at hard cuts.
While one window is drawn, or several by several processes, the next is followed, and the last is encoded.

Windows before the picked frame are edited backward first, and what changed in them waits on disk until they are written. With
`keep` every finished window stays there until the film is whole: after a crash the same work goes on behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from itertools import count as count_up
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from .ahead import InTurn, side_by_side
from .exchange.corrections import check_corrections, read_corrections
from .exchange.tracks import GivenTracks, corrections_from
from .files.fingerprint import fingerprint
from .files.kept_windows import KeptWindows
from .files.unfinished import State
from .film_drawing import Drawers
from .film_window import FilmSettings, FilmWork, Followed
from .media.film import Film, FilmFrame, open_film
from .media.film_writer import FilmWriter
from .points.flow import DIS, Flow
from .points.naming import runs_of, said_of_whole_film
from .region.patch import Patch, is_patched, patch_from
from .region.scaled import as_frames, factor_for, small_corrections, small_picks, small_size
from .region.windows import Start, Window, later_start, turned_round, window_from
from .stages.pick import pick
from .stages.segment import segment
from .types import Box, Correction, OnProgress, Segmenter, UserError, ignore_progress
from .warning import each_said_once, warn

__all__ = ["FilmReport", "FilmSettings", "drag_a_film"]

T = TypeVar("T")
# A window that is drawn: the name to keep it by, None where it was kept before; its frames; itself, with its patch.
Drawn = tuple[str | None, list[FilmFrame], Window]

WAITING = 4  # frames between this thread and the encoder's


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
    box: Box | None  # of the film, that is looked at in the picked frame and those after it; None: nothing changes there


@dataclass(frozen=True)
class Edited:
    """A frame and what is to change in it."""

    frame: FilmFrame
    patch: Patch | None = None  # of its window; None: nothing
    number: int = 0  # of the frame in the patch

    def write(self, writer: FilmWriter) -> None:
        if self.patch is None:
            writer.write(self.frame)
        else:
            writer.write_part(self.frame, *self.patch.of(self.number))

    def picture(self) -> Tensor:
        """(3, H, W) in [0, 1]"""
        rgb = self.frame.rgb
        return as_frames([rgb if self.patch is None else self.patch.applied(self.number, rgb)])[0]


def drag_a_film(
    source: str | Path,
    points: str,
    output: str | Path,
    settings: FilmSettings = FilmSettings(),
    segmenter: Segmenter | None = None,
    on_progress: OnProgress = ignore_progress,
    keep: bool = False,
    corrections: str = "",
    given: GivenTracks | None = None,
    flow: Flow = DIS,
    drawers: Drawers | None = None,
) -> FilmReport:
    """Edit the film `source` and write it to `output`, with its size, rate, length, sound and colours.

    points: the JSON of Pick Points, clicked on a frame of the film. segmenter: with a MASK of that frame, or a SAM; None: strokes,
    or no layer. keep: work that is broken off leaves its finished windows in a hidden folder beside the output, and the same work
    (film, points, settings) goes on from there, whatever its output is called. corrections: where handles really are in other
    frames, as the player of Propagate Points writes it: the points go on from there. given: tracks of the film's first frames, in
    its pixels: where they show a spot they count in the place of our own; a pair that has corrections does without them. flow: what
    our own are measured by, between small copies. drawers: other processes that draw windows too; the same film comes out. Warns
    where the shot of the picked frame ends before the film does, where the tracks do, and where the points are lost: the rest is
    handed on. UserError for points, files, masks, corrections and tracks that do not fit.
    """
    with each_said_once():
        film = open_film(source)
        count = len(film.times)
        picks = pick(points, film.size, count)
        if not bool((picks.targets != picks.handles).any()) and not any(bool(key.move.any()) for key in picks.keys):
            raise UserError("every pair is a pin, so nothing would move: expected a target away from its handle. Draw an arrow.")
        corrected = read_corrections(corrections, film.size)
        check_corrections(corrected, picks, count)
        if given is not None:
            by_hand = {one.pair for one in corrected}
            corrected += [one for one in corrections_from(given, picks, count) if one.pair not in by_hand]
        segmenter = segmenter or segment()
        kept = KeptWindows(Path(output), _fingerprint(film, points, corrected, settings, segmenter, flow), keep)
        factor = factor_for(film.size)
        small = small_picks(picks, factor, small_size(film.size, factor)), small_corrections(corrected, factor)
        walk = _Walk(FilmWork(film, settings, segmenter, *small, factor, flow), kept, drawers or Drawers())
        total, written = count + picks.frame, 0
        try:
            with (
                FilmWriter(output, film, settings.codec, settings.quality) as writer,
                said_of_whole_film(),
                InTurn(WAITING) as encoder,
            ):
                starts = walk.starts_before(lambda done: on_progress(done, total, None))
                with closing(walk.frames(starts)) as frames:
                    for edited in frames:
                        encoder.call(edited.write, writer)
                        written += 1
                        on_progress(picks.frame + written, total, edited.picture if edited.patch else None)
        except BaseException:
            kept.broken_off()
            raise
        kept.finished()
        first, end = starts[-1].index, written if walk.shot_end is None else walk.shot_end
        walk.warn_of_the_rest(first, end, written)
        return FilmReport(Path(output), written, first, end - 1, factor, picks.frame, walk.work.layer, walk.box)


class _Walk:
    """The way over one film. `shot_first`, `shot_end`: the frames that begin the picked frame's shot and the next one, once they
    are known; `lost`: the frames that show no point, once they were met."""

    def __init__(self, work: FilmWork, kept: KeptWindows, drawers: Drawers):
        self.work, self.film, self.settings, self.kept, self.drawers = work, work.film, work.settings, kept, drawers
        self.shot_first = 0
        self.shot_end: int | None = None
        self.lost: list[int] = []
        self.box: Box | None = None  # of the picked frame's window
        self.rest: list[FilmFrame] = []  # read, but of another shot

    def warn_of_the_rest(self, first: int, end: int, count: int) -> None:
        """Says which of the film's frames were not edited; those from `first` to before `end` were."""
        if self.shot_first > 0 or end < count:
            warn(
                f"the shot with the picked frame goes from frame {self.shot_first + 1} to {end} of {count}: the edit ends at its "
                "cuts. Edit the other shots by themselves."
            )
        lost = [*range(self.shot_first, first), *self.lost]
        if lost:
            warn(f"the points were lost in {runs_of(lost)}: nothing changes there. Put them on a spot that can be seen for longer.")

    def starts_before(self, done: Callable[[int], None]) -> list[Start]:
        """The picked frame's start, and those of the windows before it, the earliest last; these windows are finished then.

        A window's frames lie between its own start and the next one in this list. Before the last start nothing is edited: it is
        another shot, or the thing cannot be seen.
        """
        starts = [self.work.first_start()]
        self.shot_first = self.work.shot_start(starts[0].index)
        for name, start, tensors in side_by_side(self._windows_before(starts), self.drawers.count):
            if tensors is not None:
                self.kept.write(name, tensors, is_needed=True)
            done(starts[0].index - start.index)
        return starts

    def _windows_before(self, starts: list[Start]) -> Iterator[Callable[[], tuple[str, Start, State | None]]]:
        """For each window before the picked frame: what draws it, as what is to be kept, None where it is kept already. Its start
        is added to `starts` first."""
        while starts[-1].index > self.shot_first:
            later, name = starts[-1], f"before-{len(starts)}"
            begin = max(self.shot_first, later.index - self.settings.window)
            kept = self.kept.read(name)
            start = later.read_from(kept) if kept else None
            if kept and start and begin <= start.index < later.index and self._has_patch(kept, start, later):
                starts.append(start)
                yield partial(_just, (name, start, None))
                continue
            frames = list(self.film.between(begin, later.index))
            copies, indices = self.work.copies(frames), [frame.index for frame in frames]
            found = self.work.followed(later, copies[::-1], indices[::-1], is_first=len(starts) == 1)
            start = later_start(later, copies[::-1], indices[::-1], found)
            if start is later:
                return
            starts.append(start)
            shown = slice(start.index - begin, None)
            tracks = turned_round(found.tracks).of_frames(shown)
            yield partial(self._drawn_before, name, start, Followed(frames[shown], copies[shown], tracks))

    def _drawn_before(self, name: str, start: Start, followed: Followed) -> tuple[str, Start, State]:
        patch = self._patch(followed)
        return name, start, start.as_tensors() | ({} if patch is None else patch.as_tensors())

    def _has_patch(self, tensors: dict[str, Tensor], start: Start, later: Start) -> bool:
        count, size = later.index - start.index, self.film.size
        return not is_patched(tensors) or patch_from(tensors, count, size, self.film.dtype) is not None

    def frames(self, starts: list[Start]) -> Generator[Edited]:
        """Every frame of the film."""
        yield from map(Edited, self.film.between(0, starts[-1].index))
        for number in range(len(starts) - 1, 0, -1):
            begin, end = starts[number].index, starts[number - 1].index
            tensors = self.kept.read_back(f"before-{number}")
            if tensors is None or not self._has_patch(tensors, starts[number], starts[number - 1]):
                raise UserError(f"the finished frames {begin + 1} to {end} of '{self.film.name}' are gone. Start it again.")
            patch = patch_from(tensors, end - begin, self.film.size, self.film.dtype)
            yield from _patched(self.film.between(begin, end), patch)
        source = self.film.between(starts[0].index, None)
        for name, frames, window in side_by_side(self._windows_after(starts[0], source), self.drawers.count):
            if name is not None and self.kept.keep:
                self.kept.write(name, window.as_tensors())
            if frames and frames[0].index == starts[0].index and window.patch is not None:
                self.box = window.patch.box
            if window.is_lost:
                self.lost += [frame.index for frame in frames]
            yield from _patched(frames, window.patch)
            del frames, window  # which are written, before the next ones are waited for
        if self.rest:
            self.shot_end = self.rest[0].index
        yield from map(Edited, chain(self.rest, source))

    def _windows_after(self, start: Start, source: Iterator[FilmFrame]) -> Iterator[Callable[[], Drawn]]:
        """For each window from the picked frame to the end of its shot: what draws it. Frames that are read and belong to another
        shot stay in `rest`."""
        settings, film, sets = self.settings, self.film, self.settings.propagate.set_side**2
        waiting: deque[FilmFrame] = deque()
        before: Window | None = None
        for number in count_up():
            waiting.extend(islice(source, settings.window + settings.beside - len(waiting)))
            if not waiting:
                return
            name = f"after-{number}"
            kept = self.kept.read(name)
            window = window_from(kept, len(waiting), start, settings.beside, sets, film.size, film.dtype) if kept else None
            if window is None:
                window, followed = self.work.window(list(waiting), start, before)
                draw = partial(self._drawn_after, name, window, followed)
            else:
                draw = partial(_just, (None, list(islice(waiting, window.count)), window))
            start, before = window.start, window
            for _ in range(window.count):
                waiting.popleft()
            yield draw
            del draw  # and the frames with it, as soon as they are written
            if window.is_last:
                self.rest = list(waiting)
                return

    def _drawn_after(self, name: str, window: Window, followed: Followed) -> Drawn:
        return name, followed.frames, replace(window, patch=self._patch(followed))

    def _patch(self, followed: Followed) -> Patch | None:
        drawing = self.work.drawing(followed)
        return None if drawing is None else self.drawers.draw(drawing)


def _just(answer: T) -> T:
    return answer


def _patched(frames: Iterable[FilmFrame], patch: Patch | None) -> Iterator[Edited]:
    yield from (Edited(frame, patch, i) for i, frame in enumerate(frames))


def _fingerprint(
    film: Film, points: str, corrections: list[Correction], settings: FilmSettings, segmenter: Segmenter, flow: Flow
) -> str:
    """What the windows of a film depend on."""
    file = film.path.stat()
    asked = type(segmenter).__name__ if segmenter.asks_points else ""
    masks = [one for one in (segmenter.masks, segmenter.front) if one is not None]
    edit = replace(settings, codec="", quality=0)  # the windows are not encoded yet
    moves = [(one.frame, one.pair, one.handle.tolist()) for one in corrections]
    return fingerprint(
        str(film.path.resolve()), file.st_size, file.st_mtime_ns, points, moves, flow.name, edit, asked, len(masks), *masks
    )
