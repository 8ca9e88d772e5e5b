"""ComfyUI with small checkpoints of random weights in its folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..nodes.conftest import comfy  # noqa: F401  the same ComfyUI
from ..nodes.executor import Comfy
from . import checkpoints

CHECKPOINT = "random_sd15.safetensors"
INPAINTING = "random_inpainting.safetensors"


@pytest.fixture(scope="session")
def models(comfy: Comfy, tmp_path_factory) -> Path:  # noqa: F811  the fixture above, by its name
    """ComfyUI's folder `models`, with checkpoints."""
    folder = tmp_path_factory.mktemp("sd15") / "models"
    for name in ("checkpoints", "loras"):
        (folder / name).mkdir(parents=True)
        comfy.folder_paths.add_model_folder_path(name, str(folder / name), is_default=True)
    checkpoints.write_checkpoint(folder / "checkpoints" / CHECKPOINT, checkpoints.SMALL)
    checkpoints.write_checkpoint(folder / "checkpoints" / INPAINTING, checkpoints.INPAINTING, whole=False)
    return folder
