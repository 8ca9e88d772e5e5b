"""ComfyUI hands the page our texts, and the page shows them."""

import json

from host import browser as host_browser
from host.browser import ComfyPage
from host.comfyui import ROOT, ComfyUI
from host.picker_driver import build

CHINESE = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))


def labels(page: ComfyPage) -> list[str]:
    """The title and the labels of a Tune LoRA node as the page has them."""
    (node,) = build(page, [("tune", "DragAVideo_Tune", (0, 0), {}, {})]).values()
    page.center_on(node)
    return page.page.evaluate(
        """id => {
            const node = window.app.graph.nodes.find((one) => String(one.id) === String(id));
            return [node.title, ...node.widgets.map((one) => one.label ?? one.name)];
        }""",
        node,
    )


def test_the_server_hands_them_out(comfy: ComfyUI):
    texts = comfy.get("/i18n").json()
    name = texts["zh"]["nodeDefs"]["DragAVideo_Pick"]["display_name"]
    assert name == CHINESE["DragAVideo_Pick"]["display_name"] and not name.isascii()
    assert texts["en"]["nodeDefs"]["DragAVideo_Tune"]["inputs"]["learning_rate"]["name"] == "learning rate"


def test_labels_say_what_a_knob_does(page: ComfyPage, artifacts, renderer: str):
    assert labels(page)[:4] == ["Tune LoRA", "passes", "rank", "learning rate"]


def test_the_newest_page_shows_chinese(newest: ComfyUI, browser, artifacts):
    """ComfyUI 0.3.75's own page forgets other packs' texts when it loads another language than English."""
    newest.set_setting("Comfy.Locale", "zh")
    try:
        with host_browser.open_page(newest, browser, "nodes2") as page:
            shown = labels(page)
            page.screenshot(artifacts / "chinese.png")
    finally:
        newest.set_setting("Comfy.Locale", "en")
    tune = CHINESE["DragAVideo_Tune"]
    assert shown[0] == tune["display_name"] and tune["inputs"]["learning_rate"]["name"] in shown
