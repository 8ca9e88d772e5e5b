"""The demo workflow in a real ComfyUI, over HTTP and websocket: it ends, shows its progress, and can be cancelled."""

import copy
import io
import json

import av
import pytest
from PIL import Image

from host.comfyui import ComfyUI, Event, Graph
from host.demo import Demo, without_displacement
from host.small_demo import small_graph

LONG_NODES = ["DragAVideo_Propagate", "DragAVideo_Tune", "DragAVideo_Invert", "DragAVideo_Drag", "DragAVideo_Decode"]
SHORT = ("DragAVideo_Drag", "DragAVideo_Decode")  # Displace leaves them one step, or none: they say that they began and are done
FURTHER = 3  # progress messages that may be on their way when the server hears of a cancellation


def upstream(graph: Graph, node_id: str) -> Graph:
    """A copy of the part of a graph that one node needs, with that node's first output shown."""
    kept: Graph = {}
    todo = [node_id]
    while todo:
        current = todo.pop()
        if current not in kept:
            kept[current] = copy.deepcopy(graph[current])
            todo += [value[0] for value in graph[current]["inputs"].values() if isinstance(value, list)]
    kept["shown"] = {"class_type": "PreviewAny", "inputs": {"source": [node_id, 0]}}
    return kept


def test_demo_runs_to_the_end_and_says_how_long_it_took(demo: Demo):
    """No bound: the machine may be busy with something else."""
    assert demo.run.status == "success"
    seconds = json.loads(demo.files["seconds.json"].read_text())
    assert seconds["whole"] >= sum(seconds["nodes"].values()) > 0
    assert any("Drag" in title for title in seconds["nodes"])


def test_demo_makes_a_film_a_picture_and_scores(demo: Demo):
    with av.open(str(demo.files["edited.mp4"])) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert len(frames) >= 3 and film.streams.video[0].average_rate > 0
    sheet = Image.open(demo.files["before_after.png"])
    assert min(sheet.size) >= 2 * max(frames[0].shape)
    scores = json.loads((demo.files["scores.json"]).read_text())
    assert len(scores) >= 3
    for name, score in scores.items():
        assert set(score) >= {"value", "unit", "better", "meaning"}, name
        assert score["better"] in ("lower", "higher")


@pytest.mark.parametrize("kind", LONG_NODES)
def test_long_nodes_show_progress(demo: Demo, kind: str):
    node = demo.node(kind)
    reports = [event.data for event in demo.run.of("progress", node)]
    values = [data["value"] for data in reports]
    assert len(values) >= (2 if kind in SHORT else 3) and values == sorted(values)
    assert values[-1] > 0 and len({data["max"] for data in reports}) == 1


@pytest.mark.parametrize("kind", ["DragAVideo_Tune", "DragAVideo_Decode"])
def test_long_nodes_show_pictures(demo: Demo, kind: str):
    """Propagate shows its own player instead: ComfyUI's picture would make that node grow. Invert has nothing to show, and Drag
    has nothing left to do where it starts from a displacement."""
    node = demo.node(kind)
    pictures = [event for event in demo.run.of("preview") if event.data.get("node_id") == node]
    assert pictures, f"no preview of {kind}"
    for event in pictures:
        assert event.with_metadata
        assert min(Image.open(io.BytesIO(event.picture)).size) >= 64


def test_the_drag_preview_changes_as_the_edit_goes_on(demo: Demo, comfy: ComfyUI):
    node = demo.node("DragAVideo_Drag")
    run = comfy.run(upstream(without_displacement(demo.graph), node))
    assert run.status == "success", run.error
    pictures = [event for event in run.of("preview") if event.data.get("node_id") == node]
    assert len({event.picture for event in pictures}) >= 2
    assert all(min(Image.open(io.BytesIO(event.picture)).size) >= 64 for event in pictures)


def test_cancel_in_mid_drag_answers_at_the_next_iteration_and_the_next_run_works(demo: Demo, comfy: ComfyUI):
    """The second run is of an older client's kind: it gets the plain previews."""
    node = demo.node("DragAVideo_Drag")
    graph = upstream(without_displacement(demo.graph), node)
    graph[node]["inputs"]["learning_rate"] *= 0.9
    asked, cancelled_values = [], []

    def cancel(event: Event):
        if event.kind == "progress" and event.data["node"] == node:
            cancelled_values.append(event.data["value"])
        if event.kind == "progress" and event.data["node"] == node and event.data["value"] >= 3 and not asked:
            asked.append(len(cancelled_values))
            comfy.interrupt()

    cancelled = comfy.run(graph, on_event=cancel)
    assert cancelled.status == "interrupted"
    assert len(cancelled_values) - asked[0] <= FURTHER

    graph[node]["inputs"]["iterations"] = 2
    again = comfy.run(graph, metadata_previews=False)
    assert again.status == "success", again.error
    plain = [event for event in again.of("preview") if not event.with_metadata]
    assert plain and Image.open(io.BytesIO(plain[0].picture)).size
    assert not [event for event in again.of("preview") if event.with_metadata]


def test_a_second_run_of_the_same_graph_is_answered_from_the_cache(comfy: ComfyUI):
    """No node of ours says that its result is stale when nothing changed."""
    graph = small_graph(comfy, seed=330)
    assert comfy.run(graph).of("progress") != []
    again = comfy.run(graph)
    assert again.status == "success"
    assert again.of("progress") == []
