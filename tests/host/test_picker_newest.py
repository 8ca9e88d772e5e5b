"""The core scenarios once more on ComfyUI's newest page, in both renderers: it is updated more often than the server."""

from playwright.sync_api import Browser

from host.browser import open_page
from host.comfyui import ComfyUI
from host.newest_frontend import lay_over
from host.picker_scenarios import correct_and_run_again, draw_keep_and_run


def test_drawn_kept_run_and_corrected(newest, comfy: ComfyUI, browser: Browser, renderer: str, artifacts):
    with open_page(comfy, browser, renderer, prepare=lambda context: lay_over(context, newest)) as page:
        version = page.page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__")
        assert version in str(newest), f"the page says it is version {version}"
        draw_keep_and_run(page, artifacts / f"picker_expanded_newest_{renderer}.png")
        seed = 5 if renderer == "classic" else 6
        correct_and_run_again(page, seed, artifacts / f"review_newest_{renderer}.png")
