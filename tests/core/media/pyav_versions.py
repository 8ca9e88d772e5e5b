"""What one version of PyAV makes of films: run as a program, prints the sums of the frames as JSON. Its arguments are files;
with `--write FOLDER` each is also written anew, and what was written is read.
"""

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


def seen(path: str | Path) -> dict:
    """The frames' times and pixels."""
    frames = list(open_film(path).frames())
    pixels = hashlib.sha256(b"".join(np.ascontiguousarray(frame.rgb).tobytes() for frame in frames)).hexdigest()
    tags = open_film(path).colours
    return {"times": [str(frame.time) for frame in frames], "pixels": pixels, "colours": list(vars(tags).values())}


def main(arguments: list[str]) -> None:
    folder = Path(arguments[arguments.index("--write") + 1]) if "--write" in arguments else None
    paths = [Path(name) for name in arguments if name != "--write" and Path(name) != folder]
    outcome: dict = {"version": av.__version__, "read": {}, "written": {}}
    for path in paths:
        outcome["read"][path.name] = seen(path)
        if folder is None:
            continue
        film, target = open_film(path), folder / f"{path.stem}.mkv"
        with FilmWriter(target, like=film, codec="ffv1") as writer:
            for frame in film.frames():
                writer.write(frame)
        outcome["written"][path.name] = seen(target)
    print(json.dumps(outcome))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        main(sys.argv[1:])
