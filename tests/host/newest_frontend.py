"""ComfyUI's newest page: its package, fetched from the package index."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from host.source import CACHE

PACKAGE = "comfyui-frontend-package"
INSIDE = "comfyui_frontend_package/static"


class NoFrontend(RuntimeError):
    """The newest package could not be had."""


def newest_frontend() -> Path:
    """The folder of the newest page, unpacked once per version; raises `NoFrontend` where the index does not answer."""
    folder = CACHE / "frontend"
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--no-input"]
    command += ["--only-binary", ":all:", "--timeout", "10", "--retries", "1", "-d", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        raise NoFrontend("the package index took more than 120 s") from None
    wheels = [wheel for wheel in folder.glob("*.whl") if wheel not in before or wheel.name in done.stdout]
    if done.returncode or len(wheels) != 1:
        raise NoFrontend((done.stderr.strip().splitlines() or ["pip brought no wheel"])[-1])
    unpacked = folder / wheels[0].stem
    if not (unpacked / INSIDE / "index.html").is_file():
        shutil.rmtree(unpacked, ignore_errors=True)
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(unpacked)
    return unpacked / INSIDE
