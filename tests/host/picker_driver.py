"""The point picker and the propagation review as a person uses them: mouse and keys on the page, nothing else."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

from host.browser import ComfyPage

MARGIN = 6  # CSS px around the picture on the stage
Point = tuple[float, float]

ADD_NODES = """specs => {
    const made = {};
    for (const [name, type, pos, values, wires] of specs) {
        const node = window.LiteGraph.createNode(type);
        node.pos = pos;  // before it is added: Nodes 2.0 reads it then
        window.app.graph.add(node);
        for (const [key, value] of Object.entries(values)) {
            const widget = node.widgets.find(one => one.name === key);
            widget.value = value;
            widget.callback?.(value);
        }
        for (const [input, [from, slot]] of Object.entries(wires))
            made[from].connect(slot, node, node.inputs.findIndex(one => one.name === input));
        made[name] = node;
    }
    window.app.canvas.setDirty(true, true);
    return Object.fromEntries(Object.entries(made).map(([name, node]) => [name, String(node.id)]));
}"""


def build(page: ComfyPage, specs: list[tuple[str, str, Point, dict, dict]]) -> dict[str, str]:
    """A new graph of nodes (name, type, position, widget values, wires {input: [name, output slot]}): ids by name."""
    page.page.evaluate("() => window.app.graph.clear()")
    ids = page.page.evaluate(ADD_NODES, specs)
    page.settle(1000)
    page.page.evaluate("() => { window.app.canvas.emitBeforeChange(); window.app.canvas.emitAfterChange(); }")
    return ids


def demo_graph(points: str = "", wired: bool = False, frames: int = 3, seed: int = 3) -> list:
    """A drawn clip and the picker; `wired`: the clip's own points go into it."""
    wires = {"video": ["clip", 0], **({"other_points": ["clip", 2]} if wired else {})}
    clip = {"kind": "creature", "seed": seed, "frames": frames}
    return [("clip", "DragAVideo_DemoClip", (0, 100), clip, {}), ("pick", "DragAVideo_Pick", (400, 100), {"points": points}, wires)]


def picks(pairs: list[tuple[Point, Point]], mask: list[Point] = (), size: tuple[int, int] = (128, 128), frame: int = 0) -> str:
    """The value of the points widget."""
    return json.dumps(
        {
            "version": 1,
            "size": list(size),
            "frame": frame,
            "pairs": [{"handle": list(a), "target": list(b)} for a, b in pairs],
            "mask_points": [list(point) for point in mask],
        }
    )


class Canvas:
    """One of our canvas widgets on one node, centred in the view."""

    def __init__(self, page: ComfyPage, node_id: str, name: str = "points", scale: float = 1.0):
        self.host = page
        self.page: Page = page.page
        self.node_id = node_id
        self.name = name
        self.center(scale)

    def center(self, scale: float = 1.0) -> None:
        """Bring the node into view; loading and undo of the graph move it."""
        self.host.center_on(self.node_id, scale)
        self.host.settle(700)

    def node(self, expression: str) -> Any:
        """A JavaScript expression of `node` and `widget`."""
        return self.page.evaluate(
            f"""([id, name]) => {{
                const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
                const widget = node.widgets.find(one => one.name === name);
                return {expression};
            }}""",
            [self.node_id, self.name],
        )

    @property
    def text(self) -> str:
        """The widget's value."""
        return self.node("widget.value")

    @property
    def data(self) -> dict:
        """The widget's value, parsed."""
        return json.loads(self.text)

    @property
    def points(self) -> list[Point]:
        """All ends of pairs, then the mask points."""
        data = self.data
        return [p for pair in data["pairs"] for p in (pair["handle"], pair["target"])] + data["mask_points"]

    @property
    def said(self) -> str:
        """What the status line says."""
        return self.node("widget.element.querySelector('.dav-said').textContent")

    @property
    def note(self) -> str:
        """What is written over the stage."""
        return self.node("widget.element.querySelector('.dav-note').textContent")

    def has_picture(self) -> bool:
        """Is there more than one colour where the frame is, and no word that it is missing? Marks have a few colours as well."""
        return self.node("""(() => {
            const note = widget.element.querySelector('.dav-note').textContent;
            if (/No picture yet|cannot show|forgotten|Press Run/.test(note)) return false;
            const canvas = widget.element.querySelector('.dav-stage canvas');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const seen = new Set();
            for (let at = 0; at < data.length; at += 4 * 37)
                seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
            return seen.size > 40;
        })()""")

    def wait_for_picture(self) -> None:
        """Until the frame is shown."""
        for _ in range(60):
            if self.has_picture():
                return
            self.page.wait_for_timeout(250)
        raise AssertionError(f"no picture came: {self.note!r}")

    def screen(self, point: Point, size: tuple[int, int]) -> Point:
        """Where on the screen a point of the whole picture of `size` (W, H) lies."""
        left, top, width, height, w, h = self.node("""(() => {
            const stage = widget.element.querySelector('.dav-stage'), r = stage.getBoundingClientRect();
            return [r.left, r.top, r.width, r.height, stage.clientWidth, stage.clientHeight];
        })()""")
        scale = min((w - 2 * MARGIN) / size[0], (h - 2 * MARGIN) / size[1])
        x = (point[0] + 0.5) * scale + (w - size[0] * scale) / 2
        y = (point[1] + 0.5) * scale + (h - size[1] * scale) / 2
        return left + x * width / w, top + y * height / h

    def drag(self, start: Point, end: Point, size: tuple[int, int] = (128, 128), button: str = "left") -> None:
        """Press at one point of the picture, move, let go at another."""
        mouse = self.page.mouse
        mouse.move(*self.screen(start, size))
        mouse.down(button=button)
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*self.screen(middle, size))
        mouse.move(*self.screen(end, size), steps=3)
        mouse.up(button=button)
        self.page.wait_for_timeout(150)

    def click(self, point: Point, size: tuple[int, int] = (128, 128)) -> None:
        """Click a point of the picture."""
        self.page.mouse.click(*self.screen(point, size))
        self.page.wait_for_timeout(100)

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(150)

    def press_button(self, label: str) -> None:
        """Click the toolbar button whose name starts so."""
        self.page.locator(f'.dav-root input[aria-label^="{label}"]').first.click()
        self.page.wait_for_timeout(150)

    def node_size(self) -> list[float]:
        """Width and height of the whole node; in Nodes 2.0 of its element on the page."""
        return self.node(
            """(() => {
                const shown = document.querySelector(`[data-node-id="${node.id}"]`);
                return shown ? [shown.offsetWidth, shown.offsetHeight] : [...node.size];
            })()"""
        )

    @property
    def is_expanded(self) -> bool:
        """Is the full-window editor open?"""
        return self.node("widget.element.querySelector('dialog').open")


RUN = """() => {
    window.hasEnded = false;
    for (const way of ["success", "error", "interrupted"])
        window.app.api.addEventListener(`execution_${way}`, () => (window.hasEnded = true), { once: true });
    window.app.extensionManager.command.execute("Comfy.QueuePrompt");
}"""


def run_from_page(page: ComfyPage, timeout_ms: int = 120_000) -> dict:
    """Queue the open graph with the page's own command and wait until the page knows its end: the server's history of the run."""
    before = set(page.comfy.get("/history").json())
    page.page.evaluate(RUN)
    for _ in range(timeout_ms // 250):
        found = {key: run for key, run in page.comfy.get("/history").json().items() if key not in before}
        if found and page.page.evaluate("() => window.hasEnded"):
            page.settle(700)
            return next(iter(found.values()))
        page.page.wait_for_timeout(250)
    raise AssertionError("the run did not end")


def close_to(got: list[Point], wanted: list[Point], tolerance: float = 0.75) -> bool:
    """Are these the same points, up to the pixels that a mouse can hit?"""
    return len(got) == len(wanted) and all(
        abs(a[0] - b[0]) <= tolerance and abs(a[1] - b[1]) <= tolerance for a, b in zip(got, wanted, strict=True)
    )


def pack_errors(page: ComfyPage) -> list[str]:
    """The page's errors that name this pack, without the look-ups at ComfyUI's registry that the server blocks."""
    return [text for text in page.errors_from_pack() if "Content Security Policy" not in text]
