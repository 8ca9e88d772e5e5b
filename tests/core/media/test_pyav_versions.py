"""The same film on every PyAV that ComfyUI allows (14.2.0 to the newest), each installed beside the others in .cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from core import video_corpus as corpus

from . import pyav_versions
from .test_film_writer import noise

ROOT = Path(__file__).parents[3]
VERSIONS = ("14.2.0",)  # the oldest
TAGS = {  # matrix, range, primaries, transfer in the numbers of H.273
    "601": (6, 1, 6, 6), "709": (1, 1, 1, 1), "709_full": (1, 2, 1, 1), "601_full": (5, 2, 5, 6), "2020": (9, 1, 9, 1),
    "pq": (9, 1, 9, 16), "hlg": (9, 1, 9, 18),
}  # fmt: skip


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    paths = []
    for pixels in ("yuv420p", "yuv420p10le"):
        for name, tags in TAGS.items():
            path = folder / f"{name}_{pixels}.mkv"
            paths.append(corpus.write(path, noise(2), codec="ffv1", pixels=pixels, tags=tags))
    return [
        *paths,
        corpus.write(folder / "sound.mp4", noise(6), sound=0.1 * noise(1)[:, :, 0, 0].astype("float32") / 255, sound_codec="aac"),
        corpus.write(folder / "turned.mp4", noise(3), rotation=90, stamps_ms=[0, 10, 200]),
        corpus.write(folder / "palette.gif", noise(3), codec="gif", pixels="gray"),
    ]


@pytest.fixture(scope="module")
def installed(films, tmp_path_factory) -> dict:
    """What the PyAV of this process makes of them."""
    return pyav_versions.outcome(films, tmp_path_factory.mktemp("installed"))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_the_same_frames_times_and_colours(films, installed, tmp_path, version):
    if not (ROOT / ".cache" / f"pyav-{version}").is_dir():
        pytest.skip(f"no PyAV {version} here: pip install --no-deps --target .cache/pyav-{version} av=={version}")
    paths = [str(place) for place in (ROOT / ".cache" / f"pyav-{version}", ROOT / "tests", ROOT)]
    run = [sys.executable, "-m", "core.media.pyav_versions", str(tmp_path), *map(str, films)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    other = json.loads(done.stdout)
    assert other["version"] == version and installed["version"] == av.__version__
    assert len(other["read"]) == len(films)
    for name in installed["read"]:
        assert other["read"][name] == installed["read"][name], name
        assert other["written"][name] == installed["written"][name], name


def test_a_lossless_copy_is_seen_as_its_source(installed):
    """FFV1 holds every format here; .mkv turns the tick of others into milliseconds."""
    for name in installed["read"]:
        if name.startswith(tuple(TAGS)) and not name.startswith(("pq", "hlg")):
            assert installed["written"][name] == installed["read"][name], name
