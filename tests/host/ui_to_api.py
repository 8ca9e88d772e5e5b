"""Turns a workflow as the page saves it into the API form that the server queues.

So a workflow is kept in one file only. Node definitions come from the server's `/object_info`; a test holds the result
against what the page itself would queue. A subgraph inside a subgraph is not handled: our workflows have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from host.comfyui import Graph

MUTED, BYPASSED = 2, 4  # node modes
PAGE_ONLY = {"Note", "MarkdownNote"}
PRIMITIVE_WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
SEEDS = {"seed", "noise_seed"}  # the page adds `control_after_generate` below an INT of these names unless it says no
UPLOADS = ("image_upload", "video_upload", "animated_image_upload")  # the page adds a button below the required inputs
INSIDE_INPUT, INSIDE_OUTPUT = -10, -20  # the nodes that stand for a subgraph's sockets inside of it
WITH_EXTRA_WIDGETS = {"PreviewAny"}  # the page draws widgets of its own on these

Link = list[Any]  # [node id, output slot]


class BadWorkflow(ValueError):
    """The workflow cannot be turned into API form."""


def ui_to_api(workflow: dict[str, Any], object_info: dict[str, Any]) -> Graph:
    """A workflow in the page's format to API format; raises `BadWorkflow` where it does not fit the definitions."""
    workflow = _unpacked(workflow)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    sources = {link[0]: (link[1], link[2]) for link in workflow["links"]}
    graph: Graph = {}
    for node in workflow["nodes"]:
        kind = node["type"]
        if kind in PAGE_ONLY or kind in ("Reroute", "PrimitiveNode") or node.get("mode") in (MUTED, BYPASSED):
            continue
        if kind not in object_info:
            raise BadWorkflow(f"node {node['id']}: the server has no node {kind!r}. Is its pack installed?")
        inputs = _widget_values(node, object_info[kind])
        for socket in node.get("inputs", []):
            origin = _origin(socket.get("link"), nodes, sources)
            if isinstance(origin, dict):
                inputs[socket["name"]] = origin["value"]
            elif origin is not None:
                inputs[socket["name"]] = origin
        title = node.get("title") or object_info[kind].get("display_name") or kind
        graph[str(node["id"])] = {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}
    return graph


def _unpacked(workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow with the nodes of its subgraphs in their place, called "subgraph's id:node's id" as the page calls them."""
    kinds = {one["id"]: one for one in workflow.get("definitions", {}).get("subgraphs", [])}
    nodes, links = [], {link[0]: link for link in workflow["links"]}
    for node in workflow["nodes"]:
        if node["type"] not in kinds:
            nodes.append(node)
            continue
        inside, name = kinds[node["type"]], f"{node['id']}:"
        if any(inner["type"] in kinds for inner in inside["nodes"]):
            raise BadWorkflow(f"node {node['id']}: a subgraph inside a subgraph is not handled. Unpack it on the page.")
        for link in inside["links"]:
            origin, target = (link["origin_id"], link["origin_slot"]), (link["target_id"], link["target_slot"])
            if target[0] == INSIDE_OUTPUT:
                for outer in node["outputs"][target[1]]["links"] or []:
                    links[outer] = [outer, f"{name}{origin[0]}", origin[1], *links[outer][3:]]
                continue
            outer = node["inputs"][origin[1]]["link"] if origin[0] == INSIDE_INPUT else None
            source = links[outer][1:3] if outer is not None else [f"{name}{origin[0]}", origin[1]]
            if outer is not None or origin[0] != INSIDE_INPUT:
                links[f"{name}{link['id']}"] = [f"{name}{link['id']}", *source, f"{name}{target[0]}", target[1], link["type"]]
        for inner in inside["nodes"]:
            wired = [f"{name}{socket['link']}" for socket in inner.get("inputs", [])]
            inputs = [
                {**socket, "link": wire if wire in links else None}
                for socket, wire in zip(inner.get("inputs", []), wired, strict=True)
            ]
            nodes.append({**inner, "id": f"{name}{inner['id']}", "inputs": inputs})
    return {**workflow, "nodes": nodes, "links": list(links.values())}


def _widget_values(node: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """The node's saved widget values by name. They are saved as a list in the order in which the page draws widgets."""
    saved = node.get("widgets_values") or []
    names = list(_widget_names(info))
    if isinstance(saved, dict):
        return {name: saved[name] for name in names if name in saved}
    may_lack = info["input"].get("optional", {})  # inputs newer than the workflow come last and take their defaults
    needed = max((place + 1 for place, name in enumerate(names) if name is not None and name not in may_lack), default=0)
    if len(saved) < needed or (len(saved) > len(names) and node["type"] not in WITH_EXTRA_WIDGETS):
        listed = ", ".join(filter(None, names))
        raise BadWorkflow(
            f"node {node['id']} ({node['type']}): {len(names)} widget values expected ({listed}), "
            f"got {len(saved)}. Open the workflow on the page and save it again."
        )
    return {name: value for name, value in zip(names, saved, strict=False) if name is not None}


def _widget_names(info: dict[str, Any]) -> Iterator[str | None]:
    """Names of the widgets in the order in which the page draws them; None for one that is not an input."""
    has_upload = False
    for section in ("required", "optional"):
        inputs = info["input"].get(section, {})
        for name in info.get("input_order", {}).get(section, inputs):
            kind, options = (list(inputs[name]) + [{}])[:2]
            if not _is_widget(kind, options):
                continue
            yield name
            has_upload |= any(options.get(flag) for flag in UPLOADS)
            if options.get("control_after_generate", kind == "INT" and name in SEEDS):
                yield None
    if has_upload:  # the button comes last
        yield None


def _is_widget(kind: Any, options: dict[str, Any]) -> bool:
    if options.get("forceInput"):
        return False
    return isinstance(kind, list) or kind in PRIMITIVE_WIDGETS or "widgetType" in options


def _origin(link: int | None, nodes: dict[Any, Any], sources: dict[int, tuple[Any, int]]) -> Link | dict[str, Any] | None:
    """Where a link comes from in truth: [node id, slot]; {"value": v} from a primitive node; None from nowhere."""
    while link is not None:
        node_id, slot = sources[link]
        node = nodes[node_id]
        if node["type"] == "PrimitiveNode":
            return {"value": node["widgets_values"][0]}
        if node.get("mode") == MUTED:
            return None
        if node["type"] == "Reroute":
            link = node["inputs"][0]["link"]
        elif node.get("mode") == BYPASSED:
            link = _bypass(node, slot)
        else:
            return [str(node_id), slot]
    return None


def _bypass(node: dict[str, Any], slot: int) -> int | None:
    """The link of the input that a bypassed node passes on: in the same place, else the first, of its type."""
    wanted = node["outputs"][slot]["type"]
    inputs = node.get("inputs", [])
    same_place = inputs[slot : slot + 1]
    fitting = [socket for socket in same_place + inputs if wanted in ("*", socket["type"]) or socket["type"] == "*"]
    return fitting[0].get("link") if fitting else None
