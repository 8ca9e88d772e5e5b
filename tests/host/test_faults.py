"""Faults in a real ComfyUI: cancelled, killed, queued twice, run over and over. Nothing is lost, nothing left broken."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.comfyui import ComfyUI, Event, Graph, HostError, Run
from host.small_demo import small_graph

pytestmark = [pytest.mark.faults, pytest.mark.host]

STAGES = ["Propagate", "Tune", "Invert", "Drag", "Decode", "Evaluate"]
RUNS, SETTLED = 20, 3  # how often the graph runs; after how many memory must not grow
GROWTH = 1.05
SECONDS = 180  # for one run on a slow machine


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ComfyUI]:
    """A server of its own: it is killed here, and its memory is measured."""
    with ComfyUI(base=tmp_path_factory.mktemp("faults")) as started:
        yield started


def number_of(graph: Graph, stage: str) -> str:
    (found,) = (number for number, node in graph.items() if node["class_type"] == f"DragAVideo_{stage}")
    return found


def scores_of(graph: Graph, run: Run) -> dict:
    assert run.status == "success", run.error
    return json.loads(run.outputs[number_of(graph, "Evaluate")]["text"][0])


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_in_every_stage(server: ComfyUI, stage: str):
    """It stops there, no later node runs, and the same graph then runs to its end."""
    graph = small_graph(server, seed=300 + STAGES.index(stage))
    node, asked = number_of(graph, stage), []
    if stage in ("Propagate", "Evaluate"):
        graph[node]["inputs"] |= {"ensemble": 16, "chunk": 1}  # work is left after the first report
    if stage == "Propagate":
        graph[node]["inputs"]["tracker"] = "dift"
    if stage == "Decode":
        graph[node]["inputs"] |= {"stride": 1, "chunk": 1}

    def on_event(event: Event) -> None:
        if event.kind == "progress" and event.data.get("node") == node and not asked:
            asked.append(event.seconds)
            server.interrupt()

    cancelled = server.run(graph, on_event, timeout=SECONDS)
    begun = [event.data["node"] for event in cancelled.of("executing") if event.data["node"]]
    assert asked, f"{stage} reported no progress"
    assert cancelled.status == "interrupted" and begun[-1] == node
    assert server.run(graph, timeout=SECONDS).status == "success"


def test_two_prompts_with_different_settings_do_not_mix(server: ComfyUI):
    """Queued back to back, each gives what it gives alone."""
    graphs = [small_graph(server, seed=320, iterations=count, learning_rate=rate) for count, rate in ((1, 0.01), (3, 0.2))]
    alone = [scores_of(graph, server.run(graph, timeout=SECONDS)) for graph in graphs]
    assert alone[0] != alone[1]
    server.post("/free", {"unload_models": True, "free_memory": True})  # the cache is emptied before the next prompt
    time.sleep(1)
    queued = [server.queue(graph) for graph in graphs]
    for graph, prompt, expected in zip(graphs, queued, alone, strict=True):
        history = _finished(server, prompt)
        assert history["status"]["status_str"] == "success"
        assert json.loads(history["outputs"][number_of(graph, "Evaluate")]["text"][0]) == expected


def _finished(server: ComfyUI, prompt: str) -> dict:
    deadline = time.monotonic() + SECONDS
    while not (history := server.history(prompt)):
        assert time.monotonic() < deadline, server.log_tail()
        time.sleep(0.2)
    return history


def resident_bytes(server: ComfyUI) -> int:
    """VmRSS of the server's process."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much memory a process has")
def test_many_runs_take_no_more_memory_than_a_few(server: ComfyUI):
    """Each with another clip and other settings. Memory is looked at with the caches as the runs leave them."""
    taken = []
    for turn in range(RUNS):
        graph = small_graph(server, seed=400 + turn, iterations=1 + turn % 2)
        assert server.run(graph, timeout=SECONDS).status == "success"
        taken.append(resident_bytes(server))
    settled = max(taken[:SETTLED])
    assert max(taken[SETTLED:]) <= GROWTH * settled, [round(value / 1e6) for value in taken]


def test_killed_in_the_middle_of_a_drag_and_started_again(tmp_path):
    """SIGKILL while the drag iterates: the same graph goes on where the last checkpoint was, and others run."""
    base = tmp_path / "comfyui"
    kept = base / "output" / "drag_a_video" / "unfinished"
    with ComfyUI(base=base) as first:
        graph = small_graph(first, seed=350, iterations=1000, learning_rate=1e-4)  # too slow to arrive
        drag, before, reached = number_of(graph, "Drag"), [], []

        def kill_after_a_checkpoint(event: Event) -> None:
            if event.kind != "progress" or event.data.get("node") != drag or first.process.poll() is not None:
                return
            files = sorted(kept.glob("*.safetensors"))
            if not before:
                before.append(files)
            elif files != before[0]:
                reached.append(event.data["value"])
                first.process.send_signal(signal.SIGKILL)

        with pytest.raises(HostError, match="closed before the run ended"):
            first.run(graph, kill_after_a_checkpoint, timeout=SECONDS)
        assert reached and first.process.wait(10) == -signal.SIGKILL
    with ComfyUI(base=base) as second:
        seen = []

        def stop_at_once(event: Event) -> None:
            if event.kind == "progress" and event.data.get("node") == drag and event.data["value"] and not seen:
                seen.append(event.data["value"])
                second.interrupt()

        assert second.run(graph, stop_at_once, timeout=SECONDS).status == "interrupted"
        assert seen[0] > 1, "the drag began anew"
        assert second.run(small_graph(second, seed=351), timeout=SECONDS).status == "success"
