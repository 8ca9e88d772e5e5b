"""The picker in the orders that people take: pin before arrow, strokes first, another film, two pickers, a subgraph and back."""

from __future__ import annotations

import json

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, close_to, pack_errors

SIZE = (256, 192)
ARROW = ((120, 110), (150, 90))
SET = """([id, name, value]) => {
    const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
    const widget = node.widgets.find((one) => one.name === name);
    widget.value = value;
    widget.callback?.(value);
    window.app.canvas.emitBeforeChange();
    window.app.canvas.emitAfterChange();
}"""
INTO_SUBGRAPH = """id => {
    const { canvas, graph } = window.app;
    canvas.selectItems([graph.getNodeById(id) ?? graph.getNodeById(Number(id))]);
    const { node } = graph.convertToSubgraph(canvas.selectedItems);
    return [String(node.id), node.subgraph.nodes[0].widgets[0].value];
}"""
AND_BACK = """id => {
    const { graph } = window.app;
    const before = new Set(graph.nodes.map((one) => String(one.id)));
    graph.unpackSubgraph(graph.getNodeById(id) ?? graph.getNodeById(Number(id)));
    return graph.nodes.map((one) => String(one.id)).find((one) => !before.has(one));
}"""


def write_film(path, seed: int) -> None:
    """Eight frames of coloured blocks, 10 per second."""
    import av
    import numpy as np

    random = np.random.default_rng(seed)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(8):
            blocks = random.integers(0, 255, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


def test_in_any_order_and_into_a_subgraph_and_back(page: ComfyPage, comfy: ComfyUI, renderer: str, artifacts, tmp_path):
    for seed, name in enumerate(("one", "other")):
        write_film(tmp_path / f"orders_{name}.mp4", seed)
        comfy.upload(tmp_path / f"orders_{name}.mp4")
    page.read_files_again()
    loaded = {"file": "orders_one.mp4", "width": SIZE[0], "height": SIZE[1]}
    wires = {"video": ["clip", 0]}
    graph = [
        ("clip", "DragAVideo_LoadVideo", (0, 100), loaded, {}),
        ("pick", "DragAVideo_Pick", (500, 100), {"points": ""}, wires),
        ("second", "DragAVideo_Pick", (1100, 100), {"points": ""}, wires),
    ]
    ids = build(page, graph)
    canvas, second = (Canvas(page, ids[name]) for name in ("pick", "second"))

    canvas.center()
    canvas.wait_for_picture()
    canvas.press_button("Pin")
    canvas.click((60, 160), SIZE)
    canvas.keys("a")
    canvas.drag(*ARROW, SIZE)
    assert close_to(canvas.points, [(60, 160), (60, 160), *ARROW])
    canvas.keys("Control+z", "Control+z")
    assert canvas.data["pairs"] == []
    canvas.keys("t")
    canvas.drag((100, 120), (150, 130), SIZE)
    canvas.keys("g")
    canvas.drag((20, 30), (230, 30), SIZE)
    canvas.keys("a")
    canvas.drag(*ARROW, SIZE)
    drawn = canvas.text
    assert [stroke["kind"] for stroke in canvas.data["strokes"]] == ["thing", "ground"] and close_to(canvas.points, ARROW)
    canvas.keys(*["Control+z"] * 3, *["Control+y"] * 3)
    assert canvas.text == drawn

    second.center()
    second.wait_for_picture()
    second.drag((40, 40), (60, 60), SIZE)
    assert canvas.text == drawn and len(second.data["pairs"]) == 1

    page.page.evaluate(SET, [ids["clip"], "file", "orders_other.mp4"])
    page.settle(1000)
    canvas.center()
    canvas.wait_for_picture()
    assert canvas.text == drawn, "another film of the same size changed the points"

    outer, inside = page.page.evaluate(INTO_SUBGRAPH, ids["pick"])
    assert json.loads(inside) == json.loads(drawn)
    page.settle(800)
    back = Canvas(page, page.page.evaluate(AND_BACK, outer))
    back.wait_for_picture()
    page.screenshot(artifacts / f"picker_orders_{renderer}.png")
    assert back.text == drawn and back.node("widget.element.isConnected")
    back.drag((200, 60), (220, 60), SIZE)
    assert len(back.data["pairs"]) == 2
    back.node("[...widget.element.querySelectorAll('input')].find((one) => one.getAttribute('aria-label') === 'Clear …').click()")
    page.page.get_by_role("button", name="Everything", exact=True).click()
    assert back.data["pairs"] == [] and "strokes" not in back.data
    back.click((5, 5), SIZE)
    back.keys("Escape", "Control+z")
    assert len(back.data["pairs"]) == 2 and len(second.data["pairs"]) == 1
    assert not pack_errors(page)
