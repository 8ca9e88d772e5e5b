"""How warnings name the frames and places of a clip, which may be a window of a film on a small copy.

Inside of `in_film` they are named by the film's numbers and pixels. Inside of `said_of_whole_film` a warning that comes in several
windows is said once, at the end, with all of its frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from ..warning import warn

MOST_NAMED = 8  # frames, or runs of frames, that a sentence lists
WHERE = "{where}"  # in a sentence: the frames


@dataclass(frozen=True)
class _Window:
    """What the frames and pixels of a clip are in the film."""

    numbers: Sequence[int]  # of the clip's frames in the film
    factor: int  # pixels of the film that make one of the clip's, along each side
    is_first: bool  # the points are where they were picked


_window: ContextVar[_Window | None] = ContextVar("drag_a_video_window", default=None)
_gathered: ContextVar[dict[str, set[int]] | None] = ContextVar("drag_a_video_gathered", default=None)


@contextmanager
def in_film(numbers: Sequence[int], factor: int = 1, is_first: bool = True) -> Iterator[None]:
    """Inside, in this thread (or task) alone, the frames of a clip are named by these numbers, those that they have in a film, and
    places by the film's pixels, `factor` of which make one of the clip's. `is_first`: its points are where they were picked."""
    token = _window.set(_Window(numbers, factor, is_first))
    try:
        yield
    finally:
        _window.reset(token)


@contextmanager
def said_of_whole_film() -> Iterator[None]:
    """Inside, `warn_of_frames` waits until all of the film was seen, or the work was broken off."""
    said: dict[str, set[int]] = {}
    try:
        with gathered() as said:
            yield
    finally:
        for text, frames in said.items():
            warn(text.replace(WHERE, runs_of(sorted(frames))))


@contextmanager
def gathered() -> Iterator[dict[str, set[int]]]:
    """Inside, `warn_of_frames` says nothing. Yields the texts that it would have said, with the frames of each."""
    said: dict[str, set[int]] = {}
    token = _gathered.set(said)
    try:
        yield said
    finally:
        _gathered.reset(token)


def warn_of_frames(text: str, frames: list[int]) -> None:
    """A warning about some frames of the clip, which are named in the place of `WHERE` in the text."""
    warn_of_numbers(text, _in_film(frames))


def warn_of_numbers(text: str, numbers: list[int]) -> None:
    """The same of frames that are given by their numbers in the film, in order."""
    said = _gathered.get()
    if said is None:
        warn(text.replace(WHERE, _numbered(numbers)))
    else:
        said.setdefault(text, set()).update(numbers)


def named(frames: list[int]) -> str:
    """Frames as people count them, from 1."""
    return _numbered(_in_film(frames))


def runs_of(frames: list[int]) -> str:
    """Frames by their numbers in the film, in order; those that follow one another as "9 to 14"."""
    starts = [i for i, frame in enumerate(frames) if i == 0 or frames[i - 1] != frame - 1]
    runs = [frames[start:end] for start, end in zip(starts, [*starts[1:], len(frames)], strict=True)]
    shown = [f"{run[0] + 1} to {run[-1] + 1}" if len(run) > 2 else ", ".join(str(frame + 1) for frame in run) for run in runs]
    return _listed(shown, is_one=len(frames) == 1)


def place_of(x: float, y: float) -> str:
    """A place of the clip."""
    window = _window.get()
    factor = 1 if window is None else window.factor
    return f"({(x + 0.5) * factor - 0.5:.0f}, {(y + 0.5) * factor - 0.5:.0f})"


def length_of(pixels: float) -> str:
    """A distance in the clip."""
    window = _window.get()
    return f"{pixels * (1 if window is None else window.factor):.0f} px"


def shows_picked_frame() -> bool:
    """Not in a later window of a film, where points are where they were followed to."""
    window = _window.get()
    return window is None or window.is_first


def _in_film(frames: list[int]) -> list[int]:
    window = _window.get()
    return frames if window is None else sorted(window.numbers[frame] for frame in frames)


def _numbered(numbers: list[int]) -> str:
    return _listed([str(number + 1) for number in numbers], is_one=len(numbers) == 1)


def _listed(shown: list[str], is_one: bool) -> str:
    more = len(shown) - MOST_NAMED
    return f"frame{'' if is_one else 's'} {', '.join(shown[:MOST_NAMED])}" + (f" and {more} more" if more > 0 else "")
