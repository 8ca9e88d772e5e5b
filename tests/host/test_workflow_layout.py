"""The bundled workflows as they open: readable, and no node lies on another, before a run and after it."""

import json

import pytest

from host.browser import ComfyPage, open_page
from host.comfyui import ROOT
from host.layout import boxes, overlaps
from host.picker_driver import run_from_page

WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
SMALL = ["Quick drag", "Drag a video"]  # seen whole, without scrolling
VIEWPORT = {"width": 1440, "height": 900}
SIDEBAR, TOP = 60, 75  # px of the page that cover the graph
LEGIBLE = 0.6


@pytest.fixture
def laptop(comfy, browser, renderer, artifacts, request):
    """A page of the size of a laptop's window."""
    with open_page(comfy, browser, renderer, viewport=VIEWPORT) as opened:
        yield opened
        opened.screenshot(artifacts / f"layout_{request.node.callspec.params['path'].stem.replace(' ', '_')}_{renderer}.png")


def in_view(page: ComfyPage, found):
    """Titles of the nodes whose upper left corner, or with it the title, is covered or out of view."""
    scale, (x, y) = page.page.evaluate("() => [app.canvas.ds.scale, [...app.canvas.ds.offset]]")
    corners = {box.title: ((box.left + x) * scale, (box.top + y) * scale) for box in found}
    return [t for t, (a, b) in corners.items() if not (SIDEBAR <= a < VIEWPORT["width"] and TOP <= b < VIEWPORT["height"])], scale


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_opens_readable_and_nothing_lies_on_anything(laptop: ComfyPage, renderer: str, path):
    laptop.load_workflow(path)
    laptop.settle(1500)
    found = boxes(laptop, renderer)
    hidden, scale = in_view(laptop, found)
    assert scale >= LEGIBLE
    assert overlaps(found) == []
    first = found[0].title
    assert first not in hidden, "the note to start with is not in view"
    if path.stem in SMALL:
        assert hidden == []
        working = [node for node in json.loads(path.read_text(encoding="utf-8"))["nodes"] if node["type"] != "MarkdownNote"]
        assert len(working) <= 6


@pytest.mark.parametrize("path", [path for path in WORKFLOWS if path.stem in SMALL], ids=lambda path: path.stem)
def test_runs_as_it_opens_and_nothing_lies_on_anything_afterwards(laptop: ComfyPage, renderer: str, path):
    laptop.load_workflow(path)
    assert run_from_page(laptop, timeout_ms=300_000)["status"]["status_str"] == "success"
    laptop.settle(2500)
    assert overlaps(boxes(laptop, renderer)) == []
    assert laptop.errors_from_pack() == []
