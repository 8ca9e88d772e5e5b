"""The help pages: the server hands one out for every node, and the page's help panel shows it."""

from host.browser import ComfyPage
from host.comfyui import PACK_FOLDER, ComfyUI

INFO = ".selection-toolbox button:has(.icon-\\[lucide--info\\])"


def test_every_node_has_a_help_page_on_the_server(comfy: ComfyUI):
    nodes = [name for name in comfy.object_info() if name.startswith("DragAVideo_")]
    assert len(nodes) >= 9
    for name in nodes:
        text = comfy.get(f"/extensions/{PACK_FOLDER}/docs/{name}.md").text
        assert text.startswith("# ") and "|" in text, name


def open_help(page: ComfyPage, kind: str) -> None:
    page.page.evaluate(
        """kind => {
            const node = window.LiteGraph.createNode(kind);
            node.pos = [300, 300];
            window.app.graph.clear();
            window.app.graph.add(node);
            window.app.canvas.centerOnNode(node);
            window.app.canvas.selectNode(node);
        }""",
        kind,
    )
    page.page.locator(INFO).click()


def test_the_help_panel_shows_it(page: ComfyPage):
    open_help(page, "DragAVideo_EmbeddedModel")
    wanted = page.comfy.get(f"/extensions/{PACK_FOLDER}/docs/DragAVideo_EmbeddedModel.md").text
    sentence = next(line for line in wanted.splitlines()[1:] if line.strip())[:40]
    page.page.get_by_text(sentence).first.wait_for(timeout=10_000)


def test_the_pictures_of_a_help_page_are_shown(page: ComfyPage):
    open_help(page, "DragAVideo_Displace")
    picture = page.page.locator('img[src$="displace.jpg"]').first
    picture.wait_for(timeout=10_000)
    page.page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=picture.element_handle(), timeout=10_000)
