"""Every node's schema: it builds, explains itself, and takes its defaults from the core."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from .executor import ROOT, Comfy

NODE_IDS = {  # frozen: saved workflows hold them
    "DragAVideo_LoadVideo",
    "DragAVideo_DemoClip",
    "DragAVideo_Pick",
    "DragAVideo_SAM",
    "DragAVideo_Propagate",
    "DragAVideo_EmbeddedModel",
    "DragAVideo_Model",
    "DragAVideo_UseTracks",
    "DragAVideo_Tune",
    "DragAVideo_Invert",
    "DragAVideo_Drag",
    "DragAVideo_Decode",
    "DragAVideo_Evaluate",
    "DragAVideo_SaveEdit",
    "DragAVideo_LoadEdit",
    "DragAVideo_CombineEdits",
}
SETTINGS = {
    "DragAVideo_LoadVideo": ("load", "LoadSettings", {"memory_limit"}),
    "DragAVideo_Propagate": ("propagate", "PropagateSettings", {"ends_at_cuts"}),
    "DragAVideo_Tune": ("tune", "TuneSettings", set()),
    "DragAVideo_Invert": ("invert", "InvertSettings", set()),
    "DragAVideo_Drag": ("drag", "DragSettings", set()),
    "DragAVideo_Decode": ("decode", "DecodeSettings", set()),
    "DragAVideo_Evaluate": ("evaluate", "EvaluateSettings", set()),
}


def inputs_of(node) -> dict:
    asked = node.INPUT_TYPES()
    return {**asked.get("required", {}), **asked.get("optional", {})}


def test_the_nodes_are_all_there(comfy: Comfy):
    assert comfy.node_classes.keys() >= NODE_IDS


def test_the_pack_has_no_v1_mappings(comfy: Comfy):
    """If they exist, even empty, ComfyUI never asks for the V3 nodes."""
    assert not hasattr(comfy.pack, "NODE_CLASS_MAPPINGS")


def test_schemas_build_and_explain_everything(comfy: Comfy):
    for name, node in comfy.node_classes.items():
        schema = node.GET_SCHEMA()
        assert schema.category == "Drag-A-Video"
        assert len(schema.description) > 40 and schema.description == schema.description.strip()
        silent = [i.id for i in schema.inputs if not i.tooltip] + [o.id for o in schema.outputs if not o.tooltip]
        assert not silent, f"{name}: no tooltip on {silent}"


def test_fields_that_this_comfyui_does_not_know_are_left_out(comfy: Comfy):
    sockets, io = comfy.module("nodes.sockets"), comfy.module("nodes").io

    class Node(io.ComfyNode):
        """A node."""

    made = sockets.schema(Node, node_id="X", nothing_of_the_kind=1)
    assert (made.node_id, made.description, made.category) == ("X", "A node.", "Drag-A-Video")


@pytest.mark.parametrize("name", SETTINGS)
def test_defaults_and_choices_are_those_of_the_settings_class(comfy: Comfy, name: str):
    """Each setting is a widget with the core's default, but for those that a node has no use for."""
    stage, class_name, left_out = SETTINGS[name]
    settings = getattr(comfy.module(f"dragvideo_core.stages.{stage}"), class_name)
    inputs = inputs_of(comfy.node_classes[name])
    for field, value in vars(settings()).items():
        if field in left_out:
            assert field not in inputs
            continue
        kind, options = inputs[field]
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        assert options["default"] == shown, f"{field} of {name}"
        if kind == "COMBO":
            assert value in options["options"] and len(options["options"]) > 1
        if kind in ("INT", "FLOAT"):
            assert options["min"] <= value <= options["max"]


def test_every_node_has_a_help_page_that_names_its_inputs(comfy: Comfy):
    for name, node in comfy.node_classes.items():
        page = (ROOT / "js" / "docs" / f"{name}.md").read_text(encoding="utf-8")
        assert page.startswith("# ")
        missing = [i for i in inputs_of(node) if f"`{i}`" not in page]
        assert not missing, f"{name}.md does not name {missing}"


def test_tooltips_name_no_input_that_is_not_there(comfy: Comfy):
    """Words in 'quotes' that look like the name of an input or of a choice are one."""
    known = {name for node in comfy.node_classes.values() for name in inputs_of(node)}
    for node in comfy.node_classes.values():
        known |= {choice for _, options in inputs_of(node).values() for choice in options.get("options", [])}
    for name, node in comfy.node_classes.items():
        for part in node.GET_SCHEMA().inputs:
            quoted = set(re.findall(r"'([a-z_]+)'", part.tooltip))
            assert quoted <= known, f"{name}.{part.id}: {quoted - known}"


def test_nodes_leave_comfyuis_internals_to_the_files_made_for_that(comfy: Comfy):
    files = {Path(sys.modules[node.__module__].__file__) for node in comfy.node_classes.values()}
    assert len(files) > 8
    for path in files:
        text = path.read_text(encoding="utf-8")
        internals = r"^\s*(import|from) (comfy\b|comfy_execution|folder_paths|server|execution)"
        assert not re.search(internals, text, re.M), path.name


def test_drag_shows_a_beginner_at_most_five_settings(comfy: Comfy):
    asked = comfy.node_classes["DragAVideo_Drag"].INPUT_TYPES()
    shown = [
        name
        for section in ("required", "optional")
        for name, (kind, *options) in asked.get(section, {}).items()
        if not kind.startswith("DRAGVIDEO_") and not (options and options[0].get("advanced"))
    ]
    assert shown == ["iterations", "steps", "learning_rate", "max_move", "lock"]
