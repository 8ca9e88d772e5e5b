"""What a prompt leaves behind in this process: nothing of torch's, numpy's or Python's settings, and no growing cache."""

from __future__ import annotations

import ast
import locale
import os
import random
import sys
import warnings

import numpy as np
import pytest
import torch

from dragvideo_core.embedded import model as plain_embedded

from . import graphs
from .executor import ROOT, Comfy


def global_state() -> dict:
    """Every switch and every source of random numbers that all packs of a ComfyUI share."""
    backends = torch.backends
    return {
        "default dtype": torch.get_default_dtype(),
        "default device": str(torch.get_default_device()),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "deterministic": (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda"), torch.is_autocast_cache_enabled()),
        "torch's random numbers": torch.get_rng_state().tolist(),
        "numpy's random numbers": [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        "Python's random numbers": random.getstate(),
        "cudnn": (backends.cudnn.enabled, backends.cudnn.benchmark, backends.cudnn.deterministic, backends.cudnn.allow_tf32),
        "matmul": (torch.get_float32_matmul_precision(), backends.cuda.matmul.allow_tf32, backends.mkldnn.enabled),
        "attention": (
            backends.cuda.flash_sdp_enabled(), backends.cuda.mem_efficient_sdp_enabled(), backends.cuda.math_sdp_enabled(),
        ),
        "numpy's errors": np.geterr(),
        "warnings": ([str(entry) for entry in warnings.filters], warnings.showwarning),
        "environment": dict(os.environ),
        "sys.path": list(sys.path),
        "locale": locale.setlocale(locale.LC_ALL),
        "folder": os.getcwd(),
        "recursion": sys.getrecursionlimit(),
    }  # fmt: skip


def changed(before: dict, after: dict) -> list[str]:
    return [name for name in before if before[name] != after[name]]


def warmed_up(comfy: Comfy) -> dict:
    """The whole edit, run once: libraries that are imported late have made their own settings."""
    graph = graphs.whole_edit(comfy, frames=2, iterations=1)
    assert comfy.run(graph).status == "success"
    return graph


@pytest.fixture
def shipped_model(comfy: Comfy, monkeypatch):
    """The model as it is shipped, read beforehand."""
    model = plain_embedded.load()
    monkeypatch.setattr(comfy.module("dragvideo_core.embedded.model"), "load", lambda: model)


@pytest.mark.parametrize("ending", ["success", "interrupted", "error"])
def test_a_run_leaves_the_process_as_it_was(comfy: Comfy, shipped_model, ending: str):
    graph = warmed_up(comfy)
    graph["clip"]["inputs"]["seed"] = 900 + len(ending)  # nothing comes from the cache
    if ending == "error":
        graph["drag"]["inputs"]["steps"] = "3, 50"

    def on_message(kind, data):
        if ending == "interrupted" and kind == "progress" and data["node"] == "drag":
            comfy.cancel()

    before = global_state()
    outcome = comfy.run(graph, on_message)
    after = global_state()
    assert outcome.status == ending and {"propagate", "tune", "invert"} <= outcome.executed
    assert changed(before, after) == []


def test_the_test_sees_a_change(monkeypatch):
    before = global_state()
    torch.rand(1)
    random.random()
    monkeypatch.setenv("DRAG_A_VIDEO_TEST", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert changed(before, global_state()) == [
            "torch's random numbers", "Python's random numbers", "warnings", "environment",
        ]  # fmt: skip


def test_reading_the_shipped_model_draws_no_random_number():
    before = global_state()
    plain_embedded.load()
    assert changed(before, global_state()) == []


# -------------------------------------------------------------------------------------------------------------- caches

# A segmenter keeps embeddings, keyed by the frames' bytes and bounded (tests/core/stages/test_segment.py): it belongs to an object,
# which ComfyUI's own cache holds; so does a film its header and first frame (`cached_property`). Modules keep nothing but tables of
# mathematics, which no prompt changes.
TABLES = {"dragvideo_core/media/hdr.py:_gains", "dragvideo_core/media/hdr.py:_light_of_signal"}
GROWS = {"append", "add", "update", "setdefault", "insert", "extend", "pop", "popitem", "clear", "remove", "discard"}
MUTABLE = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MAKERS = {"dict", "list", "set", "OrderedDict", "defaultdict", "deque", "Counter", "WeakKeyDictionary", "WeakValueDictionary"}
CACHES = {"cache", "lru_cache", "singledispatch"}


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def kept_state(source: str, path: str) -> list[str]:
    """What of a module's state its functions change: `global` names, containers of the module or of a class, caches."""
    tree = ast.parse(source)
    shared = set()
    for owner in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
        for node in owner.body:
            value = getattr(node, "value", None)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and (
                isinstance(value, MUTABLE) or (isinstance(value, ast.Call) and name_of(value.func) in MAKERS)
            ):
                shared |= {name_of(target) for target in getattr(node, "targets", None) or [node.target]}
    places = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            places += [f"{path}:{name}" for name in node.names]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            decorators = [name_of(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
            places += [f"{path}:{node.name}" for name in decorators if name in CACHES]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in GROWS:
            places += [f"{path}:{name}" for name in [name_of(node.func.value)] if name in shared]
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)) and name_of(node.value) in shared:
            places.append(f"{path}:{name_of(node.value)}")
    return sorted(set(places))


def test_no_module_keeps_anything_between_prompts():
    files = [*(ROOT / "nodes").rglob("*.py"), *(ROOT / "dragvideo_core").rglob("*.py"), ROOT / "__init__.py"]
    places = [line for path in files for line in kept_state(path.read_text("utf-8"), path.relative_to(ROOT).as_posix())]
    assert set(places) == TABLES


@pytest.mark.parametrize(
    "source",
    [
        "CACHE = {}\ndef f(x):\n    CACHE[x] = 1",
        "seen: list = []\ndef f(x):\n    seen.append(x)",
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(x):\n    return x",
        "last = None\ndef f(x):\n    global last\n    last = x",
        "class A:\n    made = set()\n    def f(self):\n        self.made.add(1)",
        "from collections import OrderedDict\nkept = OrderedDict()\ndef f(x):\n    del kept[x]",
    ],
)
def test_kept_state_is_seen(source):
    assert len(kept_state(source, "x.py")) == 1
