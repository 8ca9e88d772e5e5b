"""ComfyUI hands the page our texts, and the page shows them."""

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import build


def test_the_server_hands_them_out(comfy: ComfyUI):
    told = comfy.get("/i18n").json()
    assert told["zh"]["nodeDefs"]["DragAVideo_Pick"]["display_name"] == "选取点"
    assert told["en"]["nodeDefs"]["DragAVideo_Tune"]["inputs"]["learning_rate"]["name"] == "learning rate"


def test_the_page_shows_chinese(page: ComfyPage, comfy: ComfyUI, artifacts, renderer: str):
    comfy.set_setting("Comfy.Locale", "zh")
    try:
        page.open()
        (node,) = build(page, [("tune", "DragAVideo_Tune", (0, 0), {}, {})]).values()
        page.center_on(node)
        shown = page.page.evaluate(
            """id => {
                const node = window.app.graph.nodes.find((one) => String(one.id) === String(id));
                return [node.title, ...node.widgets.map((one) => one.label ?? one.name)];
            }""",
            node,
        )
        page.screenshot(artifacts / f"chinese_{renderer}.png")
    finally:
        comfy.set_setting("Comfy.Locale", "en")
    assert shown[0] == "训练 LoRA" and "学习率" in shown
