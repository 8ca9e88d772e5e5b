"""A pytest plugin: the root has an `__init__.py` because ComfyUI wants one, yet it is a plain folder to pytest.

Without this pytest takes the root for a package and imports it, which needs a running ComfyUI.
"""

import os
import pathlib

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see the Makefile; here, because torch reads it when it is imported

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_collect_directory(path: pathlib.Path, parent: pytest.Collector):
    """Collect the root as a folder."""
    if path == ROOT:
        return pytest.Dir.from_parent(parent, path=path)
    return None
