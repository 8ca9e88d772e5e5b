"""The page in headless Chromium, drawn in both ways: no error from this pack, and the workflows open whole."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from host.browser import RENDERERS, ComfyPage, open_page
from host.comfyui import ROOT, ComfyUI
from host.ui_to_api import ui_to_api

WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


def test_page_loads_without_an_error_from_the_pack(page: ComfyPage):
    assert page.page.title()
    assert page.errors_from_pack() == []


@pytest.fixture(scope="module", params=RENDERERS)
def one_page(comfy: ComfyUI, browser: Browser, request: pytest.FixtureRequest) -> Iterator[ComfyPage]:
    """A page for all workflows, which are opened in it one after another."""
    with open_page(comfy, browser, request.param) as opened:
        yield opened


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_opens_with_no_missing_node(one_page: ComfyPage, comfy: ComfyUI, path):
    """And the page would queue the very graph that `make demo` queues: the converter and the page agree."""
    page = one_page
    page.errors.clear()
    page.page.evaluate("() => window.app.graph.clear()")  # the one before may have as many nodes
    page.load_workflow(path)
    page.fit()
    assert page.missing_nodes() == []
    assert page.page.locator(".comfy-missing-nodes:visible").count() == 0
    assert page.errors_from_pack() == []
    info = comfy.object_info()
    converted = ui_to_api(json.loads(path.read_text(encoding="utf-8")), info)
    from_page = page.graph_to_prompt()
    assert from_page.keys() == converted.keys()
    for node, given in from_page.items():
        known = [name for section in info[given["class_type"]]["input"].values() for name in section]
        assert {name: value for name, value in given["inputs"].items() if name in known} == converted[node]["inputs"]
