"""Whole films: a textured thing on a textured ground that is dragged, at another size than points are followed at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dragvideo_core import film_edit, film_window
from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.layers import find
from dragvideo_core.layers.given import EverythingSegmenter
from dragvideo_core.media.film import Film, open_film
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to

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


def test_a_pin_on_the_ground_does_not_end_the_edit(film: Path, tmp_path: Path):
    pinned = json.loads(points())
    pinned["pairs"].append({"handle": [100.0, 20.0], "target": [100.0, 20.0]})
    made = []
    for name, text in {"plain": points(), "pinned": json.dumps(pinned)}.items():
        drag_a_film(film, text, tmp_path / f"{name}.mkv", LOSSLESS)
        made.append(read(tmp_path / f"{name}.mkv"))
    np.testing.assert_allclose(made[0], made[1], atol=2)


def test_without_any_mark_the_thing_is_guessed(film: Path, tmp_path: Path):
    bare = json.loads(points()) | {"version": 1}
    del bare["strokes"]
    drag_a_film(film, json.dumps(bare), tmp_path / "bare.mkv", LOSSLESS)
    drag_a_film(film, points(), tmp_path / "marked.mkv", LOSSLESS)
    bare_frames, marked, before = (
        np.asarray(read(path)).astype(float) for path in (tmp_path / "bare.mkv", tmp_path / "marked.mkv", film)
    )
    assert abs(bare_frames - marked).mean() < 0.4 * abs(before - marked).mean()


def test_where_no_thing_stands_out_on_the_picked_frame_no_window_guesses_one(film: Path, tmp_path: Path, monkeypatch):
    """Else the film jumps where one does."""
    bare = json.loads(points(6)) | {"strokes": []}
    monkeypatch.setattr(film_window, "guess", lambda *inputs: EverythingSegmenter())
    monkeypatch.setattr(find, "guess", lambda *inputs: pytest.fail("guessed"))
    texts: list[str] = []
    with warnings_go_to(texts.append):
        report = drag_a_film(film, json.dumps(bare), tmp_path / "bare.mkv", LOSSLESS)
    assert report.layer is None and not [text for text in texts if "guessed" in text]


@pytest.mark.parametrize("picked, lost_in", [(0, "6 to 14"), (13, "1 to 8")])
def test_a_guess_that_is_lost_stays_lost_and_that_is_said(film: Path, tmp_path: Path, monkeypatch, picked: int, lost_in: str):
    """In the second of three windows, going forward and backward. Once it was put where the thing had been on the picked frame."""
    bare = json.loads(points(picked)) | {"strokes": []}
    held, asked = find.held, []

    def lost(frames: Tensor, layer: Tensor, *more) -> Tensor | None:
        asked.append(layer)
        return None if len(asked) == 3 else held(frames, layer, *more)

    monkeypatch.setattr(find, "held", lost)
    texts: list[str] = []
    with warnings_go_to(texts.append):
        drag_a_film(film, json.dumps(bare), tmp_path / "bare.mkv", LOSSLESS)
    said = f"the thing that was guessed could not be followed in frames {lost_in}: all that lies near the arrow bends there."
    assert [text.split(" Paint")[0] for text in texts] == [said]
    assert len(asked) == (3 if picked == 0 else 4)  # the picked frame by itself, for its clean plate; with those after it a window


def test_a_sam_is_asked_for_clicks_on_the_picked_frame_alone_and_its_answer_is_carried(film: Path, tmp_path: Path):
    class Clicked:
        masks, front, asks_points = None, None, True

        def check(self, frames):
            """Any film will do."""

        def free(self):
            """Nothing is held."""

        def foreground(self, index, frame, prompts, ground=None):
            assert index == 0 and len(prompts) == 3 and len(ground) == 5
            return frame.mean(0) > 120 / 255

    drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, Clicked())
    for old, new in zip(read(film), read(tmp_path / "out.mkv"), strict=True):
        assert np.abs(centre(new) - centre(old) - [0, -12]).max() < 1.0


def test_points_may_be_picked_on_a_later_frame(film: Path, tmp_path: Path):
    report = drag_a_film(film, points(frame=9), tmp_path / "out.mkv", LOSSLESS)
    disc = read(film)[9].mean(-1) > 120
    assert report.picked == 9 and ((report.layer.numpy() >= 0.5) == disc).mean() > 0.98
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


def test_frames_that_are_written_are_forgotten_before_more_are_followed(tmp_path: Path, monkeypatch):
    """In memory are one window that is drawn, one that is followed, with what is beside it, and what waits for the encoder."""
    film, seen, alive = write(tmp_path / "long.mkv", pictures(25)), [], []
    between, window = Film.between, film_window.FilmWork.window

    def watched(self: Film, *span):
        for frame in between(self, *span):
            seen.append(weakref.ref(frame))
            yield frame

    def counted(self, *inputs):
        alive.append(sum(one() is not None for one in seen))
        return window(self, *inputs)

    monkeypatch.setattr(film_edit, "WAITING", 1)
    monkeypatch.setattr(Film, "between", watched)
    monkeypatch.setattr(film_window.FilmWork, "window", counted)
    drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS)
    assert len(alive) == 5 and max(alive) <= 2 * LOSSLESS.window + LOSSLESS.beside + 2


def test_cancelled_work_leaves_no_file(film: Path, tmp_path: Path):
    def cancel(done: int, total: int, picture) -> None:
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, on_progress=cancel)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("frame", [0, 9])
def test_work_that_was_broken_off_goes_on_at_its_window(film: Path, tmp_path: Path, frame: int, monkeypatch):
    drag_a_film(film, points(frame), tmp_path / "whole.mkv", LOSSLESS)
    calls: list[int] = []
    propagate = film_window.found_in

    def counted(clip, *inputs, **more):
        if len(clip) > 1:  # a window, and not the picked frame by itself
            calls.append(1)
        return propagate(clip, *inputs, **more)

    monkeypatch.setattr(film_window, "found_in", counted)

    def cancel(done: int, total: int, picture) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drag_a_film(film, points(frame), tmp_path / "out.mkv", LOSSLESS, on_progress=cancel, keep=True)
    before = len(calls)
    drag_a_film(film, points(frame), tmp_path / "other_name.mkv", LOSSLESS, keep=True)
    assert (
        before + len(calls[before:]) <= 4 and len(calls[before:]) <= 1
    )  # three or four windows in all, one to make after the break
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other_name.mkv", "whole.mkv"]
    assert all(np.array_equal(*pair) for pair in zip(read(tmp_path / "whole.mkv"), read(tmp_path / "other_name.mkv"), strict=True))


def test_a_killed_process_leaves_its_windows_and_no_film(film: Path, tmp_path: Path):
    script = (
        "import os, sys; from pathlib import Path; from core.test_film_edit import LOSSLESS, points, drag_a_film;"
        f"drag_a_film({str(film)!r}, points(), {str(tmp_path / 'out.mkv')!r}, LOSSLESS,"
        "on_progress=lambda done, total, picture: os._exit(7) if done == 8 else None, keep=True)"
    )
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(root), str(root / "tests")])
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": paths}, check=False)
    assert done.returncode == 7 and not (tmp_path / "out.mkv").exists()
    windows = sorted(path.name for path in next(tmp_path.glob(".*.unfinished")).iterdir())
    assert windows == ["after-0.safetensors", "after-1.safetensors"]
    drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, keep=True)
    drag_a_film(film, points(), tmp_path / "whole.mkv", LOSSLESS)
    assert all(np.array_equal(*pair) for pair in zip(read(tmp_path / "whole.mkv"), read(tmp_path / "out.mkv"), strict=True))


@pytest.mark.parametrize("harm", ["garbage", "values", "box", "start", "count"])
def test_windows_that_somebody_changed_are_made_anew(film: Path, tmp_path: Path, harm: str):
    def cancel(done: int, total: int, picture) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, on_progress=cancel, keep=True)
    for path in next(tmp_path.glob(".*.unfinished")).iterdir():
        tensors = load_file(path)
        if harm == "garbage":
            path.write_bytes(b"no tensors")
            continue
        if harm == "values":
            tensors["patch.values"] = tensors["patch.values"][1:]
        elif harm == "box":
            tensors["patch.box"] += 1000
        elif harm == "start":
            tensors["start.handles"] *= float("nan")
        else:
            tensors["window.count"] += 1000
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    with warnings_go_to(lambda text: None):
        drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, keep=True)
    drag_a_film(film, points(), tmp_path / "whole.mkv", LOSSLESS)
    assert all(np.array_equal(*pair) for pair in zip(read(tmp_path / "whole.mkv"), read(tmp_path / "out.mkv"), strict=True))


def test_where_the_points_leave_the_thing_nothing_changes_and_that_is_said(film: Path, tmp_path: Path, monkeypatch):
    windows: list[int] = []

    def on_layer(layer: Tensor, handles: Tensor) -> Tensor:
        windows.append(len(layer))
        return torch.full(handles.shape[:2], len(windows) <= 2)  # on it in the picked frame by itself, and in the first window

    monkeypatch.setattr(film_window, "on_layer", on_layer)
    texts: list[str] = []
    with warnings_go_to(texts.append):
        drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS)
    before, after = read(film), read(tmp_path / "out.mkv")
    assert all(np.array_equal(*pair) for pair in zip(before[5:], after[5:], strict=True))
    assert not np.array_equal(before[4], after[4]) and any("lost in frames 6 to 14" in text for text in texts)


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
