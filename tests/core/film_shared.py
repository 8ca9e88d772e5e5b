"""Films that a group of processes makes together: each is made by the first rank, and the others draw for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from core.test_film_edit import LOSSLESS, pictures, points, write

from dragvideo_core import film_drawing, film_window
from dragvideo_core.film_drawing import Drawers, draw_for_the_first
from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.group import Group
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to

SHORT = replace(LOSSLESS, window=3)
FOLDS = json.dumps(json.loads(points()) | {"pairs": [{"handle": [at, 50.0], "target": [80.0 - at, 50.0]} for at in (34.0, 46.0)]})


def films(folder: Path) -> None:
    """What is edited: a plain one, and one with a cut."""
    write(folder / "plain.mkv", pictures())
    write(folder / "cut.mkv", [*pictures(9), *(255 - frame // 2 for frame in pictures(5, seed=5, moves=False))])


def plain(folder: Path, group: Group, name: str, picked: int = 0, settings: FilmSettings = SHORT, text: str = "", film="plain"):
    with Drawers(group) as drawers:
        output = folder / f"{name} by {group.size}.mkv"
        drag_a_film(folder / f"{film}.mkv", text or points(picked), output, settings, keep=True, drawers=drawers)


def lost(folder: Path, group: Group, name: str):
    """The points leave the thing behind the first window; the picked frame is looked at by itself before."""
    windows: list[int] = []

    def on_layer(layer, handles):
        windows.append(len(layer))
        return torch.full(handles.shape[:2], len(windows) <= 2)

    with patch.object(film_window, "on_layer", on_layer):
        plain(folder, group, name)


FILMS: dict[str, Callable[[Path, Group, str], None]] = {
    "from the first frame": plain,
    "windows before the picked frame": partial(plain, picked=9),
    "a cut in a window": partial(plain, picked=5, film="cut"),
    "points that are lost": lost,
    "fewer windows than ranks": partial(plain, settings=replace(LOSSLESS, window=20)),
    "a drag that folds": partial(plain, text=FOLDS),
}


def all_films(group: Group, folder: Path) -> None:
    """Every film, as rank of the group; what the first rank was warned of, in a file."""
    said: dict[str, list[str]] = {}
    for name, work in FILMS.items():
        if group.is_first:
            with warnings_go_to(said.setdefault(name, []).append):
                work(folder, group, name)
        else:
            draw_for_the_first(group)
    if group.is_first:
        (folder / f"said by {group.size}.json").write_text(json.dumps(said))


def broken(group: Group, folder: Path, harm: str) -> None:
    """The last rank fails, or is gone, while it draws its second window; the first one writes what it hears of that."""
    drawn, draw = [], film_drawing.draw

    def fail(drawing):
        drawn.append(drawing)
        if len(drawn) == 2:
            if harm == "killed":
                os._exit(0)
            raise MemoryError("no room") if harm == "fails" else UserError("a bad drawing")
        return draw(drawing)

    if not group.is_first:
        with patch.object(film_drawing, "draw", fail if group.rank == group.size - 1 else draw):
            draw_for_the_first(group)
        (folder / f"{group.rank} was let go").touch()
        return
    try:
        plain(folder, group, "broken")
    except UserError as error:
        (folder / "text").write_text(str(error))
    if harm == "killed":
        os._exit(0)  # a process group without all of its ranks cannot be left


fails, refuses, killed = (partial(broken, harm=harm) for harm in ("fails", "refuses", "killed"))
