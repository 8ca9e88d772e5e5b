"""ComfyUI with small checkpoints of random weights in its folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from host import source

from ..nodes.executor import Comfy, the_comfy
from . import checkpoints

CHECKPOINT = "random_sd15.safetensors"
INPAINTING = "random_inpainting.safetensors"


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder `models` with checkpoints."""
    folder = tmp_path_factory.mktemp("sd15") / "models"
    for name in ("checkpoints", "loras"):
        (folder / name).mkdir(parents=True)
    checkpoints.write_checkpoint(folder / "checkpoints" / CHECKPOINT, checkpoints.SMALL)
    checkpoints.write_checkpoint(folder / "checkpoints" / INPAINTING, checkpoints.INPAINTING, whole=False)
    return folder


@pytest.fixture(scope="session")
def comfy(models: Path, tmp_path_factory) -> Comfy:
    try:
        comfyui = source.get()
    except source.NoComfyUI as fault:
        pytest.skip(str(fault))
    started = the_comfy(comfyui, tmp_path_factory.mktemp("comfyui"))
    for name in ("checkpoints", "loras"):
        started.folder_paths.add_model_folder_path(name, str(models / name), is_default=True)
    return started
