"""Load: films as people have them. Each of these was loaded wrongly, or not at all, without a word."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from core import video_corpus as corpus
from core.video_corpus import ALL, settings, which
from PIL import Image

from dragvideo_core.stages.load import load

ROOT = Path(__file__).parents[3]
VERSIONS = ("14.2.0", "16.1.0")  # of PyAV: the oldest allowed, and one that reads 10 bits and BT.709 wrongly
LOAD = """
import sys
import torch
from dragvideo_core.stages.load import LoadSettings, load
torch.save([load(name, LoadSettings(64, 64, select_every_nth=1)).frames for name in sys.argv[2:]], sys.argv[1])
"""


def coloured() -> np.ndarray:
    """Two frames of blocks of colour."""
    coarse = np.random.default_rng(0).integers(0, 255, (2, 4, 4, 3)).astype(np.uint8)
    return coarse.repeat(16, 1).repeat(16, 2)


def photo(orientation: int) -> bytes:
    """A JPEG of `corpus.quarters` whose EXIF says which way up it is."""
    held, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "A Camera"
    Image.fromarray(corpus.quarters(128, 64)[0]).save(held, "JPEG", quality=95, exif=exif.tobytes())
    return held.getvalue()


def mjpeg(path: Path, pictures: list[bytes]) -> Path:
    """A film of JPEG pictures as they are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuvj420p"
        for index, data in enumerate(pictures):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 10)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def combed(count: int = 6) -> np.ndarray:
    """A bar that moves 8 px from field to field: odd rows show the later moment."""
    frames = np.full((count, 64, 128, 3), 30, np.uint8)
    for i in range(count):
        for field in (0, 1):
            left = 16 * i + 8 * field
            frames[i, field::2, left : left + 24] = 220
    return frames


def combs(rgb: np.ndarray) -> float:
    """How much rows of (H, W, 3) differ from the mean of their neighbours: large where two moments are interleaved."""
    rows = rgb[..., 0].astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


@pytest.mark.parametrize("version", VERSIONS)
def test_another_pyav_loads_the_same_pictures(tmp_path, version):
    other = ROOT / ".cache" / f"pyav-{version}"
    if not other.is_dir():
        pytest.skip(f"no PyAV {version} here: pip install --no-deps --target .cache/pyav-{version} av=={version}")
    films = [
        corpus.write(tmp_path / f"{number}.mkv", coloured(), codec="ffv1", pixels=pixels, tags=tags)
        for number, (pixels, tags) in enumerate(
            [("yuv420p", (1, 1, 1, 1)), ("yuv420p10le", (1, 1, 1, 1)), ("yuv444p", (6, 2, 6, 6))]
        )
    ]
    run = [sys.executable, "-c", LOAD, str(tmp_path / "loaded.pt"), *map(str, films)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(other), str(ROOT)))}
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    for film, frames in zip(films, torch.load(tmp_path / "loaded.pt"), strict=True):
        assert torch.equal(frames, load(film, ALL).frames)
        put_in = torch.from_numpy(coloured()).movedim(-1, 1) / 255
        middles = (..., slice(8, None, 16), slice(8, None, 16))  # of the blocks, where no chroma is shared
        assert (frames[middles] - put_in[middles]).abs().max() < 5 / 255


@pytest.mark.parametrize("suffix", ["jpg", "mov", "avi"])
def test_pictures_with_exif_load_upright(tmp_path, suffix):
    path = tmp_path / f"e.{suffix}"
    if suffix == "jpg":
        path.write_bytes(photo(6))
    else:
        mjpeg(path, [photo(6)] * 3)
    clip = load(path, settings(width=0, height=0))
    assert clip.size == (128, 64)
    top_left, bottom_right = clip.frames[-1, :, 32, 16] * 255, clip.frames[-1, :, 96, 48] * 255
    assert (top_left - torch.tensor(corpus.BLUE)).abs().max() < 30
    assert (bottom_right - torch.tensor(corpus.GREEN)).abs().max() < 30


@pytest.mark.parametrize("transfer, white", [(18, 0.75), (16, 0.5807)])
def test_hdr_white_is_white(tmp_path, transfer, white):
    frames = np.full((2, 64, 64, 3), round(white * 255), np.uint8)
    path = corpus.write(tmp_path / "h.mkv", frames, codec="ffv1", pixels="yuv420p10le", tags=(9, 1, 9, transfer))
    assert float(load(path, ALL).frames.min()) > 0.88


def test_interlaced_frames_come_without_combs_and_it_is_said(tmp_path):
    options = {"x264-params": "tff=1", "qp": "2"}
    path = corpus.write(tmp_path / "i.mp4", combed(), options=options, interlaced=True)
    with pytest.warns(UserWarning, match="interlaced"):
        clip = load(path, settings(width=128))
    assert len(clip) == 6
    assert combs(clip.frames[2].movedim(0, -1).numpy() * 255) < combs(combed()[2]) / 5


def test_an_animated_webp_loads(tmp_path):
    pictures = [Image.fromarray(values) for values in corpus.grey_frames(5)]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=40, lossless=True)
    clip = load(tmp_path / "a.webp", ALL)
    assert which(clip) == list(range(5)) and clip.fps == pytest.approx(25)
