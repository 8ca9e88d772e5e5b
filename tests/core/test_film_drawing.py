"""Who draws a window makes no difference: this process from what it has, from what would travel, or other ranks of a group."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load, save
from torch.nn import functional

from dragvideo_core import film_drawing
from dragvideo_core.film_drawing import Drawing, draw
from dragvideo_core.film_edit import drag_a_film
from dragvideo_core.group import ALONE

from . import film_shared
from .film_shared import FILMS, SHORT, all_films, films
from .shared_work import run
from .test_film_edit import points, read


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The films, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("films")
    films(folder)
    all_films(ALONE, folder)
    return folder


def is_same(first: Path, second: Path) -> bool:
    return all(np.array_equal(*pair) for pair in zip(read(first), read(second), strict=True))


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_a_drawing_that_travelled_is_drawn_alike(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deep: bool):
    seen: list[Drawing] = []
    monkeypatch.setattr(film_drawing, "draw", lambda drawing: seen.append(drawing) or draw(drawing))
    drag_a_film(alone / "plain.mkv", points(9), tmp_path / "out.mkv", SHORT)
    assert len(seen) >= 4
    for drawing in seen:
        pixels = [one.astype(np.uint16) * 257 for one in drawing.pixels] if deep else drawing.pixels
        wanted = draw(replace(drawing, pixels=pixels))
        made = draw(Drawing.of(load(save(replace(drawing, pixels=pixels).as_tensors()))))
        assert wanted.box == made.box and wanted.values[0].dtype == made.values[0].dtype == (np.uint16 if deep else np.uint8)
        for name in ("changed", "values"):
            assert all(np.array_equal(*pair) for pair in zip(getattr(wanted, name), getattr(made, name), strict=True))


def test_pixels_that_are_drawn_as_they_were_are_not_kept(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Drawing] = []
    monkeypatch.setattr(film_drawing, "draw", lambda drawing: seen.append(drawing) or draw(drawing))
    drag_a_film(alone / "plain.mkv", points(), tmp_path / "out.mkv", SHORT)
    patch = draw(seen[0])
    assert sum(len(values) for values in patch.values) > 100
    for own, changed, values in zip(seen[0].pixels, patch.changed, patch.values, strict=True):
        assert changed.sum() == len(values) and (own[changed] != values).any(1).all()


def test_where_nothing_may_change_nothing_travels_and_nothing_is_drawn(alone: Path, tmp_path: Path, monkeypatch):
    seen: list[Drawing] = []
    monkeypatch.setattr(film_drawing, "draw", lambda drawing: seen.append(drawing) or draw(drawing))
    drag_a_film(alone / "plain.mkv", points(), tmp_path / "out.mkv", SHORT)
    tracks = replace(seen[0].tracks, edit_mask=seen[0].tracks.edit_mask & False)
    nothing = replace(seen[0], tracks=tracks, box=None, pixels=[])
    assert draw(Drawing.of(load(save(nothing.as_tensors())))) is None


@pytest.fixture(scope="module", params=[2, 3])
def size(request: pytest.FixtureRequest, alone: Path) -> int:
    """A number of processes that have made all films."""
    run(request.param, all_films, alone)
    return request.param


@pytest.mark.distributed
@pytest.mark.slow
@pytest.mark.parametrize("name", FILMS)
def test_a_group_makes_the_film_that_one_process_makes(alone: Path, size: int, name: str):
    """Bit for bit, and says the same; nothing is left beside it."""
    assert is_same(alone / f"{name} by 1.mkv", alone / f"{name} by {size}.mkv")
    said = [json.loads((alone / f"said by {number}.json").read_text())[name] for number in (1, size)]
    assert sorted(said[0]) == sorted(said[1]) and bool(said[0]) == (
        name in ("a cut in a window", "points that are lost", "a drag that folds")
    )
    assert not list(alone.glob(".*"))


@pytest.mark.distributed
@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize(
    "work, says, left",
    [
        (film_shared.fails, "rank 2 of 3 could not draw a part of the film: MemoryError: no room", 2),
        (film_shared.refuses, "rank 2 of 3 could not draw a part of the film: a bad drawing", 2),
        (film_shared.killed, "rank 0 of 3 lost its connection", 1),
    ],
    ids=["fails", "refuses", "killed"],
)
def test_who_fails_ends_the_film_in_a_sentence_and_the_next_run_goes_on(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable, says: str, left: int
):
    films(tmp_path)
    run(3, work, tmp_path)
    assert (tmp_path / "text").read_text().startswith(says) and not list(tmp_path.glob("broken*"))
    assert len(list(tmp_path.glob("* was let go"))) == left
    kept = {path.name for path in next(tmp_path.glob(".*.unfinished")).iterdir()}
    assert kept and kept < {f"after-{number}.safetensors" for number in range(5)}
    again: list[Drawing] = []
    monkeypatch.setattr(film_drawing, "draw", lambda drawing: again.append(drawing) or draw(drawing))
    film_shared.plain(tmp_path, ALONE, "whole")
    assert len(again) == 5 - len(kept) and is_same(tmp_path / "whole by 1.mkv", alone / "from the first frame by 1.mkv")


def test_a_layer_whose_edge_trembles_is_drawn_with_a_steady_one(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Drawing] = []
    monkeypatch.setattr(film_drawing, "draw", lambda drawing: seen.append(drawing) or draw(drawing))
    drag_a_film(alone / "plain.mkv", points(), tmp_path / "out.mkv", SHORT)
    drawing = max(seen, key=lambda one: len(one.pixels))
    layer = drawing.tracks.layer.clone()
    layer[1::2] = -functional.max_pool2d(-layer[1::2], 3, 1, 1)  # smaller by a pixel all around
    sketch = film_drawing._sketch(replace(drawing, tracks=replace(drawing.tracks, layer=layer)))
    given = drawing.box.cut(layer[drawing.shown]).sum((1, 2, 3)).numpy()
    drawn = sketch.scene.matte.sum((1, 2))
    assert np.abs(np.diff(drawn)).max() < 0.5 * np.abs(np.diff(given)).max() * drawing.factor**2
