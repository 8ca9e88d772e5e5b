"""The bundled workflows on ComfyUI's newest page: their layout in both renderers, and as apps."""

import json

import pytest

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.layout import LEGIBLE, RUN, SMALL, WORKFLOWS, boxes, in_view, overlaps, run_and_look_again
from host.picker_driver import run_from_page

LABELS = "() => window.app.graph.nodes.flatMap((node) => (node.widgets ?? []).map(({ label, name }) => label ?? name))"


@pytest.fixture(scope="module")
def served(newest: ComfyUI) -> ComfyUI:
    return newest


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_opens_readable_and_nothing_lies_on_anything_after_a_run(laptop: ComfyPage, renderer: str, path):
    laptop.load_workflow(path)
    laptop.settle(1500)
    found = boxes(laptop, renderer)
    hidden, scale = in_view(laptop, found)
    assert scale >= LEGIBLE and overlaps(found) == []
    assert found[0].title not in hidden
    if path.stem in SMALL:
        assert hidden == []
    assert "mask_radius" not in laptop.page.evaluate(LABELS)
    run_and_look_again(laptop, renderer, path, seed=3 if renderer == "classic" else 4)


@pytest.mark.parametrize("path", [path for path in WORKFLOWS if path.stem in SMALL], ids=lambda path: path.stem)
@pytest.mark.parametrize("renderer", ["nodes2"], indirect=True)
def test_opens_as_an_app_with_the_film_the_points_and_the_result(laptop: ComfyPage, path):
    """The newest page's app mode: a few inputs beside the result, no graph."""
    layout = json.loads(path.read_text(encoding="utf-8"))["extra"]["linearData"]
    laptop.load_workflow(path)
    laptop.settle(1500)
    laptop.page.evaluate("() => app.extensionManager.command.execute('Comfy.ToggleLinear')")
    shown = laptop.page.locator('[data-testid="linear-widgets"]')
    shown.wait_for()
    laptop.settle(2500)
    for _, name in layout["inputs"]:
        assert shown.get_by_text(name.replace("_", " "), exact=True).count() == 1, f"{name} is not shown"
    picker = shown.locator(".dav-stage").bounding_box()
    assert picker["height"] >= 250 and picker["width"] >= 200
    assert run_from_page(laptop, timeout_ms=300_000)["status"]["status_str"] == "success"
    laptop.page.locator("video:visible").first.wait_for()
    assert laptop.errors_from_pack() == []
