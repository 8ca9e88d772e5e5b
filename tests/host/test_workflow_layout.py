"""The bundled workflows as they open: readable, and no node lies on another, before a run and after it."""

import json

import pytest

from host.browser import ComfyPage, open_page
from host.comfyui import ROOT
from host.layout import boxes, overlaps
from host.newest_frontend import lay_over
from host.picker_driver import run_from_page

WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
SMALL = ["Quick drag", "Drag a video", "Drag a whole film"]  # seen whole, without scrolling
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
    run_and_look_again(laptop, renderer, path)


def run_and_look_again(page: ComfyPage, renderer: str, path):
    page.load_workflow(path)
    assert run_from_page(page, timeout_ms=300_000)["status"]["status_str"] == "success"
    page.settle(2500)
    assert overlaps(boxes(page, renderer)) == []
    assert page.page.get_by_text("failed to load").count() == 0
    assert page.errors_from_pack() == []


@pytest.mark.parametrize("path", [path for path in WORKFLOWS if path.stem in (*SMALL, "All stages")], ids=lambda path: path.stem)
def test_the_same_on_the_newest_page(newest, comfy, browser, renderer: str, artifacts, path):
    with open_page(comfy, browser, renderer, prepare=lambda context: lay_over(context, newest), viewport=VIEWPORT) as page:
        page.load_workflow(path)
        page.settle(1500)
        found = boxes(page, renderer)
        hidden, scale = in_view(page, found)
        assert scale >= LEGIBLE and overlaps(found) == []
        assert found[0].title not in hidden
        if path.stem in SMALL:
            assert hidden == []
            run_and_look_again(page, renderer, path)
        page.screenshot(artifacts / f"layout_newest_{path.stem.replace(' ', '_')}_{renderer}.png")


@pytest.mark.parametrize("path", [path for path in WORKFLOWS if path.stem in SMALL], ids=lambda path: path.stem)
def test_opens_as_an_app_with_the_film_the_points_and_the_result(newest, comfy, browser, artifacts, path):
    """The newest page's app mode: a few inputs beside the result, no graph."""
    layout = json.loads(path.read_text(encoding="utf-8"))["extra"]["linearData"]
    with open_page(comfy, browser, "nodes2", prepare=lambda context: lay_over(context, newest), viewport=VIEWPORT) as page:
        page.load_workflow(path)
        page.settle(1500)
        page.page.evaluate("() => app.extensionManager.command.execute('Comfy.ToggleLinear')")
        shown = page.page.locator('[data-testid="linear-widgets"]')
        shown.wait_for()
        page.settle(2500)
        for _, name in layout["inputs"]:
            assert shown.get_by_text(name.replace("_", " "), exact=True).count() == 1, f"{name} is not shown"
        picker = shown.locator(".dav-stage").bounding_box()
        assert picker["height"] >= 250 and picker["width"] >= 200
        assert run_from_page(page, timeout_ms=300_000)["status"]["status_str"] == "success"
        page.page.locator("video:visible").first.wait_for()
        page.screenshot(artifacts / f"app_{path.stem.replace(' ', '_')}.png")
        assert page.errors_from_pack() == []
