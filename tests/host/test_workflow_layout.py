"""The bundled workflows as they open: readable, and no node lies on another, before a run and after it."""

import json

import pytest

from host.browser import ComfyPage, open_page
from host.layout import LEGIBLE, RUN, SMALL, VIEWPORT, WORKFLOWS, boxes, in_view, overlaps, run_and_look_again


@pytest.fixture
def laptop(comfy, browser, renderer, artifacts, request):
    """A page of the size of a laptop's window."""
    with open_page(comfy, browser, renderer, viewport=VIEWPORT) as opened:
        yield opened
        opened.screenshot(artifacts / f"layout_{request.node.callspec.params['path'].stem.replace(' ', '_')}_{renderer}.png")


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


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_runs_as_it_opens_and_nothing_lies_on_anything_afterwards(laptop: ComfyPage, renderer: str, path):
    run_and_look_again(laptop, renderer, path, seed=1 if renderer == "classic" else 2)
