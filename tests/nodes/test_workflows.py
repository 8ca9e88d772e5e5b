"""The bundled workflows as files: sound links, groups named after the stages, nothing on top of anything else."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest
from PIL import Image

from .executor import ROOT, Comfy

WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
STAGES = ["Load", "Pick", "Segment", "Propagate", "Displace", "Film", "Tune", "Invert", "Drag", "Decode", "Evaluate"]
TITLE = 30  # px of a node's title bar, which lies above its position

DRAWN = [path for path in WORKFLOWS if "DragAVideo_DemoClip" in path.read_text(encoding="utf-8")]

SUBGRAPHS = [path for path in WORKFLOWS if "definitions" in path.read_text(encoding="utf-8")]  # their stages are inside

each = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
stages = pytest.mark.parametrize("path", [path for path in WORKFLOWS if path not in SUBGRAPHS], ids=lambda path: path.stem)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def box(node: dict) -> tuple[float, float, float, float]:
    """(left, top, right, bottom)"""
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height


@each
def test_links_agree_on_both_ends(path: Path):
    flow = read(path)
    nodes = {node["id"]: node for node in flow["nodes"]}
    links = {link[0]: link for link in flow["links"]}
    assert flow["version"] == 0.4 and flow["last_node_id"] >= max(nodes) and flow["last_link_id"] >= max(links)
    for number, origin, slot, target, place, kind in links.values():
        source, sink = nodes[origin]["outputs"][slot], nodes[target]["inputs"][place]
        assert number in source["links"] and sink["link"] == number
        assert (source["type"] == kind and kind in sink["type"].split(",") + ["*"]) or sink["type"] == "*"
    used = {part["link"] for node in nodes.values() for part in node.get("inputs", []) if part.get("link") is not None}
    assert used == links.keys()


@stages
def test_groups_are_named_after_the_stages(path: Path):
    titles = [group["title"] for group in read(path)["groups"]]
    stages = [title.split()[1] for title in titles if title[0].isdigit()]
    assert stages == [stage for stage in STAGES if stage in stages] and len(stages) >= 3


@stages
def test_nodes_lie_in_groups_and_not_on_one_another(path: Path):
    flow = read(path)
    for a, b in itertools.combinations(flow["nodes"], 2):
        left, top = max(box(a)[0], box(b)[0]), max(box(a)[1], box(b)[1])
        right, bottom = min(box(a)[2], box(b)[2]), min(box(a)[3], box(b)[3])
        assert left >= right or top >= bottom, f"{a['type']} {a['id']} lies on {b['type']} {b['id']}"
    for node in flow["nodes"]:
        x0, y0, x1, y1 = box(node)
        inside = [
            x <= x0 and y <= y0 and x1 <= x + width and y1 <= y + height
            for x, y, width, height in (group["bounding"] for group in flow["groups"])
        ]
        assert any(inside) or node["type"] == "MarkdownNote", f"{node['type']} {node['id']} is in no group"


@each
def test_it_explains_itself_and_has_a_thumbnail(path: Path):
    flow = read(path)
    notes = [node["widgets_values"][0] for node in flow["nodes"] if node["type"] == "MarkdownNote"]
    assert any("Run" in note for note in notes)
    assert not any("`" in note for note in notes), "code in notes is dark on dark in Nodes 2.0"
    with Image.open(path.with_suffix(".jpg")) as thumbnail:
        assert thumbnail.width == thumbnail.height, "the template browser cuts it to a square"


@each
def test_a_film_is_cropped_for_a_diffusion_model_alone(path: Path):
    """Each of these paints at a size of its own: the paper's 512, Stable Diffusion's, Wan's, the embedded model's 128."""
    nodes = read(path)["nodes"]
    paints = path in SUBGRAPHS or any(node["type"] in ("KSampler", "DragAVideo_Decode") for node in nodes)
    for node in nodes:
        if node["type"] == "DragAVideo_LoadVideo":
            assert (node["widgets_values"][1:3] == [0, 0]) != paints


def test_the_blueprint_is_the_subgraph_of_the_workflow():
    """Both are kept in files of their own, as ComfyUI wants them; what is in them is the same."""
    (workflow,) = SUBGRAPHS
    blueprint = ROOT / "subgraphs" / "Drag a Video.json"
    inside = [read(path)["definitions"]["subgraphs"] for path in (workflow, blueprint)]
    assert inside[0] == inside[1]
    (node,) = read(blueprint)["nodes"]
    (kind,) = inside[0]
    assert node["type"] == kind["id"] and node["title"] == kind["name"] == blueprint.stem
    knobs = node["properties"]["proxyWidgets"]
    names = {str(inner["id"]): [one["name"] for one in inner["inputs"] if "widget" in one] for inner in kind["nodes"]}
    assert 1 <= len(knobs) <= 6 and all(name in names[inner] for inner, name in knobs)


@pytest.mark.parametrize("path", SUBGRAPHS, ids=lambda path: path.stem)
def test_links_inside_a_subgraph_agree_on_both_ends(path: Path):
    for kind in read(path)["definitions"]["subgraphs"]:
        nodes = {node["id"]: node for node in kind["nodes"]}
        for link in kind["links"]:
            if link["origin_id"] == -10:
                assert link["id"] in kind["inputs"][link["origin_slot"]]["linkIds"]
            else:
                assert link["id"] in nodes[link["origin_id"]]["outputs"][link["origin_slot"]]["links"]
            if link["target_id"] == -20:
                assert link["id"] in kind["outputs"][link["target_slot"]]["linkIds"]
            else:
                assert nodes[link["target_id"]]["inputs"][link["target_slot"]]["link"] == link["id"]


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_points_drawn_beforehand_are_those_of_the_drawn_clip(comfy: Comfy, path: Path):
    """So that the canvas shows the right points before the first run, and goes on with them after it."""
    nodes = {node["type"]: node for node in read(path)["nodes"]}
    values = nodes["DragAVideo_DemoClip"]["widgets_values"]
    kind, seed, frames, occluded = values[:4]
    suggested = comfy.module("dragvideo_core.embedded.demo_clip").demo_clip(kind, seed, frames, occluded).picks
    drawn = json.loads(nodes["DragAVideo_Pick"]["widgets_values"][0])
    assert drawn.pop("seed") == hashlib.sha1(suggested.encode()).hexdigest()
    assert drawn == json.loads(suggested)
