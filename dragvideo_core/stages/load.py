"""Load: a video file to the clip that is edited (Sec. 4.1: 512 x 512, one frame in three).

What will fit into memory is worked out from the file's header before anything is decoded. The frames are then decoded
one by one; those that are chosen are kept, already cut and resized, and the rest is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import psutil
import torch
from torch import Tensor

from ..media.container import VideoHeader, VideoWarning
from ..media.decoding import DecodedFrame
from ..media.film import Film, open_film
from ..media.picture import natural_size, picture
from ..types import OnProgress, UserError, VideoClip, ignore_progress, showing
from ..warning import warn

MAX_SIDE = 8192  # px
MAX_RATE = 1000.0  # frames per second
_DRIFT = 0.08  # seconds between picture and sound that nobody sees (ITU-R BT.1359: 45 to 125 ms)
_SOURCE_BYTES = 40  # per pixel of the frame that is being decoded, turned into RGB and resized
_KEPT_BYTES = 2 * 3 * 4  # per pixel of a chosen frame: float32 RGB, twice while they are put together


@dataclass(frozen=True)
class LoadSettings:
    """Which frames, at which size. The frame rate is changed first, then frames are skipped, then selected."""

    width: int = 512  # px, a multiple of 64 (Sec. 4.2); width = height = 0 keeps the source's, floored to such
    height: int = 512
    select_every_nth: int = 3  # Sec. 4.2: one frame in three
    skip_first_frames: int = 0
    frame_load_cap: int = 16  # at most this many frames; 0 = all
    force_rate: float = 0.0  # frames per second that the file is resampled to by its time stamps; 0 = its own
    memory_limit: int | None = None  # bytes for loading; None = half of what is free


def load(path: str | Path, settings: LoadSettings = LoadSettings(), on_progress: OnProgress = ignore_progress) -> VideoClip:
    """Reads the chosen frames of a video, or a still picture as a clip of one frame.

    `source_index` counts the file's frames; `fps` is the average rate of the chosen frames by their time stamps, so
    that the clip plays as fast as the file. Raises `UserError` for settings out of range, for a file that is missing,
    unreadable or without pictures, and for more frames than fit; a file that breaks off in the middle is loaded as far
    as it goes, with a `DamagedVideoWarning`.
    """
    _check(settings)
    film = open_film(path)
    expected = _expected_frames(film.header, settings, film.name)
    room = _room(film.header, settings)
    if expected is not None and expected > room and not film.header.is_counted:  # by a length that may be far from the truth
        expected = _expected_frames(replace(film.header, frames=film.pictures), settings, film.name)
    if expected is not None and expected > room:
        raise _too_many(expected, room, settings, film.name)
    return _load(film, settings, expected or 0, room, on_progress)


def _load(film: Film, settings: LoadSettings, expected: int, room: int, on_progress: OnProgress) -> VideoClip:
    name, aspect = film.name, float(film.header.aspect)
    size = (settings.height, settings.width) if settings.height else None
    frames: list[Tensor] = []
    source_index: list[int] = []
    times: list[float] = []
    for source, copies in _chosen(film.decoded(), settings):
        size = size or natural_size(source.frame, aspect)
        kept = picture(source.frame, size, aspect, settings.height > 0, source.colours)
        if settings.frame_load_cap:
            copies = min(copies, settings.frame_load_cap - len(frames))
        if len(frames) + copies > room:
            raise _too_many(len(frames) + copies, room, settings, name)
        frames += [kept] * copies
        source_index += [source.index] * copies
        times.append(float(source.time))
        on_progress(len(frames), max(expected, len(frames)), showing(kept))
        if len(frames) == settings.frame_load_cap:
            break
    if not frames:
        raise UserError(
            f"no frame of '{name}' was chosen: skip_first_frames is {settings.skip_first_frames} and the video is "
            "shorter than that. Lower 'skip_first_frames'."
        )
    fps = _frame_rate(times, film.header, settings)
    if film.header.has_sound and not settings.force_rate:
        _warn_of_drift(times, fps, name)
    return VideoClip(torch.stack(frames), torch.tensor(source_index), fps)


def _chosen(frames: Iterator[DecodedFrame], settings: LoadSettings) -> Iterator[tuple[DecodedFrame, int]]:
    """The frames to keep, each with how often it is to appear (more than once only where `force_rate` repeats it)."""
    every, skip = settings.select_every_nth, settings.skip_first_frames
    for source, first, after in _ticks(frames, settings.force_rate):
        start = max(first, skip)
        start += (skip - start) % every  # the first tick from there on that is selected
        copies = -((start - after) // every)  # how many of start, start + every, ... lie before `after`
        if copies > 0:
            yield source, copies


def _ticks(frames: Iterator[DecodedFrame], force_rate: float) -> Iterator[tuple[DecodedFrame, int, int]]:
    """The ticks `first` <= tick < `after` of the output's clock during which each source frame is shown."""
    if not force_rate:
        for source in frames:
            yield source, source.index, source.index + 1
        return
    held: DecodedFrame | None = None
    start, first = Fraction(0), 0
    for source in frames:
        if held is None:
            start = source.time
        else:
            after = max(first, math.ceil((source.time - start) * force_rate - 1e-3))
            yield held, first, after
            first = after
        held = source
    if held is not None:
        end = (held.time + held.duration - start) * force_rate
        yield held, first, max(first, math.ceil(end - 1e-3), 1)


def _frame_rate(times: list[float], header: VideoHeader, settings: LoadSettings) -> float:
    """Frames per second of the clip: the file's own where the time stamps agree with it to their resolution."""
    if settings.force_rate:
        return settings.force_rate / settings.select_every_nth
    nominal = float(header.rate) / settings.select_every_nth
    gaps, span = len(times) - 1, times[-1] - times[0]
    if gaps == 0 or span <= 0 or abs(span - gaps / nominal) <= float(2 * header.tick):
        return nominal
    return gaps / span


def _warn_of_drift(times: list[float], fps: float, name: str) -> None:
    """A clip has one rate. Where the film's varies, its frames are shown too early or too late for its sound."""
    drift = max(abs(at - times[0] - place / fps) for place, at in enumerate(times))
    if drift > max(_DRIFT, 1.0 / fps):
        warn(
            f"'{name}' has a variable frame rate: within this clip picture and sound drift apart by up to {drift:.1f} s. "
            f"Set 'force_rate' to {math.ceil(fps)} to keep them together.",
            VideoWarning,
        )


# ------------------------------------------------------------------------------------------- what fits, what is allowed


def _expected_frames(header: VideoHeader, settings: LoadSettings, name: str) -> int | None:
    """How many frames will be chosen if the header is right; None if it does not say."""
    total = header.frames
    if settings.force_rate and total is not None:
        total = math.ceil(total / header.rate * settings.force_rate)
    if header.is_counted and total is not None and total <= settings.skip_first_frames:
        raise UserError(
            f"'{name}' has {total} frames at this rate: expected more than skip_first_frames = "
            f"{settings.skip_first_frames}. Lower 'skip_first_frames'."
        )
    if total is None:
        return settings.frame_load_cap or None
    chosen = math.ceil(max(total - settings.skip_first_frames, 1) / settings.select_every_nth)
    return min(chosen, settings.frame_load_cap) if settings.frame_load_cap else chosen


def _room(header: VideoHeader, settings: LoadSettings) -> int:
    """How many frames can be kept."""
    limit = settings.memory_limit
    if limit is None:
        limit = psutil.virtual_memory().available // 2
    source = header.width * header.height
    kept = settings.width * settings.height or max(1, round(float(source * header.aspect)))
    return max(0, int(limit - _SOURCE_BYTES * source) // (_KEPT_BYTES * kept))


def _too_many(frames: int, room: int, settings: LoadSettings, name: str) -> UserError:
    if room == 0:
        return UserError(
            f"not one frame of '{name}' fits into the memory for loading. Set 'width' and 'height' lower, free some "
            "memory, or scale the video down first."
        )
    size = "the source's size" if settings.height == 0 else f"{settings.width} x {settings.height}"
    return UserError(
        f"{frames} frames of '{name}' at {size} do not fit: memory for loading is enough for {room}. Set "
        f"'frame_load_cap' to {room} or less, raise 'select_every_nth' (now {settings.select_every_nth}), or set "
        "'width' and 'height' lower."
    )


def _check(settings: LoadSettings) -> None:
    """Raises `UserError` for settings out of range."""
    sides = settings.width, settings.height
    if sides != (0, 0) and any(side % 64 or not 64 <= side <= MAX_SIDE for side in sides):
        raise UserError(
            f"'width' and 'height' must be multiples of 64 from 64 to {MAX_SIDE}, or both 0 for the video's own size: "
            f"got {sides[0]} x {sides[1]}. Set each to a multiple of 64, such as 512."
        )
    for setting, least in (("select_every_nth", 1), ("skip_first_frames", 0), ("frame_load_cap", 0)):
        value = getattr(settings, setting)
        if value < least:
            raise UserError(f"'{setting}' must be {least} or more: got {value}.")
    if not 0.0 <= settings.force_rate <= MAX_RATE:  # false for NaN too
        raise UserError(f"'force_rate' must be 0 (the file's own) to {MAX_RATE:.0f} frames per second: got {settings.force_rate}.")
    if settings.memory_limit is not None and settings.memory_limit <= 0:
        raise UserError(f"'memory_limit' must be a number of bytes above 0: got {settings.memory_limit}.")
