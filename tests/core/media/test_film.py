"""The film's reader: which frames, when, which way up, in which colours; and what odd and bad files say."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from core import video_corpus as corpus
from PIL import Image

from dragvideo_core.media.container import DamagedVideoWarning, VideoWarning
from dragvideo_core.media.film import Film, open_film
from dragvideo_core.media.film_writer import FilmWriter
from dragvideo_core.media.filters import KeptChain
from dragvideo_core.types import Box, UserError

from ..stages.test_load_films import combed, combs, mjpeg, photo
from .test_film_writer import noise


def greys(film: Film) -> list[int]:
    """Which of `corpus.grey_frames` the film's frames are."""
    return [round((float(frame.rgb.mean()) - corpus.grey(0)) / 7) for frame in film.frames()]


# ------------------------------------------------------------------------------------------------- which frames, when


def test_a_film_says_what_it_is(plain):
    film = open_film(plain)
    assert film.size == (64, 64) and film.aspect == 1 and film.bits == 8 and not film.header.has_sound
    assert film.header.rate == 30 and film.header.frames == 24 and not film.is_toned
    frames = list(film.frames())
    assert [frame.index for frame in frames] == list(range(24)) == greys(film)
    assert [frame.time for frame in frames] == [Fraction(i, 30) for i in range(24)] == film.times
    assert {frame.duration for frame in frames} == {Fraction(1, 30)}


@pytest.mark.parametrize("suffix, bf", [("mp4", "0"), ("mp4", "3"), ("mkv", "2"), ("mov", "2")])
def test_any_window_is_the_slice_of_the_whole(tmp_path, suffix, bf):
    options = {"g": "7", "bf": bf, "b-adapt": "0", "sc_threshold": "0"}
    film = open_film(corpus.write(tmp_path / f"f.{suffix}", corpus.grey_frames(30), options=options))
    whole = [(frame.index, frame.time, float(frame.rgb.mean())) for frame in film.frames()]
    for first, after in [(0, 30), (0, 5), (5, 9), (7, 8), (13, 22), (28, 30)]:
        stop = film.times[after] if after < 30 else None
        window = [(frame.index, frame.time, float(frame.rgb.mean())) for frame in film.frames(film.times[first], stop)]
        assert window == whole[first:after]


@pytest.mark.parametrize("times", [[0] * 12, [0, 1, 1, 1, 4, 5, 6, 6, 6, 6, 10, 11]])
def test_frames_that_share_a_time_are_counted(tmp_path, times):
    """As some programs write them: a window would be empty, or too long, by its times."""
    path = tmp_path / "f.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"bf": "0", "g": "4"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        packets = [packet for one in noise(12, 64) for packet in stream.encode(av.VideoFrame.from_ndarray(one, "rgb24"))]
        for packet, at in zip([*packets, *stream.encode()], times, strict=True):
            packet.pts, packet.dts, packet.time_base = at, at, Fraction(1, 10)
            file.mux(packet)
    film = open_film(path)
    whole = [float(frame.rgb.mean()) for frame in film.frames()]
    assert len(whole) == 12
    for begin, end in ((0, 12), (0, 3), (2, 3), (3, 7), (7, 9), (6, None), (9, 40)):
        window = list(film.between(begin, end))
        assert [frame.index for frame in window] == list(range(12))[begin:end]
        assert [float(frame.rgb.mean()) for frame in window] == whole[begin:end]


def test_a_window_beyond_the_end_is_empty(plain):
    assert list(open_film(plain).frames(99)) == []


def test_two_walks_do_not_disturb_each_other(plain):
    film = open_film(plain)
    assert [a.index == b.index for a, b in zip(film.frames(), film.frames(), strict=True)] == [True] * 24


def test_given_up_halfway_the_file_is_closed(plain, tmp_path):
    path = shutil.copy(plain, tmp_path / "f.mp4")
    walk = open_film(path).frames()
    next(walk)
    walk.close()
    held = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()] if Path("/proc/self/fd").exists() else []
    assert path not in held


def test_a_frame_cannot_be_written_to(plain):
    with pytest.raises(ValueError, match="read-only"):
        next(open_film(plain).frames()).rgb[:] = 0


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuva420p", "bgr0", "gray"])
@pytest.mark.parametrize("box", [(slice(0, 63), slice(0, 97)), (slice(31, 34), slice(47, 50)), (slice(5, 40), slice(61, 97))])
def test_a_part_of_a_frame_is_what_the_whole_frame_shows_there(tmp_path, pixels, box):
    pictures = np.random.default_rng(0).integers(0, 255, (2, 63, 97, 3), np.uint8)
    film, chain = open_film(corpus.write(tmp_path / "p.mkv", pictures, codec="ffv1", pixels=pixels)), KeptChain()
    for frame in film.frames():
        assert np.array_equal(frame.part(Box(*box), chain), frame.rgb[box])


@pytest.mark.parametrize(("turn", "mirrored"), [(90, False), (180, False), (270, True), (0, True)])
def test_a_part_of_a_turned_film_is_turned_too(tmp_path, turn, mirrored):
    path = corpus.write(tmp_path / "t.mp4", corpus.quarters(96, 64), rotation=turn, mirrored=mirrored)
    frame, box = next(open_film(path).frames()), (slice(10, 45), slice(20, 51))
    assert np.array_equal(frame.part(Box(*box), KeptChain()), frame.rgb[box])


def test_a_part_of_an_hdr_film_is_toned_too(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), np.uint8)
    path = corpus.write(tmp_path / "h.mkv", pictures, codec="ffv1", pixels="yuv420p10le", tags=(9, 1, 9, 18))
    frame, box = next(open_film(path).frames()), (slice(10, 45), slice(20, 51))
    assert frame.film.is_toned and np.array_equal(frame.part(Box(*box), KeptChain()), frame.rgb[box])


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_negative_timestamps_are_frames_like_others(tmp_path, suffix):
    """In mp4 an edit list hides them: those are not shown."""
    path = corpus.write(tmp_path / f"n.{suffix}", corpus.grey_frames(12), stamps_ms=[40 * i - 200 for i in range(12)])
    film = open_film(path)
    expected = list(range(5, 12)) if suffix == "mp4" else list(range(12))
    assert greys(film) == expected
    assert [frame.time for frame in film.frames()] == film.times
    with FilmWriter(tmp_path / "out.mp4", like=film) as writer:
        for frame in film.frames():
            writer.write(frame)
    copy = open_film(tmp_path / "out.mp4")
    assert greys(copy) == expected and copy.first.time == 0


# ------------------------------------------------------------------------------------------------- as ffmpeg shows it


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize("tags", [(6, 1, 6, 6), (5, 2, 5, 6), (1, 1, 1, 1), (1, 2, 1, 1), (9, 1, 9, 1), (2, 1, 2, 2)])
def test_colours_are_those_that_ffmpeg_shows(tmp_path, pixels, tags):
    film = open_film(corpus.write(tmp_path / "c.mkv", noise(1), codec="ffv1", pixels=pixels, tags=tags))
    deep = "10" in pixels
    command = ["ffmpeg", "-v", "error", "-i", str(film.path), "-f", "rawvideo", "-pix_fmt", "rgb48le" if deep else "rgb24", "-"]
    shown = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint16 if deep else np.uint8)
    ours = next(film.frames()).rgb
    assert np.abs(ours.astype(int) - shown.reshape(ours.shape)).max() <= (257 if deep else 1)


@pytest.mark.parametrize("pixels", ["yuv444p", "yuv444p10le"])
@pytest.mark.parametrize("tags", [(6, 1, 6, 6), (6, 2, 6, 6), (1, 1, 1, 1), (1, 2, 1, 1)])
def test_colours_are_those_that_were_put_in(tmp_path, pixels, tags):
    put_in = noise(1)
    film = open_film(corpus.write(tmp_path / "c.mkv", put_in, codec="ffv1", pixels=pixels, tags=tags))
    seen = next(film.frames()).rgb / (257.0 if "10" in pixels else 1.0)
    assert np.abs(seen - put_in[0]).max() <= 3


def test_ten_bits_are_not_eight(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], (64, 128, 3))
    film = open_film(corpus.write(tmp_path / "r.mkv", ramp[None], codec="ffv1", pixels="yuv420p10le"))
    rgb = next(film.frames()).rgb
    assert film.bits == 10 and rgb.dtype == np.uint16
    assert (np.diff(rgb[32, :, 0].astype(int)) >= 0).all()  # a grey ramp goes up: no bits are out of place
    assert np.abs(rgb[32, :, 0] / 257 - ramp[32, :, 0]).max() <= 1.5


# ------------------------------------------------------------------------------------------------- interlaced


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_interlaced_frames_are_deinterlaced_and_it_is_said(tmp_path, suffix):
    options = {"x264-params": "tff=1"} if suffix == "mp4" else {"flags": "+ilme+ildct"}
    codec = "libx264" if suffix == "mp4" else "mpeg2video"
    path = corpus.write(tmp_path / f"i.{suffix}", combed(), codec=codec, options={**options, "qp": "2"}, interlaced=True)
    film = open_film(path)
    with av.open(str(path)) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))
    with pytest.warns(VideoWarning, match="interlaced.*bwdif"):
        frames = list(film.frames())
    assert len(frames) == 6 and combs(combed()[0]) > 5 * combs(frames[2].rgb)
    gaps = {b.time - a.time for a, b in pairwise(frames)}
    assert {round(1 / gap) for gap in gaps} == {30}


def test_progressive_frames_are_left_alone(tmp_path):
    path = corpus.write(tmp_path / "p.mkv", combed(), codec="ffv1", pixels="yuv444p")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert combs(next(open_film(path).frames()).rgb) == pytest.approx(combs(combed()[0]), rel=0.05)


# ------------------------------------------------------------------------------------------------- side data, WebP


@pytest.mark.parametrize("suffix", ["jpg", "mov", "avi"])
@pytest.mark.parametrize("orientation, upright", [(1, "rgbw"), (6, "brwg"), (3, "wbgr"), (8, "gwrb"), (2, "grwb")])
def test_pictures_with_exif_load_and_stand_upright(tmp_path, suffix, orientation, upright):
    path = tmp_path / f"e.{suffix}"
    if suffix == "jpg":
        path.write_bytes(photo(orientation))
    else:
        mjpeg(path, [photo(orientation)] * 3)
    film = open_film(path)
    rgb = [frame.rgb for frame in film.frames()][-1].astype(int)
    height, width = rgb.shape[:2]
    assert (height, width) == film.size == ((128, 64) if orientation in (6, 8) else (64, 128))
    named = {"r": corpus.RED, "g": corpus.GREEN, "b": corpus.BLUE, "w": corpus.WHITE}
    places = [rgb[int(y * height), int(x * width)] for y in (0.25, 0.75) for x in (0.25, 0.75)]
    assert "".join(min(named, key=lambda name: np.abs(place - named[name]).sum()) for place in places) == upright


@pytest.mark.parametrize("alpha", [False, True])
def test_an_animated_webp_is_a_film(tmp_path, alpha):
    frames = corpus.grey_frames(5)
    pictures = [Image.fromarray(values) for values in frames]
    if alpha:
        for picture in pictures:
            picture.putalpha(255)
    milliseconds = [40, 80, 40, 200, 40]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=milliseconds, lossless=True)
    film = open_film(tmp_path / "a.webp")
    assert greys(film) == list(range(5)) and film.header.frames == 5 and film.size == (64, 64)
    assert [round(frame.duration * 1000) for frame in film.frames()][:4] == milliseconds[:4]
    assert film.times == [frame.time for frame in film.frames()]
    assert greys_of_copy(film, tmp_path) == list(range(5))


def greys_of_copy(film: Film, folder: Path) -> list[int]:
    with FilmWriter(folder / "copy.mp4", like=film, quality=0) as writer:
        for frame in film.frames():
            writer.write(frame)
    return greys(open_film(folder / "copy.mp4"))


# ------------------------------------------------------------------------------------------------- bad input


def from_packet(source: Path, target: Path, first: int) -> Path:
    """The film without its first packets of video."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for index, packet in enumerate(old.demux(video=0)):
            if index >= first and packet.size:
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.mark.faults
@pytest.mark.parametrize("codec, suffix", [("libx264", "mkv"), ("mpeg4", "avi"), ("mpeg2video", "ts"), ("libx264", "ts")])
def test_no_key_frame_at_the_start(tmp_path, codec, suffix):
    options = {"g": "8", "bf": "0", "sc_threshold": "0" if codec == "libx264" else "1000000000", "qmin": "1", "qmax": "2"}
    whole = corpus.write(tmp_path / f"w.{suffix}", corpus.grey_frames(24), codec=codec, options=options)
    film = open_film(from_packet(whole, tmp_path / f"f.{suffix}", 3))
    with pytest.warns(DamagedVideoWarning, match="middle of a shot: [45] frames"):  # TS keeps one back
        assert greys(film) == list(range(8, 24))
    assert len(film.times) == 16


@pytest.mark.faults
@pytest.mark.parametrize("suffix", ["h264", "ts"])
def test_a_size_that_changes_in_the_middle(tmp_path, suffix):
    format = "h264" if suffix == "h264" else "mpegts"
    parts = [
        corpus.write(tmp_path / f"{side}.{suffix}", corpus.grey_frames(6, side, side), format=format, options={"bf": "0"})
        for side in (64, 96)
    ]
    (tmp_path / f"both.{suffix}").write_bytes(b"".join(part.read_bytes() for part in parts))
    film = open_film(tmp_path / f"both.{suffix}")
    with pytest.warns(VideoWarning, match="changes its size from 64 x 64 to 96 x 96"):
        frames = list(film.frames())
    assert {frame.rgb.shape for frame in frames} == {(64, 64, 3)}
    assert [round((float(frame.rgb.mean()) - corpus.grey(0)) / 7) for frame in frames] == [*range(6), *range(6)]


@pytest.mark.faults
def test_broken_sound_does_not_stop_the_picture(tmp_path):
    tone = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 16000)).astype(np.float32)
    path = corpus.write(tmp_path / "s.mp4", corpus.grey_frames(60), sound=tone, sound_codec="aac")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    for pos, size in places[2:]:
        data[pos : pos + size] = b"\xff" * size
    path.write_bytes(data)
    film = open_film(path)
    assert film.header.has_sound
    with FilmWriter(tmp_path / "out.mp4", like=film) as writer:
        for frame in film.frames():
            writer.write(frame)
    assert greys(open_film(tmp_path / "out.mp4")) == [i % 32 for i in range(60)]


@pytest.mark.faults
def test_sound_of_no_known_codec_is_left_out_and_it_is_said(tmp_path):
    path = corpus.write(tmp_path / "s.mp4", corpus.grey_frames(12), sound=np.zeros((1, 4000), np.float32), sound_codec="aac")
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"what").replace(b"esds", b"what"))
    film = open_film(path)
    assert not film.header.has_sound
    with (
        pytest.warns(VideoWarning, match="its sound in 's.mp4' cannot be read"),
        FilmWriter(tmp_path / "o.mp4", like=film) as writer,
    ):
        for frame in film.frames():
            writer.write(frame)
    copy = open_film(tmp_path / "o.mp4")
    assert greys(copy) == list(range(12)) and not copy.header.has_sound and not copy.header.loses_sound


@pytest.mark.faults
def test_a_damaged_tail_is_a_warning_and_the_rest_is_written(tmp_path):
    path = corpus.write(
        tmp_path / "t.mkv", noise(40, 192, 128), options={"bf": "0", "g": "1", "qp": "4"}, sound=np.zeros((1, 2000), np.float32)
    )
    corpus.truncate(path, 0.6)
    film = open_film(path)
    with pytest.warns(DamagedVideoWarning, match="truncated or damaged"), FilmWriter(tmp_path / "out.mp4", like=film) as writer:
        for frame in film.frames():
            writer.write(frame)
    assert 10 < len(list(open_film(tmp_path / "out.mp4").frames())) == frame.index + 1 < 40


@pytest.mark.faults
def test_a_damaged_webp_says_what_it_is(tmp_path):
    pictures = [Image.fromarray(values) for values in noise(4)]
    pictures[0].save(tmp_path / "d.webp", save_all=True, append_images=pictures[1:], duration=40)
    corpus.truncate(tmp_path / "d.webp", 0.1)
    with pytest.raises(UserError, match=r"'d.webp'"):
        list(open_film(tmp_path / "d.webp").frames())
