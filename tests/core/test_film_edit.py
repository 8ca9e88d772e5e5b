"""Whole films: a textured thing on a textured ground that is dragged, at another size than points are followed at."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from dragvideo_core import film_edit
from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.media.film import open_film
from dragvideo_core.types import UserError, warnings_go_to

SIDE, COUNT = (96, 128), 14
LOSSLESS = FilmSettings(codec="ffv1", window=5, beside=2, margin=12)


def pictures(count: int = COUNT, seed: int = 0, moves: bool = True) -> list[np.ndarray]:
    """A disc with a texture goes 1 px a frame to the right, over another texture."""
    generator = np.random.default_rng(seed)
    ground, thing = (np.kron(generator.integers(*span, (32, 48, 3)), np.ones((4, 4, 1))) for span in ((30, 90), (150, 250)))
    y, x = np.mgrid[: SIDE[0], : SIDE[1]]
    made = []
    for i in range(count):
        at = 40 + (i if moves else 0)
        disc = np.hypot(x - at, y - 50) <= 14
        shifted = np.roll(thing, at, 1)[: SIDE[0], : SIDE[1]]
        made.append(np.where(disc[..., None], shifted, ground[: SIDE[0], : SIDE[1]]).astype(np.uint8))
    return made


def write(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=12)
        stream.height, stream.width, stream.pix_fmt = *SIDE, "yuv444p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        file.mux(stream.encode())
    return path


def points(frame: int = 0, target: tuple[float, float] = (40.0, 38.0)) -> str:
    at = 40.0 + frame
    target = (target[0] + frame, target[1])
    loop = [[at + 24 * np.cos(turn), 50 + 24 * np.sin(turn)] for turn in np.linspace(0, 6.2, 24)]
    strokes = [
        {"kind": "thing", "radius": 4, "points": [[at - 6, 50], [at + 6, 50]]},
        {"kind": "ground", "radius": 4, "points": loop},
    ]
    pair = {"handle": [at, 50.0], "target": list(target)}
    picks = {"version": 2, "size": [SIDE[1], SIDE[0]], "frame": frame, "pairs": [pair], "mask_points": [], "strokes": strokes}
    return json.dumps(picks)


def read(path: Path) -> list[np.ndarray]:
    return [frame.rgb for frame in open_film(path).frames()]


def centre(picture: np.ndarray) -> np.ndarray:
    """(x, y) of the bright disc."""
    rows, columns = np.nonzero(picture.mean(-1) > 120)
    return np.array([columns.mean(), rows.mean()])


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "disc.mkv", pictures())


def test_every_frame_comes_back_with_the_thing_moved_and_the_rest_as_it_was(film: Path, tmp_path: Path):
    report = drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS)
    before, after = read(film), read(tmp_path / "out.mkv")
    assert len(after) == report.frames == COUNT and (report.first, report.last) == (0, COUNT - 1)
    for old, new in zip(before, after, strict=True):
        assert np.abs(centre(new) - centre(old) - [0, -12]).max() < 1.0
        assert np.array_equal(new[:, :16], old[:, :16]) and np.array_equal(new[84:], old[84:])  # far from the drag
    assert open_film(tmp_path / "out.mkv").times == open_film(film).times


def test_points_may_be_picked_on_a_later_frame(film: Path, tmp_path: Path):
    drag_a_film(film, points(frame=9), tmp_path / "out.mkv", LOSSLESS)
    for old, new in zip(read(film), read(tmp_path / "out.mkv"), strict=True):
        assert np.abs(centre(new) - centre(old) - [0, -12]).max() < 1.0


def test_a_film_may_be_followed_on_a_smaller_copy(film: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(film_edit, "factor_for", lambda size: 2)
    drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS)
    for old, new in zip(read(film), read(tmp_path / "out.mkv"), strict=True):
        assert np.abs(centre(new) - centre(old) - [0, -12]).max() < 1.5


def test_the_edit_ends_at_a_cut_and_the_rest_is_handed_on(tmp_path: Path):
    other = [255 - frame // 2 for frame in pictures(7, seed=5, moves=False)]
    film = write(tmp_path / "cut.mkv", [*pictures(9), *other])
    texts: list[str] = []
    with warnings_go_to(texts.append):
        report = drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS)
    assert report.last == 8 and any("from frame 1 to 9 of 16" in text for text in texts)
    before, after = read(film), read(tmp_path / "out.mkv")
    assert all(np.array_equal(old, new) for old, new in zip(before[9:], after[9:], strict=True))
    assert not np.array_equal(before[8], after[8])


def test_cancelled_work_leaves_no_file(film: Path, tmp_path: Path):
    def cancel(done: int, total: int, picture) -> None:
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, on_progress=cancel)
    assert list(tmp_path.iterdir()) == []


def test_progress_goes_from_nothing_to_all(film: Path, tmp_path: Path):
    reports: list[tuple[int, int]] = []
    drag_a_film(film, points(frame=9), tmp_path / "out.mkv", LOSSLESS, on_progress=lambda *row: reports.append(row[:2]))
    done = [one for one, _ in reports]
    assert done == sorted(done) and reports[-1][0] == reports[-1][1] and len({total for _, total in reports}) == 1


def test_pins_alone_and_a_film_that_would_overwrite_itself_are_refused(film: Path):
    with pytest.raises(UserError, match="pin"):
        drag_a_film(film, points(target=(40.0, 50.0)), film.with_name("out.mkv"), LOSSLESS)
    with pytest.raises(UserError):
        drag_a_film(film, points(), film, LOSSLESS)
    assert film.is_file() and not film.with_name("out.mkv").exists()
