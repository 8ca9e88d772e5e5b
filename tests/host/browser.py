"""ComfyUI's page in headless Chromium: opening it, loading workflows into it, asking its graph."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from host.comfyui import PACK_FOLDER, ComfyUI

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RENDERERS = ("classic", "nodes2")  # nodes2 = the page's setting Comfy.VueNodes.Enabled
SIZE = {"width": 1600, "height": 1000}  # of a page
STORED = "cookies,local_storage,indexeddb,cache_storage,service_workers"  # by a page, for the next one of this server
READY_MS = 120_000  # a busy machine needs much more than the usual 5-9 s


def chromium_path() -> str | None:
    """Where the system's Chromium is, if it has one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def launch() -> Iterator[Browser]:
    """A headless Chromium of the system. Its first context keeps the page's compiled scripts: half of a page's start."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kept = playwright.chromium.launch_persistent_context(
            folder, executable_path=chromium_path(), headless=True, args=FLAGS, viewport=SIZE
        )
        yield kept.browser
        kept.close()


class ComfyPage:
    """One open page of a server. `page` is playwright's; `errors` collects what went wrong in it so far."""

    def __init__(self, comfy: ComfyUI, page: Page):
        self.comfy = comfy
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda fault: self.errors.append(f"{fault.message}\n{fault.stack or ''}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location or {}
            self.errors.append(f"{message.text} [{where.get('url', '')}:{where.get('lineNumber', '')}]")

    def errors_from_pack(self) -> list[str]:
        """The errors that name this pack, save those of the page's own calls outside, which the server forbids."""
        names = (PACK_FOLDER, "dragavideo", "drag_a_video")
        inside = [text for text in self.errors if "Content Security Policy" not in text]
        return [text for text in inside if any(name in text.lower() for name in names)]

    def open(self) -> None:
        """Go to the page, or reload it, and wait until its graph can be used."""
        self.page.goto(self.comfy.url, wait_until="domcontentloaded", timeout=READY_MS)
        self.page.wait_for_function(
            "() => window.app?.graph && window.app.canvas && window.app.vueAppReady !== false"
            " && document.querySelector('#comfy-file-input')"
            " && Object.keys(window.LiteGraph?.registered_node_types ?? {}).length > 100",
            timeout=READY_MS,
        )
        covers = "#splash-loader, .p-blockui-document"
        self.page.wait_for_function(f"() => !document.querySelector('{covers}')", timeout=READY_MS)

    def clear(self) -> None:
        """An empty workflow, in a tab of its own, and no errors: nothing of what was done before is in the way."""
        if self.page.evaluate("() => { const { graph } = window.app.canvas; return graph !== (graph.rootGraph ?? graph); }"):
            self.open()  # Nodes 2.0 would go on showing the subgraph that is open
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        self.page.wait_for_function("() => window.app.graph.nodes.length === 0", timeout=READY_MS)
        self.errors.clear()

    def read_files_again(self) -> None:
        """Have the page ask the server which files its loaders can choose from, as the key R does."""
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.RefreshNodeDefinitions')")

    def load_workflow(self, path: Path) -> None:
        """Open a workflow file as a person does; waits until the graph holds its nodes."""
        wanted = len(json.loads(Path(path).read_text(encoding="utf-8"))["nodes"])
        self.page.set_input_files("#comfy-file-input", str(path))
        self.page.wait_for_function("count => window.app.graph.nodes.length === count", arg=wanted, timeout=READY_MS)
        self.settle()

    def settle(self, milliseconds: int = 500) -> None:
        """Give the page time to draw."""
        self.page.wait_for_timeout(milliseconds)

    def fit(self) -> None:
        """Bring the whole graph into view."""
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
        self.settle(800)

    def center_on(self, node_id: int | str, scale: float = 1.0) -> None:
        """Bring one node to the middle of the view. Loading and undo move the view: call it before using the mouse."""
        self.page.evaluate(
            """([id, scale]) => {
                const app = window.app, node = app.graph.getNodeById(id) ?? app.graph.getNodeById(Number(id));
                app.canvas.ds.scale = scale;
                app.canvas.centerOnNode(node);
                app.canvas.setDirty(true, true);
            }""",
            [node_id, scale],
        )
        self.settle()

    def missing_nodes(self) -> list[str]:
        """Types of the nodes in the graph that the page does not know."""
        return self.page.evaluate(
            "() => window.app.graph.nodes.filter(n => !n.constructor.nodeData && !n.isVirtualNode).map(n => n.type)"
        )

    def graph_to_prompt(self) -> dict[str, Any]:
        """The API form of the open graph, as the page itself would queue it."""
        return self.page.evaluate("async () => (await window.app.graphToPrompt()).output")

    def screenshot(self, path: Path) -> None:
        """Save a picture of the page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))


@contextmanager
def open_page(
    comfy: ComfyUI, browser: Browser, renderer: str = "classic", size: dict[str, int] = SIZE, density: float = 1
) -> Iterator[ComfyPage]:
    """A fresh page of the server in one of `RENDERERS`, of `size` CSS pixels with so many of the screen's along each side."""
    comfy.set_setting("Comfy.VueNodes.Enabled", renderer == "nodes2")
    page = browser.contexts[0].new_page()
    try:
        page.set_viewport_size(size)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Storage.clearDataForOrigin", {"origin": comfy.url, "storageTypes": STORED})
        if density != 1:
            devtools.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": density, "mobile": False})
        opened = ComfyPage(comfy, page)
        opened.open()
        yield opened
    finally:
        page.close()
