"""Whole films: what the points ask in every window. Keys, corrections, tracks and flow of others, and what warnings call them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from dragvideo_core import film_drawing, film_edit
from dragvideo_core.exchange.tracks import GivenTracks
from dragvideo_core.film_edit import drag_a_film
from dragvideo_core.points.flow import DIS, Flow
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to

from .test_film_edit import COUNT, LOSSLESS, SIDE, centre, pictures, points, read, write


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "disc.mkv", pictures())


def test_targets_of_other_frames_and_a_strength_count_in_every_window(film: Path, tmp_path: Path):
    """Picked on frame 8 of 14: 12 px up there, 12 px to the right in frame 13, nothing in frame 1."""
    keyed = json.loads(points(frame=7)) | {"version": 3, "strength": [[0, 0.0], [7, 1.0]]}
    keyed["pairs"][0]["keys"] = [{"frame": 12, "move": [12.0, 0.0]}]
    drag_a_film(film, json.dumps(keyed), tmp_path / "out.mkv", LOSSLESS)
    before, after = read(film), read(tmp_path / "out.mkv")
    assert np.array_equal(before[0], after[0])
    for i, way in ((7, (0, -12)), (12, (12, 0)), (13, (12, 0))):
        assert np.abs(centre(after[i]) - centre(before[i]) - way).max() < 1.0, i
    between = centre(after[5]) - centre(before[5])
    assert -11 < between[1] < -4 and abs(between[0]) < 1.0


def test_a_pin_with_a_key_that_moves_it_is_a_drag(film: Path, tmp_path: Path):
    keyed = json.loads(points(target=(40.0, 50.0))) | {"version": 3}
    keyed["pairs"][0]["keys"] = [{"frame": 9, "move": [0.0, -12.0]}]
    drag_a_film(film, json.dumps(keyed), tmp_path / "out.mkv", LOSSLESS)
    before, after = read(film), read(tmp_path / "out.mkv")
    assert np.abs(centre(after[9]) - centre(before[9]) - [0, -12]).max() < 1.0 and np.array_equal(before[0], after[0])


def test_a_drag_goes_along_with_a_thing_that_turns_and_shrinks_through_all_windows(tmp_path: Path, monkeypatch):
    """Picked on frame 6 of 14, windows of 5 frames: by 4 degrees and to 97 % from frame to frame."""
    generator, middle, ways = np.random.default_rng(3), np.array([64.0, 48.0]), {}
    ground, thing = (np.kron(generator.integers(*span, (40, 40, 3)), np.ones((5, 5, 1))) for span in ((30, 90), (120, 250)))
    by = 0.97 ** np.arange(-5, 9) * np.exp(1j * np.radians(4) * np.arange(-5, 9))
    y, x = np.mgrid[: SIDE[0], : SIDE[1]]
    shown = []
    for one in by:
        there = np.array([[one.real, -one.imag], [one.imag, one.real]])
        disc = np.hypot(x - middle[0], y - middle[1]) <= 26 * abs(one)
        turned = cv2.warpAffine(thing, np.concatenate([there, (middle - there @ [100, 100])[:, None]], 1), SIDE[::-1])
        shown.append(np.where(disc[..., None], turned, ground[: SIDE[0], : SIDE[1]]).astype(np.uint8))
    bend_layers = film_drawing.bend_layers

    def watched(clip, tracks, settings):
        way, at = (tracks.targets - tracks.handles).mean((1, 2)), tracks.handles[:, 0, 4] - torch.from_numpy(middle)
        turns = torch.atan2(at[:, 1], at[:, 0])  # the handle says which frame it is
        ways.update({round(float(turn.rad2deg()) / 4): complex(*one.tolist()) for turn, one in zip(turns, way, strict=True)})
        return bend_layers(clip, tracks, settings)

    monkeypatch.setattr(film_drawing, "bend_layers", watched)
    picked = {"version": 3, "size": [128, 96], "frame": 5, "mask_points": []}
    picked["pairs"] = [{"handle": [76.0, 48.0], "target": [76.0, 34.0]}]
    picked["strokes"] = [{"kind": "thing", "radius": 18, "points": [[64.0, 48.0]]}]
    picked["strokes"] += [{"kind": "ground", "radius": 5, "points": [[20.0, 10.0], [110.0, 10.0], [110.0, 88.0], [20.0, 88.0]]}]
    drag_a_film(write(tmp_path / "turns.mkv", shown), json.dumps(picked), tmp_path / "out.mkv", LOSSLESS)
    assert len(ways) == COUNT
    assert max(abs(way / (-14j * one) - 1) for (_, way), one in zip(sorted(ways.items()), by, strict=True)) < 0.12


def heights_of_the_handle(monkeypatch) -> dict[int, float]:
    """Where the handle was followed to on a copy of half the size: filled while a film is edited, by frame, px of the film."""
    monkeypatch.setattr(film_edit, "factor_for", lambda size: 2)
    seen: dict[int, float] = {}
    bend_layers = film_drawing.bend_layers

    def watched(clip, tracks, settings):
        middle = tracks.handles[:, 0, 4]
        seen.update({round(2 * float(x) - 39.5): 2 * float(y) + 0.5 for x, y in middle})  # the disc goes 1 px a frame
        return bend_layers(clip, tracks, settings)

    monkeypatch.setattr(film_drawing, "bend_layers", watched)
    return seen


@pytest.mark.parametrize("picked, put_right", [(0, 8), (9, 2)])
def test_points_go_on_from_a_correction(film: Path, tmp_path: Path, monkeypatch, picked: int, put_right: int):
    """On a copy of half the size, in a later window: the handle is 4 px of the film lower than it was followed to."""
    seen = heights_of_the_handle(monkeypatch)
    text = json.dumps(
        {"version": 2, "size": [128, 96], "moves": [{"frame": put_right, "pair": 0, "handle": [40.0 + put_right, 54.0]}]}
    )
    drag_a_film(film, points(picked), tmp_path / "out.mkv", LOSSLESS, corrections=text)
    away = [i for i in seen if abs(i - picked) >= abs(put_right - picked) and (i > picked) == (put_right > picked)]
    assert put_right in away and all(abs(seen[i] - 54) < 1 for i in away)
    assert all(abs(seen[i] - 50) < 1 for i in seen if i not in away)


@pytest.mark.parametrize("picked, count", [(0, COUNT), (6, 10)])
def test_given_tracks_take_the_place_of_our_own(film: Path, tmp_path: Path, monkeypatch, picked: int, count: int):
    """On a copy of half the size: tracks that sink by half a pixel a frame, as nothing in the film does, and end before it does."""
    seen = heights_of_the_handle(monkeypatch)
    frames = torch.arange(float(count))
    given = GivenTracks(torch.stack([41 + frames, 51 + frames / 2], 1)[:, None], torch.ones(count, 1, dtype=torch.bool))
    texts: list[str] = []
    with warnings_go_to(texts.append):
        drag_a_film(film, points(picked), tmp_path / "out.mkv", LOSSLESS, given=given)
    assert sorted(seen) == list(range(COUNT))
    for i, y in seen.items():
        assert abs(y - (50 + (min(i, count - 1) - picked) / 2)) < (0.1 if i < count else 1), (i, y)
    assert [text for text in texts if "the tracks end" in text] == [
        f"the tracks end at frame {count} of {COUNT}: from there on the points are followed by optical flow."
    ] * (count < COUNT)


def test_a_pair_that_was_put_right_does_without_the_given_tracks(film: Path, tmp_path: Path):
    """The tracks would take it off the thing, where nothing is edited."""
    given = GivenTracks(torch.tensor([40.0, 50]) + torch.arange(COUNT)[:, None, None] * 3.0, torch.ones(COUNT, 1, dtype=torch.bool))
    move = {"frame": 5, "pair": 0, "handle": [45.0, 50.0]}
    text = json.dumps({"version": 2, "size": [128, 96], "moves": [move]})
    for given_too in (None, given):
        drag_a_film(film, points(), tmp_path / f"{given_too is None}.mkv", LOSSLESS, corrections=text, given=given_too)
    ours, both = (read(tmp_path / f"{name}.mkv") for name in (True, False))
    assert all(np.array_equal(a, b) for a, b in zip(ours, both, strict=True))


def test_another_flow_is_asked_between_small_copies(film: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(film_edit, "factor_for", lambda size: 2)
    sizes: set[tuple[int, ...]] = set()

    def between(first: Tensor, second: Tensor) -> Tensor:
        sizes.add(tuple(first.shape))
        return DIS.between(first, second)

    drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, flow=Flow("another", between))
    assert sizes == {(3, SIDE[0] // 2, SIDE[1] // 2)}
    assert not any(np.array_equal(a, b) for a, b in zip(read(film), read(tmp_path / "out.mkv"), strict=True))


@pytest.mark.parametrize("move", [{"frame": 99, "pair": 0}, {"frame": 3, "pair": 1}, {"frame": 0, "pair": 0}])
def test_corrections_that_do_not_belong_to_the_film_are_refused_before_any_work(film: Path, tmp_path: Path, move: dict):
    text = json.dumps({"version": 2, "size": [128, 96], "moves": [move | {"handle": [40, 50]}]})
    with pytest.raises(UserError, match="correction"):
        drag_a_film(film, points(), tmp_path / "out.mkv", LOSSLESS, corrections=text)
    assert not list(tmp_path.iterdir())


def test_warnings_name_the_frames_of_the_film(film: Path, tmp_path: Path):
    """The only mask point lies far from the handle, in all three windows."""
    masked = json.loads(points()) | {"mask_points": [[40.0, 60.0]]}
    texts: list[str] = []
    with warnings_go_to(texts.append):
        drag_a_film(film, json.dumps(masked), tmp_path / "out.mkv", LOSSLESS)
    assert sorted(texts)[0].startswith("handle 1 lies outside the edit mask in frames 1 to 14, so")
    assert sorted(texts)[1].startswith("target 1 lies outside the edit mask in frames 1, 5 to 14 and") and len(texts) == 2


def test_a_handle_beside_the_thing_is_named_once_in_pixels_of_the_film(film: Path, tmp_path: Path, monkeypatch):
    """It is followed on a copy of half the size."""
    monkeypatch.setattr(film_edit, "factor_for", lambda size: 2)
    beside = json.loads(points())
    beside["pairs"] = [{"handle": [40.0, 76.0], "target": [40.0, 84.0]}]
    texts: list[str] = []
    thing = torch.from_numpy(read(film)[0].mean(-1) > 120).float()
    with warnings_go_to(texts.append):
        drag_a_film(film, json.dumps(beside), tmp_path / "out.mkv", LOSSLESS, segment(mask=thing[None]))
    sentences = [text for text in texts if text.startswith("handle 1 at (40, 76) does not lie on the thing")]
    assert len(sentences) == 1 and re.search(r"nearest place of it is \((38|40|42), 6[2-6]\)", sentences[0])
