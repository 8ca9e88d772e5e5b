"""The core scenarios once more on ComfyUI's newest page, in both renderers: it is updated more often than the server."""

import pytest

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_scenarios import correct_and_run_again, draw_keep_and_run


@pytest.fixture(scope="module")
def served(newest: ComfyUI) -> ComfyUI:
    return newest


def test_drawn_kept_run_and_corrected(newest: ComfyUI, page: ComfyPage, renderer: str, artifacts):
    version = page.page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__")
    assert version in str(newest.page), f"the page says it is version {version}"
    draw_keep_and_run(page, artifacts / f"picker_expanded_newest_{renderer}.png")
    correct_and_run_again(page, 5 if renderer == "classic" else 6, artifacts / f"review_newest_{renderer}.png")
