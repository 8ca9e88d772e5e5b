"""A real ComfyUI with this pack inside, and a client for it: behind `make demo`, `make comfyui` and the tests.

    with ComfyUI() as comfy:
        run = comfy.run(graph)            # graph in API format
        picture = comfy.view(run.outputs["9"]["images"][0])

The server runs in a folder of its own (models, input, output, user settings) with the pack linked into `custom_nodes`;
ComfyUI's own folder is only read. Environment: COMFYUI_PATH (another ComfyUI), COMFYUI_FRONTEND_ROOT (another page).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import websocket

from host import source

ROOT = source.ROOT
PACK_FOLDER = "drag-a-video"  # the pack's name inside custom_nodes
START_SECONDS = 300
STOP_SECONDS = 15
PREVIEW, TEXT, PREVIEW_WITH_METADATA = 1, 3, 4  # ComfyUI's binary message types (protocol.py)
PAGE_SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.AutoScaleLayout": False}

Graph = dict[str, dict[str, Any]]


class HostError(RuntimeError):
    """The server did not start, did not answer, or died."""


class Refused(HostError):
    """The server found a graph invalid; `node_errors` is keyed by node id."""

    def __init__(self, answer: dict[str, Any]):
        self.node_errors = answer.get("node_errors") or {}
        self.error = answer.get("error") or {}
        super().__init__(f"the server refused the graph: {json.dumps(answer)[:2000]}")


@dataclass(frozen=True)
class Event:
    """One websocket message."""

    kind: str  # ComfyUI's message type, or "preview", or "text" for a text written on a node
    data: dict[str, Any]  # the message; of a preview: its metadata; of a text: "node" and "text"
    seconds: float  # since the run was queued
    picture: bytes = b""  # of a preview: the encoded image
    with_metadata: bool = False  # of a preview: which of the two binary kinds it was


@dataclass
class Run:
    """One execution of a graph, as the websocket told it."""

    prompt_id: str
    status: str = "running"  # "success", "error" or "interrupted" at the end
    events: list[Event] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)  # what the page shows, keyed by node id
    error: dict[str, Any] = field(default_factory=dict)  # node_id, node_type, exception_message, traceback

    def of(self, kind: str, node: str | None = None) -> list[Event]:
        """The events of one kind, of one node if it is named."""
        return [
            event
            for event in self.events
            if event.kind == kind and (node is None or node in (event.data.get("node"), event.data.get("node_id")))
        ]


ENDINGS = {"execution_success": "success", "execution_error": "error", "execution_interrupted": "interrupted"}


class ComfyUI:
    """A server process on a free loopback port. Start it with `start` or as a context manager."""

    def __init__(
        self, base: Path | None = None, pack: Path = ROOT, port: int = 0, show_log: bool = False, page: Path | None = None
    ):
        """`base`: folder for its files, kept afterwards; None: a temporary one. `pack`: linked into custom_nodes.

        `port`: 0 for a free one. `show_log`: the server prints to this terminal, not to `log_file`. `page`: folder of the page
        that it serves in the place of its own.
        """
        self.own_base = base is None
        self.base = Path(tempfile.mkdtemp(prefix="dragvideo_comfyui_")) if base is None else Path(base).resolve()
        self.pack = Path(pack).resolve()
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.show_log = show_log
        self.page = page or os.environ.get("COMFYUI_FRONTEND_ROOT")
        self.log_file = self.base / "server.log"
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> ComfyUI:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    # The process

    def start(self) -> None:
        """Start the server and wait until it answers; raises `HostError` with the log's end where it does not."""
        comfyui = source.get()
        self._prepare_base()
        command = [sys.executable, "main.py", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--base-directory", str(self.base), "--disable-auto-launch", "--disable-api-nodes"]
        command += ["--database-url", "sqlite:///:memory:"]
        if not _has_accelerator():
            command.append("--cpu")
        if self.page:
            command += ["--front-end-root", str(Path(self.page).resolve())]
        environment = dict(os.environ)
        environment.setdefault("OMP_WAIT_POLICY", "passive")  # see the Makefile
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # it would double the time of every start
        with self.log_file.open("wb") as log:
            out = None if self.show_log else log
            self.process = subprocess.Popen(
                command,
                cwd=comfyui,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # so that Ctrl-C reaches us alone, and we end it in order
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None:
                raise HostError(f"ComfyUI ended with status {self.process.returncode} while starting.\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise HostError(f"ComfyUI did not answer within {START_SECONDS} s.\n{self.log_tail()}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End the server and remove a temporary base folder; does nothing where there is none."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        if self.own_base:
            shutil.rmtree(self.base, ignore_errors=True)

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the server printed."""
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return "\n".join(["--- the server's log ends with:", *text.splitlines()[-lines:]])

    def _prepare_base(self) -> None:
        for name in ("custom_nodes", "input", "output", "temp", "models", "user/default"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        link = self.base / "custom_nodes" / PACK_FOLDER
        if link.is_symlink():
            link.unlink()
        link.symlink_to(self.pack, target_is_directory=True)
        settings = self.base / "user" / "default" / "comfy.settings.json"
        if not settings.exists():
            settings.write_text(json.dumps(PAGE_SETTINGS))

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + "/system_stats", timeout=2).ok
        except requests.RequestException:
            return False

    # HTTP

    def get(self, path: str, **query: Any) -> requests.Response:
        """GET a path of the server; raises on an error status."""
        answer = requests.get(self.url + path, params=query, timeout=60)
        answer.raise_for_status()
        return answer

    def post(self, path: str, body: Any = None) -> requests.Response:
        """POST JSON to a path of the server; raises on an error status."""
        answer = requests.post(self.url + path, json=body, timeout=60)
        answer.raise_for_status()
        return answer

    def object_info(self) -> dict[str, Any]:
        """Every node the server has, keyed by node id."""
        return self.get("/object_info").json()

    def set_setting(self, name: str, value: Any) -> None:
        """Set one of the page's settings, e.g. `Comfy.VueNodes.Enabled`."""
        self.post(f"/settings/{name}", value)

    def upload(self, path: Path, subfolder: str = "") -> str:
        """Put a file into the input folder; returns the name that loader nodes know it by."""
        with Path(path).open("rb") as file:
            form = {"type": "input", "subfolder": subfolder, "overwrite": "true"}
            answer = requests.post(self.url + "/upload/image", files={"image": (Path(path).name, file)}, data=form, timeout=60)
        answer.raise_for_status()
        saved = answer.json()
        return f"{saved['subfolder']}/{saved['name']}" if saved["subfolder"] else saved["name"]

    def view(self, saved: dict[str, str]) -> bytes:
        """The content of a file that a node saved or previewed, given as the node's output names it."""
        return self.get("/view", **{key: saved[key] for key in ("filename", "subfolder", "type")}).content

    def interrupt(self) -> None:
        """Cancel what is running."""
        self.post("/interrupt", {})

    def history(self, prompt_id: str) -> dict[str, Any]:
        """What the server remembers of a finished run; {} while it runs."""
        return self.get(f"/history/{prompt_id}").json().get(prompt_id, {})

    def queue(self, graph: Graph, client_id: str | None = None) -> str:
        """Queue a graph; returns its prompt id, raises `Refused` where the server finds it invalid."""
        body = {"prompt": graph, "client_id": client_id or uuid.uuid4().hex}
        answer = requests.post(self.url + "/prompt", json=body, timeout=60)
        if answer.status_code == 400:
            raise Refused(answer.json())
        answer.raise_for_status()
        return answer.json()["prompt_id"]

    # Websocket

    def run(
        self,
        graph: Graph,
        on_event: Callable[[Event], None] = lambda event: None,
        timeout: float = 600,
        metadata_previews: bool = True,
    ) -> Run:
        """Queue a graph and follow it to its end: success, error or interruption.

        `metadata_previews`: ask for previews as today's page does, else as older clients do. Raises `Refused`, and
        `HostError` where the server dies or the run takes longer than `timeout` seconds.
        """
        client_id = uuid.uuid4().hex
        socket_ = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws?clientId={client_id}", timeout=10)
        try:
            flags = {"supports_preview_metadata": metadata_previews}
            socket_.send(json.dumps({"type": "feature_flags", "data": flags}))
            run = Run(self.queue(graph, client_id))
            for event in self._events(socket_, timeout):
                if event.data.get("prompt_id", run.prompt_id) != run.prompt_id:
                    continue
                run.events.append(event)
                if event.kind == "executed":
                    run.outputs[event.data["node"]] = event.data.get("output") or {}
                if event.kind in ENDINGS:
                    run.status = ENDINGS[event.kind]
                    run.error = event.data if run.status == "error" else {}
                on_event(event)
                if event.kind in ENDINGS:
                    return run
        finally:
            socket_.close()
        raise HostError(f"the websocket closed before the run ended.\n{self.log_tail()}")

    def _events(self, socket_: websocket.WebSocket, timeout: float) -> Iterator[Event]:
        started = time.monotonic()
        socket_.settimeout(1)
        while True:
            if time.monotonic() - started > timeout:
                self.interrupt()
                raise HostError(f"the graph did not end within {timeout:.0f} s.\n{self.log_tail()}")
            try:
                message = socket_.recv()
            except websocket.WebSocketTimeoutException:
                continue
            except (websocket.WebSocketException, OSError):
                return
            if not message:
                return
            seconds = time.monotonic() - started
            if isinstance(message, str):
                event = json.loads(message)
                yield Event(event["type"], event.get("data") or {}, seconds)
            else:
                yield _binary_event(message, seconds)


def _binary_event(message: bytes, seconds: float) -> Event:
    """A binary message: `>I` type, `>I` image kind or length of the head, head (JSON or node id), image or text."""
    kind, second = struct.unpack(">II", message[:8])
    head, tail = message[8 : 8 + second], message[8 + second :]
    if kind == PREVIEW:
        return Event("preview", {}, seconds, picture=message[8:])
    if kind == PREVIEW_WITH_METADATA:
        return Event("preview", json.loads(head), seconds, picture=tail, with_metadata=True)
    if kind == TEXT:
        return Event("text", {"node": head.decode(), "text": tail.decode()}, seconds)
    return Event(f"binary {kind}", {}, seconds)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _has_accelerator() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
