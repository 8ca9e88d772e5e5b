"""How long a whole quick drag takes beside decoding and encoding alone, and whether memory grows with the film.

The film is made here: a textured disc that swings over a textured ground, 1920 x 1080, 25 frames a second. A longer film
goes over the same ten seconds back and forth, so that it never shows more at once; it ends with a whole number of these ways.
`speed_ratio` is the time of `drag_a_film` by the time that PyAV takes to decode the same film and encode it with the same codec
and quality, in one process, one after the other; `cpu_ratio` the same of processor seconds, which other work on the machine
disturbs less. `memory_ratio` is the peak of a process that edits a long film by that of one that edits ten seconds.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.media.encoding import CODECS, options_for
from dragvideo_core.warning import warnings_go_to

ROOT = Path(__file__).resolve().parents[2]
SIZE, RATE = (1080, 1920), 25
SECONDS, LONG = 10, 40
RADIUS = 170  # px of the disc
SETTINGS = FilmSettings()


def texture(height: int, width: int, seed: int, light: float) -> np.ndarray:
    """Noise of all scales, stronger the coarser, as in filmed pictures: (H, W, 3) uint8."""
    rng, total = np.random.default_rng(seed), np.zeros((height, width, 3), np.float32)
    for level in range(2, 9):
        cells = rng.normal(size=(height // 2**level + 3, width // 2**level + 3, 3)).astype(np.float32)
        large = cv2.resize(cells, None, fx=2**level, fy=2**level, interpolation=cv2.INTER_CUBIC)
        total += large[:height, :width] * 2 ** (0.7 * (level - 8))
    return (255 * light + 45 * total).clip(0, 255).astype(np.uint8)


def place(i: int) -> tuple[float, float]:
    """The middle of the disc in frame i, px."""
    return SIZE[1] * (0.47 + 0.115 * np.sin(i / 30)), SIZE[0] * (0.52 + 0.055 * np.sin(i / 17))


def write_film(path: Path, seconds: float) -> Path:
    """The film as a file. One that is longer than once back and forth repeats the packets of that, to the end of its last time."""
    count, once = round(seconds * RATE), 2 * SECONDS
    if seconds > once:
        return _repeated(write_film(path.with_name(f"once_{path.name}"), once), path, math.ceil(seconds / once))
    ground, thing = texture(SIZE[0], SIZE[1] + 400, 0, 0.3), texture(2 * RADIUS + 40, 2 * RADIUS + 40, 1, 0.65)
    middle = RADIUS + 20
    rows, columns = np.mgrid[: thing.shape[0], : thing.shape[1]]
    cover = (RADIUS + 0.5 - np.hypot(columns - middle, rows - middle)).clip(0, 1)[..., None].astype(np.float32)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "14", "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(count):
            i = _back_and_forth(number, SECONDS * RATE)
            pan = round(min(i * 0.8, 400))
            picture = ground[:, pan : pan + SIZE[1]].copy()
            x, y = (round(at) - middle for at in place(i))
            part = picture[y : y + thing.shape[0], x : x + thing.shape[1]]
            part[:] = (cover * thing + (1 - cover) * part).astype(np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode())
    return path


def _repeated(source: Path, path: Path, times: int) -> Path:
    """A film that shows another one so many times, by its packets."""
    with av.open(str(path), "w") as file, av.open(str(source)) as once:
        shown = once.streams.video[0]
        stream, length = file.add_stream_from_template(shown), round(shown.frames / RATE / shown.time_base)
        for shift in range(0, times * length, length):
            once.seek(0)
            for packet in once.demux(shown):
                if packet.size:
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    file.mux(packet)
    return path


def _back_and_forth(number: int, count: int) -> int:
    """Which of `count` frames comes as that number: to the last one, back to the first, and so on."""
    number %= 2 * count
    return min(number, 2 * count - 1 - number)


def points() -> str:
    """A drag of the disc's upper part upward, with strokes."""
    x, y = place(0)
    turns, far, part = np.linspace(0, 6.2, 24), 1.3 * RADIUS, 0.4 * RADIUS
    loop = [[x + far * np.cos(turn), y + far * np.sin(turn)] for turn in turns]
    strokes = [
        {"kind": "thing", "radius": 0.24 * RADIUS, "points": [[x - part, y], [x + part, y], [x, y - part]]},
        {"kind": "ground", "radius": 0.12 * RADIUS, "points": loop},
    ]
    pair = {"handle": [x, y - 0.6 * RADIUS], "target": [x, y - 1.06 * RADIUS]}
    return json.dumps({"version": 2, "size": SIZE[::-1], "frame": 0, "pairs": [pair], "mask_points": [], "strokes": strokes})


def decode_and_encode(source: Path, output: Path) -> None:
    """The film through PyAV, with the codec and quality of the edit."""
    codec = CODECS[SETTINGS.codec]
    with av.open(str(source)) as film, av.open(str(output), "w") as file:
        stream = file.add_stream(codec.encoder, rate=RATE, options=options_for(SETTINGS.codec, SETTINGS.quality))
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in film.decode(video=0):
            frame.pict_type = 0
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """How long it takes: by the clock, and of the processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def speed(folder: Path, seconds: float = SECONDS) -> dict[str, float]:
    """The ratios of one film."""
    film = write_film(folder / "film.mp4", seconds)
    plain = seconds_of(lambda: decode_and_encode(film, folder / "plain.mp4"))
    with warnings_go_to(lambda text: None):
        whole = seconds_of(lambda: drag_a_film(film, points(), folder / "edited.mp4", SETTINGS))
    return {
        "frames": round(seconds * RATE),
        "seconds": whole[0],
        "seconds_plain": plain[0],
        "speed_ratio": whole[0] / plain[0],
        "cpu_ratio": whole[1] / plain[1],
    }


def peak(folder: Path, seconds: float) -> int:
    """Bytes that a process takes at most that edits a film of this length."""
    film = write_film(folder / f"{seconds}.mp4", seconds)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, "-m", "bench.film_speed", str(film), str(folder / f"{seconds}_edited.mp4")]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def measure(say: Callable[[str], None] = print, long: float = LONG) -> dict[str, float]:
    """Everything that `make bench-film` prints of a whole film. long: seconds of the film whose memory is compared."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = speed(folder)
        whole, plain = found["seconds"], found["seconds_plain"]
        of = f"{found['frames']} frames of {SIZE[1]} x {SIZE[0]}"
        say(f"whole quick drag of {of}: {whole:.0f} s; decoding and encoding: {plain:.0f} s")
        say(f"ratio: {found['speed_ratio']:.1f}, of processor time {found['cpu_ratio']:.1f}")
        found["memory_seconds"], found["memory_ratio"] = long, peak(folder, long) / peak(folder, SECONDS)
        say(f"memory for {long:g} s by memory for {SECONDS} s: {found['memory_ratio']:.3f}")
    return found


if __name__ == "__main__":
    drag_a_film(sys.argv[1], points(), sys.argv[2], SETTINGS)
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage counts the parent's memory too
    print(next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")))
