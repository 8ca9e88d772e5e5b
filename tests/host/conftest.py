"""One ComfyUI server and one browser for all host tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from host import browser as host_browser
from host.browser import ComfyPage
from host.comfyui import ROOT, ComfyUI
from host.demo import Demo, run_demo
from host.layout import VIEWPORT
from host.newest_frontend import NoFrontend, newest_frontend

HERE = Path(__file__).resolve().parent
ARTIFACTS = ROOT / "output" / "test-artifacts"


def pytest_configure(config: pytest.Config) -> None:
    """A terminated test run ends like an interrupted one: fixtures are torn down and no server is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs against the server or the page."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ())) if item.path.parent == HERE else set()
        if fixtures & {"comfy", "newest"}:
            item.add_marker(pytest.mark.host)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def artifacts() -> Path:
    """Where tests leave pictures and logs for a person to look at."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS


@pytest.fixture(scope="package")
def comfy(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[ComfyUI]:
    """A running server with this pack inside, the same for all tests."""
    with ComfyUI(base=tmp_path_factory.mktemp("comfyui")) as server:
        yield server
        shutil.copy(server.log_file, artifacts / "server.log")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium; without one, browser tests are skipped, save where `make test` could have installed it."""
    if host_browser.chromium_path() is None:
        if os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
            pytest.fail("no Chromium, though `make chromium` can install it here: look at its output")
        pytest.skip("no Chromium on this machine: install Debian's package chromium, or run `make test` as root")
    with host_browser.launch() as launched:
        yield launched


@pytest.fixture(scope="package")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A server with ComfyUI's newest page; skipped where the package index cannot be reached."""
    try:
        page = newest_frontend()
    except NoFrontend as fault:
        pytest.skip(f"the newest comfyui-frontend-package could not be had: {fault}")
    with ComfyUI(base=tmp_path_factory.mktemp("newest"), page=page) as server:
        yield server


@pytest.fixture(scope="module", params=host_browser.RENDERERS)
def renderer(request: pytest.FixtureRequest) -> str:
    """Both ways the page draws nodes: `classic` and `nodes2`."""
    return request.param


@pytest.fixture(scope="module")
def served(comfy: ComfyUI) -> ComfyUI:
    """The server of the page; files that look at the newest page take another."""
    return comfy


@pytest.fixture(scope="module")
def opened(served: ComfyUI, browser: Browser, renderer: str) -> Iterator[ComfyPage]:
    """The page of a file's tests in each renderer."""
    with host_browser.open_page(served, browser, renderer) as page:
        yield page


@pytest.fixture
def page(opened: ComfyPage, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[ComfyPage]:
    """That page with an empty workflow. Its last picture is kept in `artifacts`, named after the test."""
    failed = request.session.testsfailed
    yield opened
    name = re.sub(r"[^A-Za-z0-9]+", "_", request.node.name).strip("_")
    opened.screenshot(artifacts / f"{name}.png")
    if request.session.testsfailed > failed:  # it may have left anything behind
        opened.open()
    opened.clear()


@pytest.fixture
def laptop(page: ComfyPage) -> ComfyPage:
    """The page in a window of a laptop's size."""
    page.page.set_viewport_size(VIEWPORT)
    return page


@pytest.fixture(scope="package")
def demo(comfy: ComfyUI, artifacts: Path) -> Demo:
    """The workflow "All stages", run once over HTTP and websocket for all tests that look at it."""
    return run_demo(comfy, artifacts / "demo", on_event=lambda event: None)
