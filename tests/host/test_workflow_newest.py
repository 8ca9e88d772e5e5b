"""The bundled workflows on ComfyUI's newest page: their layout in both renderers, and as apps."""

import json

import pytest

from host.browser import open_page
from host.layout import LEGIBLE, RUN, SMALL, VIEWPORT, WORKFLOWS, boxes, in_view, overlaps, run_and_look_again
from host.newest_frontend import lay_over
from host.picker_driver import run_from_page

LABELS = "() => window.app.graph.nodes.flatMap((node) => (node.widgets ?? []).map(({ label, name }) => label ?? name))"


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_opens_readable_and_nothing_lies_on_anything_after_a_run(newest, comfy, browser, renderer: str, artifacts, path):
    with open_page(comfy, browser, renderer, prepare=lambda context: lay_over(context, newest), viewport=VIEWPORT) as page:
        page.load_workflow(path)
        page.settle(1500)
        found = boxes(page, renderer)
        hidden, scale = in_view(page, found)
        assert scale >= LEGIBLE and overlaps(found) == []
        assert found[0].title not in hidden
        if path.stem in SMALL:
            assert hidden == []
        assert "mask_radius" not in page.page.evaluate(LABELS)
        run_and_look_again(page, renderer, path, seed=3 if renderer == "classic" else 4)
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
