"""ComfyUI's own executor in this process, with this pack loaded as ComfyUI loads it and a server that only listens.

Everything runs as in ComfyUI: validation, `torch.inference_mode()`, caching, progress, previews, cancelling.
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORE_NODES = ("nodes_preview_any.py", "nodes_primitive.py", "nodes_video.py", "nodes_mask.py", "nodes_string.py")  # of comfy_extras


@dataclass
class Listener:
    """In the place of ComfyUI's server: keeps what it is sent."""

    client_id: str = "test"
    last_node_id: str | None = None
    last_prompt_id: str = ""
    on_message: Callable[[str, Any], None] = lambda kind, data: None
    messages: list[tuple[Any, Any]] = field(default_factory=list)
    node_texts: list[tuple[str, str]] = field(default_factory=list)  # (node id, text) written on nodes

    @property
    def sockets_metadata(self) -> dict:
        return {self.client_id: {"feature_flags": {"supports_preview_metadata": True}}}

    def send_sync(self, kind, data, client_id=None) -> None:
        self.messages.append((kind, data))
        self.on_message(kind, data)

    def send_progress_text(self, text, node_id, sid=None) -> None:
        self.node_texts.append((node_id, text))
        self.messages.append(("text", text))


@dataclass
class Outcome:
    """How one execution of a graph ended."""

    status: str  # "success", "error" or "interrupted"
    values: dict[str, list]  # per node id: what its outputs are
    ui: dict[str, dict]  # per node id: what the page shows
    error: dict  # node_id, exception_message, ...
    executed: set[str]  # nodes that ran, rather than being taken from the cache
    listener: Listener

    def of(self, kind: str) -> list[Any]:
        return [data for name, data in self.listener.messages if name == kind]

    @property
    def previews(self) -> list[tuple[str, Any]]:
        """(node id, PIL picture) in the order they came."""
        return [(data[1]["node_id"], data[0][1]) for name, data in self.listener.messages if isinstance(data, tuple)]


_running: list[Comfy] = []


def the_comfy(comfyui: Path, base: Path) -> Comfy:
    """The one ComfyUI of this process: its modules cannot be loaded twice."""
    if not _running:
        _running.append(Comfy(comfyui, base))
    return _running[0]


class Comfy:
    """ComfyUI with the pack inside, its files in `base`."""

    def __init__(self, comfyui: Path, base: Path):
        sys.path.insert(0, str(comfyui))
        from comfy.cli_args import args

        args.cpu = True
        import utils.extra_config  # noqa: F401  as in main.py: `nodes` puts another `utils` in front of it

        # isort: split
        import execution
        import folder_paths
        import server

        import nodes

        self.execution, self.folder_paths, self.nodes, self.server = execution, folder_paths, nodes, server
        self.management = importlib.import_module("comfy.model_management")
        for name in ("input", "output", "temp"):
            (base / name).mkdir()
            getattr(folder_paths, f"set_{name}_directory")(str(base / name))
        folder_paths.models_dir = str(base / "models")
        self.base = base
        for file in CORE_NODES:
            self._load(comfyui / "comfy_extras" / file, "comfy_extras")
        self._load(ROOT, "custom_nodes")
        self.pack = sys.modules[str(ROOT).replace(".", "_x_")]
        self.executor = execution.PromptExecutor(Listener(), cache_args={"lru": 0, "ram": 0})

    def _load(self, path: Path, parent: str) -> None:
        loaded = asyncio.run(self.nodes.load_custom_node(str(path), module_parent=parent))
        assert loaded, f"ComfyUI could not load {path.name}"

    def module(self, name: str):
        """A module of the pack as ComfyUI loaded it, e.g. "nodes.comfy.run"."""
        return importlib.import_module(f"{self.pack.__name__}.{name}")

    @property
    def node_classes(self) -> dict[str, type]:
        return {name: node for name, node in self.nodes.NODE_CLASS_MAPPINGS.items() if name.startswith("DragAVideo_")}

    def validate(self, graph: dict) -> dict[str, list[str]]:
        """What ComfyUI finds wrong before it runs a graph: texts per node id."""
        _, _, _, errors = asyncio.run(self.execution.validate_prompt("check", graph, None))
        return {node: [error["details"] for error in found["errors"]] for node, found in errors.items()}

    def run(self, graph: dict, on_message: Callable[[str, Any], None] = lambda kind, data: None) -> Outcome:
        """Validate a graph (API format) and run it; nodes that did not change since the last run are not run again."""
        graph, prompt_id = copy.deepcopy(graph), uuid.uuid4().hex  # ComfyUI writes into it
        valid, error, outputs, node_errors = asyncio.run(self.execution.validate_prompt(prompt_id, graph, None))
        assert valid and not node_errors, (error, node_errors)
        listener = Listener(last_prompt_id=prompt_id, on_message=on_message)
        self.executor.server = listener
        self.server.PromptServer.instance = listener
        self._report_progress_to(listener)
        self.executor.execute(graph, prompt_id, {"client_id": listener.client_id}, outputs)
        ended = dict(self.executor.status_messages)
        status = "interrupted" if "execution_interrupted" in ended else "error" if "execution_error" in ended else "success"
        cached = {node: self.executor.caches.outputs.get(node) for node in graph}
        values = {node: [output[0] for output in entry.outputs] for node, entry in cached.items() if entry is not None}
        ran = {data["node"] for kind, data in listener.messages if kind == "executing" and data["node"]}
        shown = {data["node"]: data["output"] for kind, data in listener.messages if kind == "executed" and data["output"]}
        return Outcome(status, values, shown, ended.get("execution_error", {}), ran, listener)

    def _report_progress_to(self, listener: Listener) -> None:
        """What ComfyUI's main.py does when it starts."""
        utils = importlib.import_module("comfy.utils")
        context = importlib.import_module("comfy_execution.utils").get_executing_context
        state = importlib.import_module("comfy_execution.progress").get_progress_state

        def hook(value, total, preview, prompt_id=None, node_id=None):
            self.management.throw_exception_if_processing_interrupted()
            node_id = node_id or context().node_id
            state().update_progress(node_id, value, total, preview)
            listener.send_sync("progress", {"value": value, "max": total, "node": node_id}, listener.client_id)

        utils.set_progress_bar_global_hook(hook)

    def cancel(self) -> None:
        self.management.interrupt_current_processing()
