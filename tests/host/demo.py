"""`make demo`: the bundled demo workflow, queued in a real ComfyUI, its results fetched into `output/demo/`."""

from __future__ import annotations

import copy
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from host.comfyui import ROOT, ComfyUI, Event, Graph, HostError, Run
from host.ui_to_api import ui_to_api

WORKFLOW = ROOT / "workflows" / "All stages.json"
OUTPUT = ROOT / "output" / "demo"
SECONDS = 1800  # longer than any machine that is still useful takes
FILES = {"edited": "edited.mp4", "before_after": "before_after.png"}  # what a saved file's name begins with -> our name
SCORES = "scores.json"
TIMES = "seconds.json"


def demo_graph(comfy: ComfyUI) -> Graph:
    """The API form of the demo workflow, for this server."""
    return ui_to_api(json.loads(WORKFLOW.read_text(encoding="utf-8")), comfy.object_info())


def without_displacement(graph: Graph) -> Graph:
    """A copy of the demo's graph in which Drag and Decode Edit work as the paper says: Drag iterates from the start."""
    graph = copy.deepcopy(graph)
    for node in graph.values():
        if node["class_type"] in ("DragAVideo_Drag", "DragAVideo_Decode"):
            node["inputs"].pop("displacement", None)
    return graph


def collect(comfy: ComfyUI, run: Run, graph: Graph, folder: Path) -> dict[str, Path]:
    """Fetch the demo's results into `folder`; raises `HostError` where one is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Path] = {}
    for output in run.outputs.values():
        for saved in _saved_files(output):
            name = next((name for start, name in FILES.items() if saved["filename"].startswith(start)), None)
            if name and Path(saved["filename"]).suffix == Path(name).suffix:
                paths[name] = folder / name
                paths[name].write_bytes(comfy.view(saved))
        scores = _scores(output)
        if scores is not None:
            paths[SCORES] = folder / SCORES
            paths[SCORES].write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    paths[TIMES] = folder / TIMES
    paths[TIMES].write_text(json.dumps(seconds_of(run, graph), indent=2) + "\n", encoding="utf-8")
    missing = {*FILES.values(), SCORES} - paths.keys()
    if missing:
        shown = json.dumps(run.outputs)[:1000]
        raise HostError(f"the demo ran, but made no {', '.join(sorted(missing))}: its nodes showed {shown}")
    return paths


def seconds_of(run: Run, graph: Graph) -> dict[str, Any]:
    """How long each node of a run took, by its title, and the whole: kept beside the results, and nowhere bounded."""
    starts = [(event.seconds, event.data.get("node")) for event in run.of("executing")]
    ends = [seconds for seconds, _ in starts[1:]] + [run.events[-1].seconds]
    nodes: dict[str, float] = {}
    for (start, node), end in zip(starts, ends, strict=True):
        if node is not None:
            title = graph.get(node, {}).get("_meta", {}).get("title", node)
            nodes[title] = round(nodes.get(title, 0.0) + end - start, 2)
    return {"whole": round(run.events[-1].seconds, 2), "nodes": nodes}


def _saved_files(output: dict[str, Any]) -> list[dict[str, str]]:
    listed = [item for value in output.values() if isinstance(value, list) for item in value]
    return [item for item in listed if isinstance(item, dict) and "filename" in item]


def _scores(output: dict[str, Any]) -> dict[str, Any] | None:
    """The first text of a node's output that is a JSON object."""
    for text in output.get("text", []):
        try:
            answer = json.loads(text)
        except (TypeError, ValueError):
            continue
        if isinstance(answer, dict):
            return answer
    return None


class ProgressLines:
    """Shows a run in the terminal: one line for each node, redrawn in place where the output is a terminal."""

    WIDTH = 30

    def __init__(self, graph: Graph, out: TextIO = sys.stdout):
        self.graph = graph
        self.out = out
        self.live = out.isatty()
        self.node: str | None = None
        self.node_started = 0.0
        self.last_shown = 0.0

    def __call__(self, event: Event) -> None:
        if event.kind == "executing":
            self._finish(event.seconds)
            self.node, self.node_started, self.last_shown = event.data.get("node"), event.seconds, event.seconds
            if self.node is not None and self.live:
                self._show("")
        elif event.kind == "progress" and event.data.get("node") == self.node:
            done, total = event.data["value"], max(event.data["max"], 1)
            if self.live or event.seconds - self.last_shown > 5:
                self.last_shown = event.seconds
                filled = int(self.WIDTH * done / total)
                self._show(f"[{'#' * filled}{'.' * (self.WIDTH - filled)}] {done:.0f}/{total:.0f}")
        elif event.kind.startswith("execution_") and event.kind != "execution_start":
            self._finish(event.seconds)

    def _show(self, bar: str) -> None:
        line = f"  {self._title():<34} {bar}"
        print(f"\r{line:<79}" if self.live else line.rstrip(), end="" if self.live else "\n", file=self.out, flush=True)

    def _finish(self, seconds: float) -> None:
        if self.node is None:
            return
        line = f"  {self._title():<34} done in {seconds - self.node_started:.1f} s"
        print(f"\r{line:<79}" if self.live else line, file=self.out, flush=True)
        self.node = None

    def _title(self) -> str:
        return self.graph.get(self.node or "", {}).get("_meta", {}).get("title", self.node or "")[:34]


@dataclass(frozen=True)
class Demo:
    """One successful run of the demo workflow."""

    graph: Graph
    run: Run
    files: dict[str, Path]

    def node(self, kind: str) -> str:
        """The id of the one node of a type."""
        (paths,) = (node_id for node_id, node in self.graph.items() if node["class_type"] == kind)
        return paths


def run_demo(comfy: ComfyUI, folder: Path, on_event: Callable[[Event], None]) -> Demo:
    """Run the demo on a started server; its results go into `folder`. Raises `HostError` where it does not succeed."""
    graph = demo_graph(comfy)
    run = comfy.run(graph, on_event=on_event, timeout=SECONDS)
    if run.status != "success":
        answer = f"{run.error['node_type']}: {run.error['exception_message']}" if run.error else run.status
        raise HostError(f"the demo graph ended with: {answer}\n{comfy.log_tail()}")
    return Demo(graph, run, collect(comfy, run, graph, folder))


def main() -> None:
    """Run the demo on a server of its own and say where its files are."""
    started = time.monotonic()
    print("starting ComfyUI ...", flush=True)
    with ComfyUI() as comfy:
        shutil.rmtree(OUTPUT, ignore_errors=True)
        print(f"running {WORKFLOW.relative_to(ROOT)} on {comfy.url}", flush=True)
        try:
            done = run_demo(comfy, OUTPUT, ProgressLines(demo_graph(comfy)))
        except (OSError, ValueError) as fault:  # no answer, or a workflow that does not fit the nodes
            raise HostError(f"{fault}\n{comfy.log_tail()}") from fault
    print(f"\ndone in {time.monotonic() - started:.0f} s:")
    for path in done.files.values():
        print(f"  {path.relative_to(ROOT)}")
