"""Whole films as people have them, and broken ones: each is edited, or refused in a sentence; nothing half-written is left."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.media.film import open_film
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to

from . import video_corpus as corpus
from .media.test_film import from_packet
from .media.test_film_writer import VARIABLE, click, full_disk, heard
from .test_film_edit import COUNT, LOSSLESS, centre, pictures, points, read, write

UP = [0, -12]  # px: what `points` asks for
ALL_KEYS = {"g": "1", "bf": "0", "qp": "4"}


def edit(film: Path, output: Path, settings: FilmSettings = LOSSLESS, **more) -> list[str]:
    """What is said while the disc is dragged upward."""
    texts: list[str] = []
    with warnings_go_to(texts.append):
        drag_a_film(film, points(**more), output, settings)
    return texts


def went_up(film: Path, output: Path, near: float = 1.5) -> bool:
    """Whether the disc is 12 px higher in every frame of the output, and no frame is missing."""
    pairs = zip(read(film), read(output), strict=True)
    most = [np.iinfo(one.dtype).max / 255 for one in (read(output)[0], read(film)[0])]
    return all(np.abs(centre(new / most[0]) - centre(old / most[1]) - UP).max() < near for old, new in pairs)


def test_no_key_frame_at_the_start_ends_the_edit_nowhere(tmp_path: Path):
    options = {"g": "6", "bf": "0", "sc_threshold": "0", "qp": "2"}
    whole = corpus.write(tmp_path / "whole.mkv", np.stack(pictures(18)), options=options)
    film = from_packet(whole, tmp_path / "film.mkv", 3)
    texts: list[str] = []
    picks = json.loads(points(frame=6)) | {"frame": 0}  # the first that is shown is frame 6 of the whole
    with warnings_go_to(texts.append):
        drag_a_film(film, json.dumps(picks), tmp_path / "out.mkv", LOSSLESS)
    assert len([text for text in texts if "middle of a shot: 3 frames" in text]) == 1, texts
    assert len(read(tmp_path / "out.mkv")) == 12 and went_up(film, tmp_path / "out.mkv")


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_negative_timestamps(tmp_path: Path, suffix: str):
    stamps = [40 * i - 200 for i in range(COUNT)]
    film = corpus.write(tmp_path / f"film.{suffix}", np.stack(pictures()), options={"qp": "2"}, stamps_ms=stamps)
    assert edit(film, tmp_path / "out.mkv") == []
    assert went_up(film, tmp_path / "out.mkv") and len(read(tmp_path / "out.mkv")) == COUNT


def test_variable_timestamps_are_kept_by_the_edit(tmp_path: Path):
    film = corpus.write(tmp_path / "film.mp4", np.stack(pictures(len(VARIABLE))), options={"qp": "2"}, stamps_ms=VARIABLE)
    assert edit(film, tmp_path / "out.mp4", FilmSettings(window=5, beside=2, margin=12, quality=1), frame=0) == []
    assert went_up(film, tmp_path / "out.mp4")
    assert [frame.time for frame in open_film(tmp_path / "out.mp4").frames()] == [Fraction(ms, 1000) for ms in VARIABLE]


@pytest.mark.parametrize("height, width", [(95, 127), (95, 128), (96, 127)])
@pytest.mark.parametrize("factor", [1, 3])
def test_odd_sizes(tmp_path: Path, monkeypatch, height: int, width: int, factor: int):
    """Also where the size is no multiple of the small copy's factor."""
    monkeypatch.setattr("dragvideo_core.film_edit.factor_for", lambda size: factor)
    film = corpus.write(
        tmp_path / "film.mkv", np.stack(pictures(8))[:, :height, :width], codec="ffv1", pixels="yuv444p", options={}
    )
    picks = json.loads(points()) | {"size": [width, height]}
    drag_a_film(film, json.dumps(picks), tmp_path / "out.mkv", LOSSLESS)
    assert open_film(tmp_path / "out.mkv").size == (height, width) and went_up(film, tmp_path / "out.mkv", 2.0)


def test_a_size_that_changes_in_the_middle_is_said_once(tmp_path: Path):
    parts = []
    for name, side in (("small", (96, 128)), ("large", (192, 256))):
        frames = [np.asarray(Image.fromarray(one).resize(side[::-1], Image.Resampling.NEAREST)) for one in pictures(7)]
        parts.append(corpus.write(tmp_path / f"{name}.ts", np.stack(frames), format="mpegts", options=ALL_KEYS))
    film = tmp_path / "film.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    texts = edit(film, tmp_path / "out.mkv")
    assert len([text for text in texts if "changes its size from 128 x 96 to 256 x 192" in text]) == 1, texts
    after = read(tmp_path / "out.mkv")
    assert len(after) == 14 and {one.shape for one in after} == {(96, 128, 3)}
    assert np.abs(centre(after[3]) - centre(read(film)[3]) - UP).max() < 1.5


@pytest.mark.parametrize("harm", ["none", "missing", "broken"])
def test_sound_that_is_there_missing_or_broken(tmp_path: Path, harm: str):
    sound = None if harm == "missing" else click(0.3, 0.5)
    frames = np.stack(pictures())
    film = corpus.write(tmp_path / "film.mp4", frames, options={"qp": "2"}, sound=sound, sound_codec="aac", rate=25)
    if harm == "broken":
        film.write_bytes(film.read_bytes().replace(b"mp4a", b"what").replace(b"esds", b"what"))
    texts = edit(film, tmp_path / "out.mkv")
    assert [text for text in texts if "sound in 'film.mp4' cannot be read" in text] == (texts if harm == "broken" else [])
    assert len(texts) == (harm == "broken") and went_up(film, tmp_path / "out.mkv")
    assert open_film(tmp_path / "out.mkv").header.has_sound == (harm == "none")
    if harm == "none":
        assert heard(tmp_path / "out.mkv") == pytest.approx(heard(film), abs=2e-3)


@pytest.mark.parametrize("keep", [False, True])
def test_a_disk_that_fills_up_leaves_no_film(tmp_path: Path, keep: bool):
    film = write(tmp_path / "film.mkv", pictures())
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"'out.mkv' cannot be written.*Free some space"), full_disk(20_000):
        drag_a_film(film, points(), tmp_path / "out" / "out.mkv", LOSSLESS, keep=keep)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.endswith(".unfinished")] == []


@pytest.mark.parametrize("margin", [150, 10_000])
@pytest.mark.parametrize("window", [5, 60])
def test_a_region_larger_than_the_frame_is_the_frame(tmp_path: Path, margin: int, window: int):
    film = write(tmp_path / "film.mkv", pictures(8))
    assert edit(film, tmp_path / "out.mkv", dataclasses.replace(LOSSLESS, margin=margin, window=window)) == []
    assert went_up(film, tmp_path / "out.mkv", 1.0)


def test_a_mask_over_the_whole_frame_is_the_frame(tmp_path: Path):
    film = write(tmp_path / "film.mkv", pictures(6))
    mask = [[x, y] for x in range(0, 128, 8) for y in range(0, 96, 8)]
    drag_a_film(film, json.dumps(json.loads(points()) | {"mask_points": mask}), tmp_path / "out.mkv", LOSSLESS)
    assert went_up(film, tmp_path / "out.mkv", 1.0)


def test_a_frame_smaller_than_the_least_box(tmp_path: Path):
    """The middle of the film, 40 x 44 px, around the disc."""
    frames = np.stack(pictures(4, moves=False))[:, 30:70, 20:64]
    film = corpus.write(tmp_path / "film.mkv", frames, codec="ffv1", pixels="yuv444p", options={})
    picks = json.loads(points())
    picks["pairs"] = [{"handle": [20, 20], "target": [20, 16]}]
    picks["strokes"] = [{"kind": "thing", "radius": 4, "points": [[16, 20], [24, 20]]}]
    drag_a_film(film, json.dumps(picks | {"size": [44, 40]}), tmp_path / "out.mkv", LOSSLESS)
    before, after = read(film), read(tmp_path / "out.mkv")
    assert len(after) == 4 and not np.array_equal(before[0], after[0])


def photo(rgb: np.ndarray) -> bytes:
    held, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 1, "A Camera"
    Image.fromarray(rgb).save(held, "JPEG", quality=95, exif=exif.tobytes())
    return held.getvalue()


def with_exif(path: Path) -> None:
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p"
        for index, picture in enumerate(pictures(6)):
            packet = av.Packet(photo(picture))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 10)
            packet.is_keyframe = True
            container.mux(packet)


def webp(path: Path) -> None:
    first, *others = (Image.fromarray(one) for one in pictures(6))
    first.save(path, format="WEBP", save_all=True, append_images=others, duration=40, lossless=True)


def deep(path: Path, transfer: int) -> None:
    tags = (9, 1, 9, transfer)
    corpus.write(path, np.stack(pictures(6)), codec="ffv1", pixels="yuv444p10le", tags=tags, format="matroska")


def combed(path: Path) -> None:
    options = {"x264-params": "tff=1", "qp": "2"}
    corpus.write(path, np.stack(pictures(6)), options=options, interlaced=True, format="matroska")


@pytest.mark.parametrize(
    "make, says, bits",
    [
        (with_exif, [], 8),
        (webp, [], 8),
        (lambda path: deep(path, 1), [], 10),
        (lambda path: deep(path, 18), [], 10),
        (combed, ["interlaced"], 8),
    ],
    ids=["exif", "webp", "ten bits", "hlg", "interlaced"],
)
def test_films_as_people_have_them(tmp_path: Path, make: Callable[[Path], None], says: list[str], bits: int):
    film = tmp_path / "film"
    make(film)
    texts = edit(film, tmp_path / "out.mkv", frame=3)  # so that the film is walked over several times
    assert len(texts) == len(says) and all(word in text for word, text in zip(says, texts, strict=True)), texts
    before, after = read(film), read(tmp_path / "out.mkv")
    assert len(before) == len(after) == 6 and open_film(tmp_path / "out.mkv").bits == bits
    for old, new in zip(before, after, strict=True):
        here = [one / (np.iinfo(one.dtype).max / 255) for one in (old, new)]
        moved = np.abs(here[1] - here[0]).mean(-1) > 20
        rows, columns = np.nonzero(moved)
        assert moved[26:34, 38:46].all() and rows.min() > 16 and rows.max() < 72 and columns.max() < 72
