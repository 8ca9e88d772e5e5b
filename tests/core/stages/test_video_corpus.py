"""Hundreds of damaged videos: each loads, or says in one sentence why not, within seconds and without taking memory."""

import contextlib
import shutil
import struct
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from core import video_corpus as corpus
from core.video_corpus import settings

from dragvideo_core.media.container import VideoWarning
from dragvideo_core.media.video_file import read_audio
from dragvideo_core.stages.load import load
from dragvideo_core.types import UserError

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(300)]

CAP = 20  # frames that are asked for
SECONDS = 10  # of this process, which a busy machine does not make more, for one file
MEMORY = 400e6  # bytes that any of them may take at its peak
TONE = np.full((1, 2000), 0.5, np.float32)
NOISE = np.random.default_rng(0).integers(0, 90, (10, 64, 64, 3), np.uint8)
ALPHA = np.full((4, 64, 64, 4), 200, np.uint8)

SOURCES = {  # file name -> what `corpus.write` makes it of
    "plain.mp4": {"frames": NOISE},
    "index_first.mp4": {"frames": NOISE, "container_options": {"movflags": "faststart"}},
    "fragments.mp4": {"frames": NOISE, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "b_frames.mp4": {"frames": NOISE, "options": {"bf": "3", "b-adapt": "0"}},
    "with_sound.mkv": {"frames": NOISE, "sound": TONE},
    "variable.mkv": {"frames": corpus.grey_frames(6), "stamps_ms": [0, 10, 20, 500, 510, 2000]},
    "turned.mp4": {"frames": NOISE[:4], "rotation": 90},
    "ten_bit.mkv": {"frames": NOISE[:4], "codec": "ffv1", "pixels": "yuv420p10le"},
    "odd.mkv": {"frames": NOISE[:4, :63, :37], "codec": "ffv1", "pixels": "yuv444p"},
    "alpha.mov": {"frames": ALPHA, "codec": "qtrle", "pixels": "argb"},
    "old.avi": {"frames": NOISE[:6], "codec": "mpeg4"},
    "stream.ts": {"frames": NOISE[:6], "codec": "mpeg2video"},
    "moving.gif": {"frames": NOISE[:4], "codec": "gif", "pixels": "gray"},
    "still.png": {"frames": NOISE[:1], "codec": "png", "pixels": "rgb24"},
    "photo.jpg": {"frames": NOISE[:1], "codec": "mjpeg", "pixels": "yuvj420p", "format": "image2"},
}


def changed(data: bytes, kind: str, rng: Random) -> bytes:
    """The file's bytes after an accident."""
    at = rng.randrange(len(data))
    if kind.startswith("cut"):
        return data[: int(len(data) * float(kind[4:]))]
    held = bytearray(data)
    if kind.startswith("flip"):
        for _ in range(int(kind[5:])):
            held[rng.randrange(len(held))] ^= 1 << rng.randrange(8)
    elif kind.startswith("head"):  # where sizes, counts and names are
        for _ in range(4):
            held[rng.randrange(min(len(held), 400))] = rng.choice((0, 1, 127, 128, 255))
    elif kind == "zeros":
        held[at : at + 300] = bytes(min(300, len(held) - at))
    elif kind == "hole":
        del held[at : at + 50]
    elif kind == "large numbers":
        for _ in range(6):
            place = rng.randrange(max(1, len(held) - 8))
            held[place : place + 4] = struct.pack(rng.choice("<>") + "I", rng.choice((10**9, 2**31 - 1, 2**32 - 1, 100_000)))
    elif kind == "shuffled":
        third = max(1, len(held) // 3)
        held = held[:third] + held[2 * third :] + held[third : 2 * third]
    elif kind == "twice":
        held *= 2
    elif kind == "junk before":
        held[:0] = rng.randbytes(99)
    return bytes(held)


ACCIDENTS = [
    "whole", "cut 0.02", "cut 0.3", "cut 0.6", "cut 0.9", "cut 0.99", "flip 1", "flip 8", "flip 60", "head", "head 2",
    "zeros", "hole", "large numbers", "shuffled", "twice", "junk before",
]  # fmt: skip
ENDINGS = (".mp4", ".png", ".txt", ".mkv", ".m3u8", ".ffconcat", "")


def special(folder: Path) -> list[Path]:
    """Files that claim what they do not hold."""

    def patched(name: str, box: bytes, offset: int, value: int) -> Path:
        return corpus.patch_mp4(corpus.write(folder / name, corpus.grey_frames(6)), box, offset, value)

    (folder / "empty.mp4").write_bytes(b"")
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    (folder / "list.txt").write_text("ffconcat version 1.0\nfile 'plain.mp4'\n")
    gif = bytearray(corpus.write(folder / "large.gif", corpus.grey_frames(2), codec="gif", pixels="gray").read_bytes())
    struct.pack_into("<HH", gif, 6, 65535, 65535)
    (folder / "large.gif").write_bytes(gif)
    return [
        folder / "empty.mp4", folder / "list.m3u8", folder / "list.txt", folder / "large.gif",
        corpus.sound_only(folder / "sound.wav"),
        corpus.png_that_claims(folder / "100000.png", 100_000, 100_000),
        corpus.png_that_claims(folder / "8000.png", 8000, 8000),
        corpus.png_that_claims(folder / "line.png", 2**26, 1),
        patched("billion_frames.mp4", b"stts", 8, 10**9), patched("billion_samples.mp4", b"stsz", 8, 10**9),
        patched("billion_chunks.mp4", b"stco", 4, 10**9), patched("no_frames.mp4", b"stsz", 8, 0),
        patched("65535_wide.mp4", b"avc1", 24, 65535 << 16 | 64), patched("no_time.mp4", b"mdhd", 12, 0),
        patched("no_length.mp4", b"mvhd", 16, 0), patched("large_sample.mp4", b"stsz", 4, 2**31 - 1),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """All of them."""
    folder = tmp_path_factory.mktemp("corpus")
    found = special(folder)
    for name, makes in SOURCES.items():
        whole = corpus.write(folder / name, **makes)
        for number, kind in enumerate(ACCIDENTS):
            rng = Random(f"{name} {kind}")
            ending = rng.choice(ENDINGS) if number % 5 == 4 else whole.suffix
            path = folder / f"{whole.stem} {kind}{ending}"
            path.write_bytes(changed(whole.read_bytes(), kind, rng))
            found.append(path)
    return found


def fate(path: Path, limits: dict) -> str:
    """What becomes of a file: "loaded" or "refused"; fails where neither is done properly."""
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", VideoWarning)
            clip = load(path, settings(**limits))
            assert 1 <= len(clip) <= CAP and clip.size == (64, 64) and 0 < clip.fps < 1e6
            read_audio(path, clip)
        return "loaded"
    except UserError as error:
        assert path.name in str(error) and 30 < len(str(error)) < 1000, error
        return "refused"
    finally:
        assert time.process_time() - began < SECONDS, path.name


def peak_bytes() -> int | None:
    """This process's largest memory since `forget_peak`; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        return None


def forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def test_every_file_loads_or_says_why(files):
    assert len(files) >= 200
    fate(files[-1], {"frame_load_cap": CAP})  # codecs are loaded
    forget_peak()
    before, fates = peak_bytes(), Counter()
    for path in files:
        fates[fate(path, {"frame_load_cap": CAP})] += 1
    after = peak_bytes()
    assert min(fates["loaded"], fates["refused"]) > 40, fates  # the corpus has both kinds
    assert before is None or after - before < MEMORY


def test_whole_files_load(files):
    for path in files:
        if path.stem.endswith(" whole"):
            assert fate(path, {"frame_load_cap": CAP}) == "loaded", path.name


@pytest.mark.parametrize("limits", [{"frame_load_cap": CAP, "force_rate": 7.0, "skip_first_frames": 1}])
def test_other_settings_meet_the_same_files(files, limits):
    for path in files[::4]:
        fate(path, limits)


def test_nothing_beside_a_playlist_is_read(files, tmp_path):
    """A list of other files is refused, also where it lies beside them and bears a video's name."""
    for name in ("list.m3u8", "list.txt"):
        source = next(path for path in files if path.name == name)
        shutil.copy(source, tmp_path / "film.mp4")
        assert fate(tmp_path / "film.mp4", {"frame_load_cap": CAP}) == "refused"
