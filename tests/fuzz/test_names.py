"""File names from a stranger's workflow: nothing outside ComfyUI's folders is named, let alone written."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given

from ..nodes.executor import Comfy
from . import mutate
from .conftest import randoms

LORAS, SAMS = "loras", "sams"


@pytest.fixture(scope="module")
def folders(comfy: Comfy, tmp_path_factory) -> dict[str, Path]:
    """ComfyUI's folders with files and with links that lead out of them; "outside" is what nobody may touch."""
    outside = tmp_path_factory.mktemp("outside")
    folders = {"outside": outside, **{name: comfy.base / name for name in ("input", "output", "temp")}}
    folders |= {name: comfy.base / "models" / name for name in (LORAS, SAMS)}
    (outside / "sub").mkdir()
    for file in ("clip.mp4", "swan.safetensors", "sub/clip.mp4"):
        (outside / file).write_bytes(b"mine")
    for name, folder in folders.items():
        (folder / "sub").mkdir(parents=True, exist_ok=True)
        for file in ("clip.mp4", "a b", "sub/clip.mp4", "sam.pth"):
            (folder / file).write_bytes(b"known")
        if name != "outside":
            for link, to in {"link_out": outside, "link_in": folder / "sub", "file_out": outside / "clip.mp4"}.items():
                (folder / link).symlink_to(to)
            (folder / "loop").symlink_to(folder / "loop")
            (folder / "swan.safetensors").symlink_to(outside / "swan.safetensors")
            os.mkfifo(folder / "pipe.mp4")
    with pytest.MonkeyPatch.context() as patch:
        for kind in (LORAS, SAMS):
            known = comfy.folder_paths.folder_names_and_paths.get(kind, ([], {".safetensors", ".pth"}))
            patch.setitem(comfy.folder_paths.folder_names_and_paths, kind, ([str(folders[kind])], known[1]))
        yield folders


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def refused(error: Exception) -> None:
    assert 20 < len(str(error)) < 1000
    json.dumps(str(error))


@given(randoms())
def test_videos(comfy: Comfy, folders, rng):
    """A name is that of a file in ComfyUI's folders, or refused."""
    names, error = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types").UserError
    name = mutate.name(rng, tuple(map(str, folders.values()))) if rng.random() < 0.95 else mutate.leaf(rng)
    try:
        path = names.video_path(name)
    except error as refusal:
        return refused(refusal)
    allowed = [folders[kind] for kind in ("input", "output", "temp")]
    assert path.is_file() and any(Path(os.path.realpath(path)).is_relative_to(folder) for folder in allowed)
    return None


@given(randoms())
def test_sam_checkpoints(comfy: Comfy, folders, rng):
    names, error = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types").UserError
    name = mutate.name(rng, tuple(map(str, folders.values()))) if rng.random() < 0.95 else mutate.leaf(rng)
    try:
        path = names.sam_path(name)
    except error as refusal:
        return refused(refusal)
    assert path.is_relative_to(folders[SAMS]) and ".." not in path.parts
    return None


@pytest.mark.filterwarnings("ignore:the LoRA could not be written")
@given(randoms())
def test_loras(comfy: Comfy, folders, rng):
    """What is saved under any name lies in models/loras, and all else is as it was."""
    names, error = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types").UserError
    before = state_of(folders["outside"])
    try:
        store = names.lora_store(mutate.name(rng, tuple(map(str, folders.values()))))
        store.check()
        if store.file is not None:
            store.keep({"weight": torch.zeros(1)}, (0.5,), "print")
            assert Path(os.path.realpath(store.file)).is_relative_to(folders[LORAS])
            if store.file.is_file():
                store.file.unlink()
    except error as refusal:
        refused(refusal)
    assert state_of(folders["outside"]) == before


def test_the_cases_reach_both_ends(comfy: Comfy, folders):
    """Some names are good and some lead out: the tests above see both."""
    names, error = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types").UserError
    good = 0
    for seed in range(500):
        with contextlib.suppress(error):
            good += bool(names.video_path(mutate.name(Random(seed), tuple(map(str, folders.values())))))
    assert 5 < good < 400
    for name in ("link_out/clip.mp4", "file_out", "../outside", str(folders["outside"] / "clip.mp4"), "pipe.mp4", "loop"):
        with pytest.raises(error):
            names.video_path(name)
    for name in ("link_out/swan", "swan", "../../x", str(folders["outside"] / "x")):
        with pytest.raises(error):
            names.lora_store(name).check()
