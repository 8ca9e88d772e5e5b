"""What one version of PyAV makes of films: run as a program with a folder and files, prints it as JSON."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path

import av
import numpy as np

from dragvideo_core.media.film import open_film
from dragvideo_core.media.film_writer import FilmWriter


def outcome(paths: list[Path], folder: Path) -> dict:
    """The films as they are read, and as they are read after each has been written anew into `folder`."""
    found: dict = {"version": av.__version__, "read": {}, "written": {}}
    for path in paths:
        film, target = open_film(path), folder / f"{path.stem}.mkv"
        with FilmWriter(target, like=film, codec="ffv1") as writer:
            for frame in film.frames():
                writer.write(frame)
        found["read"][path.name], found["written"][path.name] = seen(path), seen(target)
    return found


def seen(path: Path) -> dict:
    """A film's times, pixels and colours."""
    film = open_film(path)
    frames = list(film.frames())
    pixels = hashlib.sha256(b"".join(np.ascontiguousarray(frame.rgb).tobytes() for frame in frames)).hexdigest()
    return {"times": [str(frame.time) for frame in frames], "pixels": pixels, "colours": list(vars(film.colours).values())}


if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    print(json.dumps(outcome([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))))
