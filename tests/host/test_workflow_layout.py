"""The bundled workflows as they open: whole, readable, and no node lies on another, before a run and after it."""

import json
from pathlib import Path

import pytest

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.layout import LEGIBLE, RUN, SMALL, WORKFLOWS, boxes, in_view, overlaps, run_and_look_again
from host.ui_to_api import ui_to_api


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_opens_whole_and_readable_and_nothing_lies_on_anything(
    laptop: ComfyPage, comfy: ComfyUI, renderer: str, artifacts: Path, path
):
    """And the page would queue the very graph that `make demo` queues: the converter and the page agree."""
    page, workflow = laptop, json.loads(path.read_text(encoding="utf-8"))
    page.load_workflow(path)
    page.settle(1500)
    page.screenshot(artifacts / f"layout_{path.stem.replace(' ', '_')}_{renderer}.png")
    found = boxes(page, renderer)
    hidden, scale = in_view(page, found)
    assert scale >= LEGIBLE
    assert overlaps(found) == []
    first = found[0].title
    assert first not in hidden, "the note to start with is not in view"
    if path.stem in SMALL:
        assert hidden == []
        assert sum(node["type"] != "MarkdownNote" for node in workflow["nodes"]) <= 6

    page.fit()
    assert page.missing_nodes() == []
    assert page.page.locator(".comfy-missing-nodes:visible").count() == 0
    assert page.errors_from_pack() == []
    info, from_page = comfy.object_info(), page.graph_to_prompt()
    converted = ui_to_api(workflow, info)
    assert from_page.keys() == converted.keys()
    for node, given in from_page.items():
        known = [name for section in info[given["class_type"]]["input"].values() for name in section]
        assert {name: value for name, value in given["inputs"].items() if name in known} == converted[node]["inputs"]


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_runs_as_it_opens_and_nothing_lies_on_anything_afterwards(laptop: ComfyPage, renderer: str, path):
    run_and_look_again(laptop, renderer, path, seed=1 if renderer == "classic" else 2)
