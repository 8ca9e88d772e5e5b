"""The demo's graph with so little work in it that it runs in seconds."""

from __future__ import annotations

from typing import Any

from host.comfyui import ComfyUI, Graph
from host.demo import demo_graph, without_displacement

SMALL = {  # inputs with which every stage has little work
    "DragAVideo_DemoClip": {"frames": 2},
    "DragAVideo_Propagate": {"ensemble": 1},
    "DragAVideo_Tune": {"passes": 2, "rank": 2, "batch": 2},
    "DragAVideo_Invert": {"until": 2, "stride": 1},  # work is left after the first report
    "DragAVideo_Decode": {"stride": 1},
    "DragAVideo_Drag": {"steps": "2", "iterations": 3, "arrive": 0.25, "warm_start": False},  # it does not arrive at once
    "DragAVideo_Evaluate": {"ensemble": 1},
}


def small_graph(comfy: ComfyUI, seed: int, **changes: Any) -> Graph:
    """The demo without its displacement and with little work in every stage; another seed draws another clip, so that nothing comes
    from ComfyUI's cache. changes: of Drag's inputs."""
    graph = without_displacement(demo_graph(comfy))
    for node in graph.values():
        node["inputs"] |= SMALL.get(node["class_type"], {})
        if node["class_type"] == "DragAVideo_DemoClip":
            node["inputs"]["seed"] = seed
        if node["class_type"] == "DragAVideo_Drag":
            node["inputs"] |= changes
    (clip,) = (number for number, node in graph.items() if node["class_type"] == "DragAVideo_DemoClip")
    (pick,) = (node for node in graph.values() if node["class_type"] == "DragAVideo_Pick")
    pick["inputs"] |= {"points": "", "other_points": [clip, 2]}
    return graph
