"""The bundled workflows as they open: readable, and no node lies on another, before a run and after it."""

import json
from pathlib import Path

import pytest

from host.browser import RENDERERS, ComfyPage, open_page
from host.layout import LEGIBLE, RUN, SMALL, VIEWPORT, WORKFLOWS, boxes, in_view, overlaps, run_and_look_again


@pytest.fixture(scope="module", params=RENDERERS)
def one_laptop(comfy, browser, request):
    """A page of the size of a laptop's window, in which the workflows are opened one after another, and its renderer."""
    with open_page(comfy, browser, request.param, viewport=VIEWPORT) as opened:
        yield opened, request.param


@pytest.fixture
def laptop(comfy, browser, renderer, artifacts, request):
    """A fresh page of that size."""
    with open_page(comfy, browser, renderer, viewport=VIEWPORT) as opened:
        yield opened
        opened.screenshot(artifacts / f"layout_run_{request.node.callspec.params['path'].stem.replace(' ', '_')}_{renderer}.png")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_opens_readable_and_nothing_lies_on_anything(one_laptop: tuple[ComfyPage, str], artifacts: Path, path):
    page, renderer = one_laptop
    page.page.evaluate("() => window.app.graph.clear()")  # the one before may have as many nodes
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
        working = [node for node in json.loads(path.read_text(encoding="utf-8"))["nodes"] if node["type"] != "MarkdownNote"]
        assert len(working) <= 6


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_runs_as_it_opens_and_nothing_lies_on_anything_afterwards(laptop: ComfyPage, renderer: str, path):
    run_and_look_again(laptop, renderer, path, seed=1 if renderer == "classic" else 2)
