"""Recordings that were joined by their bytes: each has a clock of its own, and picture and sound of each stay together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dragvideo_core.media.film import open_film
from dragvideo_core.media.film_writer import FilmWriter
from dragvideo_core.media.joins import Part, Parts, PartsClock
from dragvideo_core.media.video_file import read_audio
from dragvideo_core.stages.load import LoadSettings, load

from .. import video_corpus as corpus

RATE, HEARD_RATE = 25, 48000
LENGTH = 2.0  # s of each recording


def recording(path: Path, start: float, mark: float, suffix: str) -> bytes:
    """A transport or programme stream whose clock begins at `start` s; `mark` s later one frame is white and a tone begins."""
    frames = np.full((round(LENGTH * RATE), 64, 64, 3), 40, np.uint8)
    frames[round(mark * RATE)] = 220
    sound = np.zeros((1, round(LENGTH * HEARD_RATE)), np.float32)
    at = round(mark * HEARD_RATE)
    sound[0, at : at + 1200] = 0.8 * np.sin(np.arange(1200) / 8)
    stamps = [round(1000 * (start + i / RATE)) for i in range(len(frames))]
    corpus.write(
        path, frames, rate=RATE, stamps_ms=stamps, sound=sound, sound_codec="mp2", sound_rate=HEARD_RATE, sound_start=start,
        format="mpegts" if suffix == "ts" else "vob", options={"g": "10"},
    )  # fmt: skip
    return path.read_bytes()


def joined(folder: Path, starts: tuple[float, ...], suffix: str = "ts") -> Path:
    """The recordings with these clocks, joined by their bytes: the marks are 0.4 s, 0.8 s, ... after the beginning of each."""
    parts = [recording(folder / "part", start, 0.4 * (number + 1), suffix) for number, start in enumerate(starts)]
    path = folder / f"joined.{suffix}"
    path.write_bytes(b"".join(parts))
    return path


def begins(heard: np.ndarray, rate: int) -> list[float]:
    """When tones begin, in seconds."""
    loud = np.nonzero(np.abs(heard) > 0.3)[0]
    return [float(at) / rate for before, at in zip([-rate, *loud], loud, strict=False) if at - before > rate / 5]


def heard_in(path: Path) -> list[float]:
    """When tones begin in a file, by its time stamps, from its first picture on."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        container.seek(0)
        blocks = [(float(frame.time), frame.to_ndarray()[0]) for frame in container.decode(audio=0)]
    rate = HEARD_RATE
    heard = np.zeros(round((blocks[-1][0] + 1) * rate), np.float32)
    for at, values in blocks:
        heard[round(at * rate) : round(at * rate) + len(values)] = values
    return [at - float(first.time) for at in begins(heard, rate)]


# As they come out of a camera that starts anew, out of one that goes on after a pause, and after one that had run for longer:
# the demuxer takes a clock that is set far back for one that has run over, 26.5 hours later.
JOINS = [(0.0, 0.0), (0.0, 100.0), (1000.0, 0.0), (0.0, 50.0, 7.0)]


@pytest.mark.parametrize("starts", JOINS)
def test_every_recording_goes_on_behind_the_last_with_its_sound(tmp_path: Path, starts: tuple[float, ...]):
    path = joined(tmp_path, starts)
    marks = [number * LENGTH + 0.4 * (number + 1) for number in range(len(starts))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        film = open_film(path)
        with FilmWriter(tmp_path / "out.mp4", like=film) as writer:
            for frame in film.frames():
                writer.write(frame)
        clip = load(path, LoadSettings(64, 64, select_every_nth=1, frame_load_cap=0))
        sound, rate = read_audio(path, clip)
    count = round(len(starts) * LENGTH * RATE)
    written = open_film(tmp_path / "out.mp4")
    white = [float(frame.time - written.times[0]) for frame in written.frames() if frame.rgb.mean() > 150]
    assert len(written.times) == len(clip) == count and float(written.times[-1] - written.times[0]) == (count - 1) / RATE
    assert white == pytest.approx(marks, abs=0.001)
    assert heard_in(tmp_path / "out.mp4") == pytest.approx(marks, abs=0.02)
    assert clip.fps == RATE and begins(sound[0, 0].numpy(), rate) == pytest.approx(marks, abs=0.02)


def test_frames_of_a_later_recording_are_found_by_their_numbers(tmp_path: Path):
    film = open_film(joined(tmp_path, (0.0, 100.0)))
    (white,) = [frame.index for frame in film.between(60, 80) if frame.rgb.mean() > 150]
    assert white == round((LENGTH + 0.8) * RATE) and film.time_of(white) - film.times[0] == Fraction(white, RATE)


def test_a_length_that_a_jump_makes_enormous_is_no_reason_to_refuse(tmp_path: Path):
    path = joined(tmp_path, (1000.0, 0.0))
    assert open_film(path).header.frames > 1_000_000
    assert len(load(path, LoadSettings(64, 64, select_every_nth=1, frame_load_cap=0, memory_limit=50_000_000))) == 100


@dataclass(frozen=True)
class _Stream:
    index: int


@dataclass(frozen=True)
class _Packet:
    stream: _Stream
    dts: int
    time_base: Fraction = Fraction(1)

    @property
    def pts(self) -> int:
        return self.dts


PICTURES, SOUND = 0, 1


def parts_of(packets: list[tuple[int, int]], may_jump: bool = True) -> list[Part]:
    parts = Parts(Fraction(1), may_jump)
    for stream, at in packets:
        parts.add(_Packet(_Stream(stream), at), stream == PICTURES)
    return parts.found()


def test_a_gap_of_the_pictures_that_is_heard_through_is_none_in_the_clock():
    heard_through = [(PICTURES, 0), *((SOUND, at) for at in range(40)), (PICTURES, 40)]
    assert parts_of(heard_through) == [Part(0, 40)]
    assert parts_of([(PICTURES, 0), (SOUND, 0), (SOUND, 40), (PICTURES, 40)]) == [Part(0, 0), Part(40, 40, -39)]
    assert parts_of([(PICTURES, 0), (PICTURES, 40)], may_jump=False) == [Part(0, 40)]


def test_sound_that_is_silent_for_long_stays_in_its_recording():
    parts = [Part(Fraction(0), Fraction(60)), Part(Fraction(0), Fraction(90), Fraction(61))]
    clock = PartsClock(lambda: parts)
    assert [clock.time(Fraction(at)) for at in (0, 5, 40, 59, 0, 30, 89)] == [0, 5, 40, 59, 61, 91, 150]


def test_parts_are_asked_for_only_where_a_time_jumps():
    clock = PartsClock(lambda: pytest.fail("asked"))
    assert [clock.time(Fraction(at)) for at in (3, 4, 5)] == [3, 4, 5]
