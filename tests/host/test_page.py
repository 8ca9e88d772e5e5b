"""The page in headless Chromium, drawn in both ways: it loads without an error, and our socket types have colours of their own."""

import re

from host.browser import ComfyPage
from host.comfyui import ROOT
from host.picker_driver import pack_errors

TYPES = re.findall(r'io\.Custom\("(DRAGVIDEO_\w+)"\)', (ROOT / "nodes" / "sockets.py").read_text(encoding="utf-8"))


def test_page_loads_without_an_error_from_the_pack(page: ComfyPage):
    assert page.page.title()
    assert page.errors_from_pack() == []


def test_every_socket_type_has_a_colour_of_its_own(page: ComfyPage):
    """On slots and wires."""
    page.load_workflow(ROOT / "workflows" / "All stages.json")
    page.settle(1000)
    slots, wires, shown = page.page.evaluate(
        """types => {
            const style = getComputedStyle(document.body), { canvas } = window.app;
            return [
                types.map((type) => canvas.default_connection_color_byType[type]),
                types.map((type) => canvas.constructor.link_type_colors[type]),
                types.map((type) => style.getPropertyValue(`--color-datatype-${type}`).trim()),
            ];
        }""",
        TYPES,
    )
    assert len(TYPES) == 7 and all(slots) and slots == wires == shown and len(set(slots)) == len(TYPES)
    links = page.page.evaluate("() => [...window.app.graph.links.values()].map((link) => link.type)")
    core = page.page.evaluate(
        "() => ['IMAGE', 'MASK', 'LATENT', 'MODEL', 'VAE'].map(t => app.canvas.constructor.link_type_colors[t])"
    )
    assert set(TYPES) & set(links) and not set(core) & set(slots)
    assert not pack_errors(page)
