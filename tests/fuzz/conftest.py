"""How much is tried, and a watch over what is opened meanwhile.

`FUZZ=explore pytest -m fuzz` tries other cases each time, and ten times as many; `FUZZ=few` a twentieth of them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ..nodes.conftest import comfy  # noqa: F401  the same ComfyUI

CASES = 2000  # of each kind
SLOWEST = 5.0  # seconds that one case may compute, however long it waits for the machine; a usual one takes a millisecond

_common = {"deadline": None, "database": None, "print_blob": False, "suppress_health_check": list(HealthCheck)}
settings.register_profile("same", max_examples=CASES, derandomize=True, **_common)
settings.register_profile("explore", max_examples=10 * CASES, **_common)
settings.register_profile("few", max_examples=CASES // 20, derandomize=True, **_common)
settings.load_profile(os.environ.get("FUZZ", "same"))


def randoms() -> st.SearchStrategy[Random]:
    """Sources for `mutate`."""
    return st.integers(0, 2**64 - 1).map(Random)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).resolve().parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.fuzz)
            item.add_marker(pytest.mark.timeout(300))


WATCHED = {"open", "os.listdir", "os.mkdir", "os.remove", "os.rename", "subprocess.Popen", "os.system"}
_watching: list[set[str]] = []


def _on_audit(event: str, arguments: tuple) -> None:
    if not _watching or event not in WATCHED:
        return
    what = os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else str(arguments[0])
    if not what.endswith((".py", ".pyc", ".so")) and sys.base_prefix not in what and sys.prefix not in what:  # imports
        _watching[-1].add(f"{event} {what}")


sys.addaudithook(_on_audit)


@contextmanager
def watched() -> Iterator[set[str]]:
    """What Python code opens, lists, makes, removes or starts inside: "open /a/path", ... Fails if it computes for long."""
    _watching.append(set())
    began = time.thread_time()
    try:
        yield _watching[-1]
    finally:
        _watching.pop()
    seconds = time.thread_time() - began
    assert seconds < SLOWEST, f"computed for {seconds:.1f} s"
