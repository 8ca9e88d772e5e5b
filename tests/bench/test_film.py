"""`make bench-film` as a command: which rows are made, and that a run that was stopped goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from bench import film, variants


@pytest.fixture
def calls(monkeypatch, tmp_path: Path) -> list[tuple]:
    """What is measured, as (case, rows with a model); no clips and no speed are needed."""
    made: list[tuple] = []

    class Case:
        def __init__(self, name: str):
            self.name, self.picks = name, "{}"

    def measured(case, names):
        made.append((case.name, *names))
        columns = dict.fromkeys(film.rows.PRINTED, 0.5) | {"distance_spread_px": 0.5}
        return [{"clip": case.name, "variant": "unedited", **columns}], [("unedited", [torch.zeros(3, 8, 8)])], ["unedited"]

    monkeypatch.setattr(film, "OUT", tmp_path)
    monkeypatch.setattr(film, "ROOT", tmp_path)
    monkeypatch.setattr(film.masked_films, "load_films", lambda folder: [Case("one"), Case("two")])
    monkeypatch.setattr(film.plans, "plan_composites", lambda films, count: [f"composite {i}" for i in range(count)])
    monkeypatch.setattr(film.composites, "compose", Case)
    monkeypatch.setattr(film.pairs, "find_pairs", lambda films, count: [Case(f"pair {i}") for i in range(count)])
    monkeypatch.setattr(film.sheets, "sheet", lambda drawn, shown: torch.zeros(3, 8, 8))
    monkeypatch.setattr(film, "_measure", measured)
    monkeypatch.setattr(film.film_speed, "measure", lambda long: made.append(("speed",)) or {})
    return made


@pytest.mark.parametrize(
    "words, wanted",
    [
        ("--count 1", [("composite 0",), ("pair 0",), ("speed",)]),
        ("--count 2 --pairs 0 --without-speed", [("composite 0",), ("composite 1",)]),
        ("--count 1 --pairs 0 --with-model --without-speed", [("composite 0", *variants.MAIN)]),
        ("--count 1 --pairs 0 --without-speed --with-model ours", [("composite 0", "ours")]),
    ],
)
def test_the_rows_that_are_asked_for_are_made_once(calls: list, monkeypatch, words: str, wanted: list):
    monkeypatch.setattr(sys, "argv", ["film", *words.split()])
    film.main()
    assert calls == wanted
    film.main()  # the same again: what was measured is kept, but the speed
    assert calls == wanted + [one for one in wanted if one == ("speed",)]
