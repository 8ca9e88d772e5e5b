"""The film's writer: what is written is the film, in every way that can be measured, or nothing at all."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from core import video_corpus as corpus

from dragvideo_core.media.colour import ColourTags
from dragvideo_core.media.film import Film, open_film
from dragvideo_core.media.film_writer import FilmWriter
from dragvideo_core.media.filters import KeptChain, planes_of
from dragvideo_core.media.stored import from_rgb, with_edit
from dragvideo_core.types import Box, UserError

LOSSLESS = [("h264", "mp4"), ("hevc", "mp4"), ("ffv1", "mkv"), ("h264", "mkv")]
VARIABLE = [0, 10, 20, 30, 40, 50, 250, 450, 650, 850, 1050, 1250]  # ms


def noise(count: int = 5, width: int = 96, height: int = 64, seed: int = 0) -> np.ndarray:
    """Frames with colour in every place: smooth, so that a codec has something to do."""
    coarse = np.random.default_rng(seed).integers(0, 255, (count, height // 8, width // 8, 3)).astype(np.uint8)
    return coarse.repeat(8, 1).repeat(8, 2)


def copied(source: Path, target: Path, edit=None, keep_hdr: bool = False, **how) -> Film:
    """The film written frame by frame, each as `edit(rgb)` gives it."""
    film = open_film(source, keep_hdr)
    with FilmWriter(target, like=film, **how) as writer:
        for frame in film.frames():
            writer.write(frame, None if edit is None else edit(frame.rgb))
    return open_film(target, keep_hdr)


def stored(film: Film) -> list[list[np.ndarray]]:
    return [planes_of(frame.stored) for frame in film.frames()]


def same(ours: list[list[np.ndarray]], theirs: list[list[np.ndarray]]) -> bool:
    return len(ours) == len(theirs) and all(
        np.array_equal(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)
    )


# ------------------------------------------------------------------------------------------------------ what stays


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("codec, suffix", LOSSLESS)
def test_a_lossless_copy_has_the_very_values_of_its_source(tmp_path, codec, suffix, pixels):
    source = corpus.write(tmp_path / "in.mkv", noise(), codec="ffv1", pixels=pixels)
    copy = copied(source, tmp_path / f"out.{suffix}", codec=codec, quality=0)
    assert same(stored(copy), stored(open_film(source)))
    assert next(copy.frames()).stored.format.name == pixels


def test_an_edit_changes_nothing_outside_itself_bit_for_bit(tmp_path):
    source = corpus.write(tmp_path / "in.mkv", noise(), codec="ffv1", pixels="yuv420p")
    rows, columns = slice(20, 40), slice(30, 60)

    def edit(rgb):
        rgb = rgb.copy()
        rgb[rows, columns] = 255 - rgb[rows, columns]
        return rgb

    copy = copied(source, tmp_path / "out.mkv", edit, codec="ffv1")
    for ours, theirs in zip(stored(copy), stored(open_film(source)), strict=True):
        for plane, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            step = 2 if plane else 1
            inside = np.zeros(a.shape, bool)
            inside[20 // step : 40 // step, 30 // step : 60 // step] = True
            assert np.array_equal(a[~inside], b[~inside]) and not np.array_equal(a[inside], b[inside])
    edited, before = next(copy.frames()).rgb, next(open_film(source).frames()).rgb
    middle = np.abs(edited[26:30, 42:46].astype(int) - (255 - before[26:30, 42:46].astype(int)))
    assert middle.mean() < 3  # the edit is there


def test_a_frame_that_is_handed_back_unchanged_is_the_films_own(tmp_path):
    source = corpus.write(tmp_path / "in.mkv", noise(), codec="ffv1", pixels="yuv420p")
    assert same(stored(copied(source, tmp_path / "o.mkv", np.copy, codec="ffv1")), stored(open_film(source)))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_variable_timestamps_and_the_last_frames_duration_are_kept(tmp_path, suffix):
    source = corpus.write(tmp_path / "in.mp4", corpus.grey_frames(12), stamps_ms=VARIABLE)
    film = open_film(source)
    copy = copied(source, tmp_path / f"out.{suffix}")
    times = [frame.time for frame in copy.frames()]
    if suffix == "mkv":
        assert [round(at * 1000) for at in times] == VARIABLE
    else:
        assert times == [frame.time for frame in film.frames()] == [Fraction(ms, 1000) for ms in VARIABLE]
        assert [f.duration for f in copy.frames()] == [f.duration for f in film.frames()]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), 25, Fraction(25, 2)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_rate_is_the_sources(tmp_path, rate, suffix):
    source = corpus.write(tmp_path / f"in.{suffix}", corpus.grey_frames(6), rate=rate)
    copy = copied(source, tmp_path / f"out.{suffix}")
    assert copy.header.rate == open_film(source).header.rate
    assert [f.time for f in copy.frames()] == [f.time for f in open_film(source).frames()]


@pytest.mark.parametrize("matrix, full", [(1, False), (5, False), (6, True), (1, True), (9, False)])
@pytest.mark.parametrize("codec, suffix", [("h264", "mp4"), ("hevc", "mp4"), ("ffv1", "mkv")])
def test_colour_tags_are_kept(tmp_path, matrix, full, codec, suffix):
    source = corpus.write(tmp_path / "in.mkv", noise(3), codec="ffv1", pixels="yuv420p", tags=(matrix, 2 if full else 1, matrix, 1))
    film, copy = open_film(source), copied(source, tmp_path / f"out.{suffix}", codec=codec, quality=0)
    assert film.colours.matrix == matrix and film.colours.range == 1 + full
    assert copy.colours == film.colours
    assert np.array_equal(next(copy.frames()).rgb, next(film.frames()).rgb)


@pytest.mark.parametrize("turn, mirrored", [(90, False), (180, False), (-90, False), (0, True)])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(3, 2)])
def test_a_turned_film_comes_out_upright_with_the_same_shape(tmp_path, turn, mirrored, aspect):
    source = corpus.write(tmp_path / "in.mp4", corpus.quarters(96, 64), rotation=turn, mirrored=mirrored, aspect=aspect)
    film, copy = open_film(source), copied(source, tmp_path / "out.mp4", quality=0)
    assert copy.size == film.size == ((96, 64) if turn in (90, -90) else (64, 96))
    assert copy.aspect == film.aspect == (1 / aspect if turn in (90, -90) else aspect)
    assert np.abs(next(copy.frames()).rgb.astype(int) - next(film.frames()).rgb.astype(int)).mean() < 1


@pytest.mark.parametrize("codec, suffix", [("h264", "mp4"), ("hevc", "mp4"), ("ffv1", "mkv")])
@pytest.mark.parametrize("width, height", [(97, 65), (96, 65), (97, 64)])
def test_odd_sizes_stay_odd(tmp_path, codec, suffix, width, height):
    source = corpus.write(tmp_path / "in.mkv", noise(2, 104, 72)[:, :height, :width], codec="ffv1", pixels="yuv420p")
    film, copy = open_film(source), copied(source, tmp_path / f"out.{suffix}", codec=codec, quality=0)
    assert copy.size == film.size == (height, width)
    assert np.abs(next(copy.frames()).rgb.astype(int) - next(film.frames()).rgb.astype(int)).mean() < 1


class ForgetfulEncoder:
    """x265 with one or two frames: as decoding time it says whatever lay in memory. Mostly that is nought; here it never is."""

    def __init__(self, stream: av.VideoStream):
        self.stream = stream

    def encode(self, frame: av.VideoFrame | None) -> list[av.Packet]:
        packets = self.stream.encode(frame)
        for packet in packets:
            packet.dts = packet.pts - 93885078752368
        return packets


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_films_have_their_times(tmp_path, count):
    source, target = corpus.write(tmp_path / "in.mkv", corpus.grey_frames(count)), tmp_path / "out.mp4"
    film = open_film(source)
    with FilmWriter(target, film, codec="hevc") as writer:
        writer._stream = ForgetfulEncoder(writer._stream)
        for frame in film.frames():
            writer.write(frame)
    copy = open_film(target)
    assert [frame.time for frame in copy.frames()] == [frame.time for frame in film.frames()]
    assert copy.header.seconds < 1


@pytest.mark.parametrize(
    "codec, pixels, suffix", [("png", "rgba", "mov"), ("qtrle", "argb", "mov"), ("gif", "gray", "gif"), ("ffv1", "gray", "mkv")]
)
def test_films_without_ycbcr_are_written_as_they_are_seen(tmp_path, codec, pixels, suffix):
    frames = corpus.grey_frames(4)
    if pixels in ("rgba", "argb"):
        frames = np.concatenate([frames, np.full((*frames.shape[:3], 1), 255, np.uint8)], -1)
    source = corpus.write(tmp_path / f"in.{suffix}", frames, codec=codec, pixels=pixels)
    film, copy = open_film(source), copied(source, tmp_path / "out.mp4", quality=0)
    for ours, theirs in zip(copy.frames(), film.frames(), strict=True):
        assert np.abs(ours.rgb.astype(int) - theirs.rgb.astype(int)).max() <= 2


# ------------------------------------------------------------------------------------------------------ sound


def click(seconds: float, length: float, rate: int = 8000) -> np.ndarray:
    sound = np.zeros((1, round(length * rate)), np.float32)
    sound[:, round(seconds * rate) : round(seconds * rate) + 80] = 0.9
    return sound


def heard(path: Path) -> float:
    """When the click is heard, in seconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(frame.to_ndarray().astype(float)).max(0)
            loud = loud / 32768 if frame.format.name.startswith("s16") else loud
            if loud.max() > 0.3:
                return float(frame.pts * frame.time_base) + int(np.argmax(loud > 0.3)) / frame.sample_rate
    raise AssertionError("no click")


@pytest.mark.parametrize("sound_codec, suffix, target", [
    ("aac", "mp4", "mp4"), ("aac", "mp4", "mkv"), ("aac", "mp4", "mov"), ("pcm_s16le", "mkv", "mp4"),
    ("libmp3lame", "mkv", "mp4"), ("libopus", "mkv", "mp4"), ("pcm_s16le", "avi", "mkv"), ("mp2", "ts", "mp4"),
    ("adpcm_ms", "avi", "mp4"), ("adpcm_ms_44100", "avi", "mov"),  # which mp4 does not hold: encoded anew
])  # fmt: skip
def test_sound_is_heard_at_its_picture(tmp_path, sound_codec, suffix, target):
    rate = {"libopus": 48000, "mp2": 44100, "libmp3lame": 44100, "adpcm_ms_44100": 44100}.get(sound_codec, 8000)
    source = corpus.write(
        tmp_path / f"in.{suffix}", corpus.grey_frames(30), codec="mpeg4" if suffix == "avi" else "libx264",
        sound=click(0.5, 1.0, rate), sound_codec=sound_codec.removesuffix("_44100"), sound_rate=rate,
    )  # fmt: skip
    film = open_film(source)
    expected = heard(source) - float(next(film.frames()).time)
    copy = copied(source, tmp_path / f"out.{target}")
    assert heard(copy.path) - float(next(copy.frames()).time) == pytest.approx(expected, abs=2e-3)
    assert expected == pytest.approx(0.5, abs=0.04)


def test_sound_is_copied_packet_by_packet(tmp_path):
    source = corpus.write(tmp_path / "in.mp4", corpus.grey_frames(30), sound=click(0.5, 1.0), sound_codec="aac")
    copied(source, tmp_path / "out.mp4")

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(tmp_path / "out.mp4") == packets(source)


@pytest.mark.parametrize("target", ["mp4", "mkv"])
def test_a_cut_without_re_encoding_keeps_picture_and_sound_together(tmp_path, target):
    """An edit list hides 0.4 s; the click comes with frame 27."""
    stamps = [33 * i - 396 for i in range(40)]
    source = corpus.write(
        tmp_path / "in.mp4", corpus.grey_frames(40), stamps_ms=stamps,
        sound=click(27 * 0.033, 1.4), sound_codec="aac", sound_start=-0.396,
    )  # fmt: skip
    film = open_film(source)
    assert len(list(film.frames())) == 28 and heard(source) == pytest.approx(15 * 0.033, abs=0.04)
    copy = copied(source, tmp_path / f"out.{target}")
    assert len(list(copy.frames())) == 28
    assert heard(copy.path) - float(next(copy.frames()).time) == pytest.approx(heard(source), abs=0.002)


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.faults
def test_its_own_source_is_not_overwritten(plain, tmp_path):
    os.link(plain, tmp_path / "link.mp4")
    before = plain.read_bytes()
    for path in (plain, tmp_path / "link.mp4"):
        with pytest.raises(UserError, match="cannot be overwritten by its own edit"):
            FilmWriter(path, like=open_film(plain))
    assert plain.read_bytes() == before


@pytest.mark.faults
@pytest.mark.parametrize("name, codec, quality, says", [
    ("x.mp4", "ffv1", 0, r"ending in .mkv: got 'x.mp4'"), ("x.avi", "h264", 0, "got 'x.avi'"),
    ("x.mp4", "xvid", 0, "h264, hevc, ffv1"), ("x.mp4", "h264", 52, "'quality'"), ("no/x.mp4", "h264", 9, "no folder"),
])  # fmt: skip
def test_what_cannot_be_written_is_said_before_anything_is(plain, tmp_path, name, codec, quality, says):
    with pytest.raises(UserError, match=says):
        FilmWriter(tmp_path / name, like=open_film(plain), codec=codec, quality=quality)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faults
def test_a_cancelled_film_leaves_nothing_and_the_old_one_as_it_was(plain, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"old")
    film = open_film(plain)
    with pytest.raises(KeyboardInterrupt), FilmWriter(tmp_path / "film.mp4", like=film) as writer:
        for frame in film.frames():
            writer.write(frame)
            if frame.index == 5:
                raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert (tmp_path / "film.mp4").read_bytes() == b"old"


@contextmanager
def full_disk(room: int):
    """Inside, files can grow to so many bytes and no further.

    No fixture: pytest writes a test's result before its fixtures end, and its own output may go to a file.
    """
    resource = pytest.importorskip("resource")
    ignored, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.faults
@pytest.mark.parametrize("room", [100, 40_000])
@pytest.mark.parametrize("codec, suffix", [("ffv1", "mkv"), ("h264", "mp4")])
def test_a_disk_that_fills_up_is_one_sentence_and_nothing_is_left(tmp_path, room, codec, suffix):
    frames = np.random.default_rng(0).integers(0, 255, (8, 64, 96, 3), np.uint8)
    film = open_film(corpus.write(tmp_path / "in.mkv", frames, codec="ffv1", pixels="yuv420p"))
    says = pytest.raises(UserError, match=f"'out.{suffix}' cannot be written.*Nothing was left")
    with says, full_disk(room), FilmWriter(tmp_path / f"out.{suffix}", like=film, codec=codec, quality=1) as writer:
        for frame in film.frames():
            writer.write(frame)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.faults
def test_an_edit_of_another_size_or_type_says_what_it_should_be(plain, tmp_path):
    film = open_film(plain)
    frame = next(film.frames())
    for wrong in (frame.rgb[:-1], frame.rgb.astype(np.float32)):
        with pytest.raises(UserError, match=r"\(64, 64, 3\) uint8"), FilmWriter(tmp_path / "o.mp4", like=film) as writer:
            writer.write(frame, wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faults
def test_no_frame_is_no_film(plain, tmp_path):
    with pytest.raises(UserError, match="no frame was written"), FilmWriter(tmp_path / "o.mp4", like=open_film(plain)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p10le"])
@pytest.mark.parametrize("place", [(slice(41, 44), slice(50, 77)), (slice(0, 3), slice(0, 5)), (slice(88, 96), slice(120, 132))])
def test_an_edit_is_stored_as_if_the_whole_picture_were_converted(pixels: str, place: tuple[slice, slice]):
    rng, tags = np.random.default_rng(0), ColourTags(1, 1)
    dtype = np.uint16 if "10" in pixels else np.uint8
    before, after = (rng.integers(0, np.iinfo(dtype).max, (96, 132, 3)).astype(dtype) for _ in range(2))
    changed = np.zeros(before.shape[:2], bool)
    changed[place] = True
    box = Box(slice(max(0, place[0].start - 3), place[0].stop), slice(max(0, place[1].start - 1), place[1].stop))

    def convert(rgb: np.ndarray) -> av.VideoFrame:
        return from_rgb(rgb, pixels, tags, KeptChain())

    own, whole = (planes_of(convert(rgb)) for rgb in (before, np.where(changed[..., None], after, before)))
    stored = with_edit(
        convert(before), lambda part: before[part.rows, part.columns], box, changed[box.rows, box.columns], after[changed], convert
    )
    edited = planes_of(stored)
    for ours, theirs, old in zip(edited, whole, own, strict=True):
        y, x = (round(full / part) for full, part in zip(changed.shape, ours.shape, strict=True))
        cells = np.zeros_like(ours, bool)
        cells[place[0].start // y : -(-place[0].stop // y), place[1].start // x : -(-place[1].stop // x)] = True
        assert np.array_equal(ours[cells], theirs[cells]) and np.array_equal(ours[~cells], old[~cells])
