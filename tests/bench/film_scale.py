"""`python -m bench.film_scale`: a whole film by one process, and by two that share the drawing of its windows.

The demo's film, 132 frames of 1280 x 720. Each process has one thread for each piece of a picture's work, and is held to one core,
as two machines with a core each would be; or to both cores, as it runs here: one process by itself uses two cores as well, since it
follows, draws and encodes side by side. Writes output/bench/film_scale.json.
"""

from __future__ import annotations

import json
import os
import time

import cv2
import torch

from dragvideo_core import film_drawing, film_edit
from dragvideo_core.film_drawing import Drawers, draw_for_the_first
from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.group import Group, Ranks

from . import scale

ROWS = {"1, one core": (1, False), "2, a core each": (2, False), "1, both cores": (1, True), "2, both cores": (2, True)}
RUNS = 2


def whole_film(
    group: Group, film: str, points: str, output: str, both_cores: bool, settings: FilmSettings = FilmSettings()
) -> dict:
    """This process's seconds, processor seconds, windows that it drew and bytes that it sent."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0, 1} if both_cores else {group.rank})
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    drawn, draw, following = [], film_drawing.draw, []

    def timed(drawing):
        began = time.thread_time()
        patch = draw(drawing)
        drawn.append(time.thread_time() - began)
        return patch

    film_drawing.draw = timed
    followed = film_edit.FilmWork.followed

    def follow(self, *inputs, **more):
        began = time.thread_time()
        tracks = followed(self, *inputs, **more)
        following.append(time.thread_time() - began)
        return tracks

    film_edit.FilmWork.followed = follow
    began, spent = time.perf_counter(), time.process_time()
    try:
        if group.is_first:
            with Drawers(group) as drawers:
                drag_a_film(film, points, output, settings, drawers=drawers)
        else:
            draw_for_the_first(group)
    finally:
        film_drawing.draw, film_edit.FilmWork.followed = draw, followed
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - spent,
        "windows": len(drawn),
        "drawing": sum(drawn),
        "following": sum(following),
        "sent_bytes": group.sent_bytes if isinstance(group, Ranks) else 0,
    }


def main() -> None:
    from host.demo_film import get_film, points

    folder = scale.OUT
    folder.mkdir(parents=True, exist_ok=True)
    film, best = str(get_film()), {}
    for _ in range(RUNS):
        for name, (size, both) in ROWS.items():
            output = folder / "film_scale.mp4"
            ranks = scale.run(size, whole_film, film, points(), str(output), both)
            output.unlink()
            print(name, json.dumps(ranks), flush=True)
            if name not in best or ranks[0]["seconds"] < best[name][0]["seconds"]:
                best[name] = ranks
    (folder / "film_scale.json").write_text(json.dumps({"load": os.getloadavg()[0], "rows": best}, indent=1))
    for name, ranks in best.items():
        print(f"{name:>15}: {ranks[0]['seconds']:6.1f} s, windows {[one['windows'] for one in ranks]}")


if __name__ == "__main__":
    main()
