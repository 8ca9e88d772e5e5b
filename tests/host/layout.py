"""Where the nodes of an open workflow lie on the page, in units of the graph: what is drawn, not what the file says."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from host.browser import ComfyPage

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
