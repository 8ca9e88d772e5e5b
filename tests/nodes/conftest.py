"""One ComfyUI for all tests of the nodes."""

from __future__ import annotations

import pytest

from host import source

from .executor import Comfy


@pytest.fixture(scope="session")
def comfy(tmp_path_factory) -> Comfy:
    try:
        comfyui = source.get()
    except source.NoComfyUI as fault:
        pytest.skip(str(fault))
    return Comfy(comfyui, tmp_path_factory.mktemp("comfyui"))
