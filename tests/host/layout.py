"""Where the nodes of an open workflow lie on the page, in units of the graph: what is drawn, not what the file says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from host.browser import ComfyPage
from host.comfyui import ROOT
from host.picker_driver import run_from_page

MEASURE = """
renderer => {
    const { canvas, graph } = window.app;
    const { scale, offset } = canvas.ds;
    const frame = canvas.canvas.getBoundingClientRect();
    const drawn = (node) => {
        const element = document.querySelector(`[data-node-id="${node.id}"]`);
        if (renderer === "nodes2" && element) {
            const box = element.getBoundingClientRect();
            const [x, y] = [(box.left - frame.left) / scale - offset[0], (box.top - frame.top) / scale - offset[1]];
            return [x, y, x + box.width / scale, y + box.height / scale];
        }
        const [x, y, width, height] = node.getBounding();
        return [x, y, x + width, y + height];
    };
    return (canvas.graph ?? graph).nodes.map((node) => [`${node.id} ${node.title}`, drawn(node)]);
}
"""
GROUPS = """() => (window.app.canvas.graph ?? window.app.graph).groups.map(({ title, pos, size }) =>
    [title, [pos[0], pos[1], pos[0] + size[0], pos[1] + size[1]]])"""
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
SMALL = ["Quick drag", "Drag a video", "Drag a whole film"]  # seen whole, without scrolling
ALL_STAGES = "All stages"
RUN = [path for path in WORKFLOWS if path.stem in (*SMALL, ALL_STAGES)]
LITTLE_WORK = {  # in All stages, whose layout is looked at and not its edit
    "DragAVideo_DemoClip": {"frames": 2},
    "DragAVideo_Propagate": {"ensemble": 1},
    "DragAVideo_Tune": {"passes": 2, "rank": 2},
    "DragAVideo_Evaluate": {"ensemble": 1},
}
SET = """values => {
    for (const node of window.app.graph.nodes)
        for (const [name, value] of Object.entries(values[node.type] ?? {})) {
            const widget = node.widgets.find((one) => one.name === name);
            widget.value = value;
            widget.callback?.(value);
        }
}"""
VIEWPORT = {"width": 1440, "height": 900}
SIDEBAR, TOP = 60, 75  # px of the page that cover the graph
LEGIBLE = 0.6
CLOSE = 2.0  # px of the graph: boxes that only touch do not overlap


@dataclass(frozen=True)
class Box:
    """A node as it is drawn: its title, and where it lies in the graph."""

    title: str
    left: float
    top: float
    right: float
    bottom: float


def boxes(page: ComfyPage, renderer: str) -> list[Box]:
    """Every node of the graph that is open, as it is drawn in this renderer."""
    return [Box(title, *sides) for title, sides in page.page.evaluate(MEASURE, renderer)]


def overlaps(found: list[Box]) -> list[str]:
    """Pairs of nodes that lie on one another, as sentences."""
    said = []
    for a, b in itertools.combinations(found, 2):
        width = min(a.right, b.right) - max(a.left, b.left)
        height = min(a.bottom, b.bottom) - max(a.top, b.top)
        if width > CLOSE and height > CLOSE:
            said.append(f"{a.title} and {b.title} overlap by {width:.0f} x {height:.0f}")
    return said


def outgrown(page: ComfyPage, found: list[Box]) -> list[str]:
    """Nodes that begin in a group's frame and reach out of it, as sentences."""
    said = []
    for title, (left, top, right, bottom) in page.page.evaluate(GROUPS):
        for box in found:
            if left <= box.left < right and top <= box.top < bottom:
                across, down = box.right - right, box.bottom - bottom
                if max(across, down) > CLOSE:
                    said.append(f"{box.title} reaches {across:.0f} x {down:.0f} out of the group {title}")
    return said


def in_view(page: ComfyPage, found: list[Box]) -> tuple[list[str], float]:
    """Titles of the nodes whose upper left corner, or with it the title, is covered or out of view; and the page's zoom."""
    scale, (x, y) = page.page.evaluate("() => [app.canvas.ds.scale, [...app.canvas.ds.offset]]")
    corners = {box.title: ((box.left + x) * scale, (box.top + y) * scale) for box in found}
    return [t for t, (a, b) in corners.items() if not (SIDEBAR <= a < VIEWPORT["width"] and TOP <= b < VIEWPORT["height"])], scale


def run_and_look_again(page: ComfyPage, renderer: str, path: Path, seed: int) -> None:
    """A workflow runs to its end from the page, and then no node lies on another.

    seed: another one for every page that is looked at, so that All stages' nodes do their work again and say what they say.
    """
    page.load_workflow(path)
    if path.stem == ALL_STAGES:
        more = {"DragAVideo_Propagate": {"seed": seed}, "DragAVideo_Tune": {"seed": seed}}
        page.page.evaluate(SET, {kind: LITTLE_WORK.get(kind, {}) | more.get(kind, {}) for kind in LITTLE_WORK | more})
    assert run_from_page(page, timeout_ms=300_000)["status"]["status_str"] == "success"
    page.settle(2500)
    found = boxes(page, renderer)
    assert overlaps(found) == [] and outgrown(page, found) == []
    assert page.page.get_by_text("failed to load").count() == 0
    assert page.errors_from_pack() == []
