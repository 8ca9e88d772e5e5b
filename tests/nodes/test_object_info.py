"""What saved workflows rely on: nodes, inputs and outputs stay as they are in `object_info.json`; new ones go at the end.

Renew the file when something was added:  RENEW=1 .venv/bin/python -m pytest tests/nodes/test_object_info.py
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from host.ui_to_api import ui_to_api

from .executor import ROOT, Comfy

FROZEN = Path(__file__).with_name("object_info.json")
SAVED = Path(__file__).with_name("saved_workflow.json")  # as the page of the first version saved it, and what it queued
FROM_FOLDERS = {"file", "checkpoint"}  # inputs whose choices are this machine's files
KEPT = ("default", "min", "max", "step", "options")

Definitions = dict[str, dict[str, Any]]


def definitions(comfy: Comfy) -> Definitions:
    """All that a saved workflow depends on, of every node of the pack."""
    return {name: _definition(node.GET_NODE_INFO_V1()) for name, node in sorted(comfy.node_classes.items())}


def _definition(info: dict[str, Any]) -> dict[str, Any]:
    sections = {
        section: {name: _input(name, *info["input"][section][name]) for name in info["input_order"].get(section, [])}
        for section in ("required", "optional")
    }
    outputs = [{"name": name, "type": kind} for name, kind in zip(info["output_name"], info["output"], strict=True)]
    return {**sections, "outputs": outputs}


def _input(name: str, kind: Any, options: dict[str, Any] | None = None) -> dict[str, Any]:
    options = options or {}
    kept = {key: options[key] for key in KEPT if key in options and not (key in ("options", "default") and name in FROM_FOLDERS)}
    return {"type": kind if isinstance(kind, str) else "COMBO", **kept}


def broken(old: Definitions, new: Definitions) -> list[str]:
    """What a workflow saved with the old definitions would trip over, in words."""
    lines = [f"{name} is gone" for name in old if name not in new]
    for name in old.keys() & new.keys():
        lines += [f"{name}: {fault}" for fault in _node_faults(old[name], new[name])]
    return sorted(lines)


def _node_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Widget values are saved in order, required ones first: nothing may come in between."""
    faults = []
    if list(new["required"]) != list(old["required"]):
        faults.append(f"the required inputs were {list(old['required'])} and are {list(new['required'])}")
    if list(new["optional"])[: len(old["optional"])] != list(old["optional"]):
        faults.append(f"the optional inputs began {list(old['optional'])} and are {list(new['optional'])}")
    for section in ("required", "optional"):
        for name in old[section].keys() & new[section].keys():
            faults += [f"'{name}' {fault}" for fault in _input_faults(old[section][name], new[section][name])]
    if new["outputs"][: len(old["outputs"])] != old["outputs"]:
        faults.append(f"the outputs began {old['outputs']} and are {new['outputs']}")
    return faults


def _input_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Types, ranges and choices may become wider."""
    faults = []
    if not set(old["type"].split(",")) <= set(new["type"].split(",")):
        faults.append(f"was {old['type']} and is {new['type']}")
    if old.get("default") != new.get("default"):
        faults.append(f"had the default {old.get('default')!r} and has {new.get('default')!r}")
    if ("min" in old and new.get("min", old["min"]) > old["min"]) or ("max" in old and new.get("max", old["max"]) < old["max"]):
        faults.append("has a narrower range")
    gone = [choice for choice in old.get("options", []) if choice not in new.get("options", [])]
    return faults + ([f"has no choice {gone} any more"] if gone else [])


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_definitions_are_as_frozen(comfy: Comfy):
    now = definitions(comfy)
    if os.environ.get("RENEW"):
        FROZEN.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    assert broken(read(FROZEN), now) == []


def test_every_node_is_frozen(comfy: Comfy):
    """A new node or input that was shipped is in the file: else the next change to it would go unseen."""
    now, frozen = definitions(comfy), read(FROZEN)
    assert now.keys() == frozen.keys()
    for name, node in now.items():
        assert list(node["optional"]) == list(frozen[name]["optional"]), f"{name}: renew {FROZEN.name}"
        assert len(node["outputs"]) == len(frozen[name]["outputs"]), f"{name}: renew {FROZEN.name}"


def _rename(section: dict, old: str) -> dict:
    return {name + "_" if name == old else name: value for name, value in section.items()}


DRAG = "DragAVideo_Drag"
BREAKING = {
    "a node goes": lambda d: d.pop(DRAG),
    "an input goes": lambda d: d[DRAG]["required"].pop("steps"),
    "a new required input": lambda d: d[DRAG]["required"].update(more={"type": "INT", "default": 1}),
    "an input is renamed": lambda d: d[DRAG].update(optional=_rename(d[DRAG]["optional"], "chunk")),
    "inputs change places": lambda d: d[DRAG].update(optional=dict(reversed(d[DRAG]["optional"].items()))),
    "an input comes in between": lambda d: d[DRAG].update(optional={"more": {"type": "INT"}, **d[DRAG]["optional"]}),
    "another type": lambda d: d[DRAG]["required"]["iterations"].update(type="FLOAT"),
    "another default": lambda d: d[DRAG]["required"]["iterations"].update(default=61),
    "a narrower range": lambda d: d[DRAG]["required"]["iterations"].update(max=100),
    "a choice goes": lambda d: d["DragAVideo_Propagate"]["optional"]["recipe"]["options"].pop(),
    "outputs change places": lambda d: d["DragAVideo_Propagate"]["outputs"].reverse(),
    "an output goes": lambda d: d["DragAVideo_Propagate"]["outputs"].pop(),
}
HARMLESS = {
    "nothing": lambda d: None,
    "a new node": lambda d: d.update(DragAVideo_New=d[DRAG]),
    "a new optional input": lambda d: d[DRAG]["optional"].update(more={"type": "INT", "default": 1}),
    "a new output": lambda d: d[DRAG]["outputs"].append({"name": "more", "type": "INT"}),
    "a wider type": lambda d: d[DRAG]["required"]["steps"].update(type="STRING,INT"),
    "a wider range": lambda d: d[DRAG]["required"]["iterations"].update(max=10**6),
    "a new choice": lambda d: d["DragAVideo_Propagate"]["optional"]["recipe"]["options"].append("new"),
}


@pytest.mark.parametrize("kind", [*BREAKING, *HARMLESS])
def test_what_would_break_a_saved_workflow_is_seen(kind: str):
    old = read(FROZEN)
    new = copy.deepcopy(old)
    {**BREAKING, **HARMLESS}[kind](new)
    assert len(broken(old, new)) == (kind in BREAKING)


# ----------------------------------------------------------------------------------------------------------- workflows


def object_info(comfy: Comfy) -> dict[str, Any]:
    """As the server's `/object_info`, as far as workflows need it."""
    lines = {}
    for name, node in comfy.nodes.NODE_CLASS_MAPPINGS.items():
        if hasattr(node, "GET_NODE_INFO_V1"):
            lines[name] = node.GET_NODE_INFO_V1()
        else:
            lines[name] = {"input": node.INPUT_TYPES(), "display_name": name}
    return lines


def refused(values: dict[str, Any], info: dict[str, Any]) -> list[str]:
    """Widget values that the definitions do not allow."""
    lines = []
    for name, (kind, *options) in {**info["input"].get("required", {}), **info["input"].get("optional", {})}.items():
        value, options = values.get(name), options[0] if options else {}
        if value is None or isinstance(value, list) or name in FROM_FOLDERS:
            continue
        fits = {"INT": int, "FLOAT": (int, float), "BOOLEAN": bool, "STRING": str}.get(kind, object)
        low, high = options.get("min", value), options.get("max", value)
        choices = options.get("options") if kind == "COMBO" else None
        if (
            not isinstance(value, fits)
            or (kind in ("INT", "FLOAT") and not low <= value <= high)
            or (choices and value not in choices)
        ):
            lines.append(f"{name} = {value!r}")
    return lines


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.json")), ids=lambda path: path.stem)
def test_the_values_of_bundled_workflows_fit_their_inputs(comfy: Comfy, path: Path):
    info = {name: node.GET_NODE_INFO_V1() for name, node in comfy.node_classes.items()}
    for node in ui_to_api(_ours(read(path)), info).values():
        assert refused(node["inputs"], info[node["class_type"]]) == [], node["class_type"]


def _ours(workflow: dict[str, Any]) -> dict[str, Any]:
    """The pack's nodes of a workflow, with the links between them."""
    nodes = [node for node in workflow["nodes"] if node["type"].startswith("DragAVideo_")]
    kept = {link[0] for link in workflow["links"] if link[1] in {node["id"] for node in nodes}}
    for node in nodes:
        for socket in node.get("inputs", []):
            socket["link"] = socket.get("link") if socket.get("link") in kept else None
    return {**workflow, "nodes": nodes}


def test_a_workflow_saved_by_the_first_version_opens_as_it_was(comfy: Comfy):
    """Every value of the old workflow is queued under the same name; inputs that came since take their defaults."""
    saved = read(SAVED)
    queued = ui_to_api(saved["workflow"], object_info(comfy))
    assert queued.keys() == saved["queued"].keys()
    for number, node in saved["queued"].items():
        assert queued[number]["class_type"] == node["class_type"]
        assert [name for name, value in node["inputs"].items() if queued[number]["inputs"].get(name) != value] == []
