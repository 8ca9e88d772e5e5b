"""The point picker on the real page, in both renderers, with mouse and keyboard."""

import json

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, close_to, demo_graph, pack_errors, picks, run_from_page
from host.picker_scenarios import ONE, TWO, correct_and_run_again, draw_keep_and_run


def test_points_are_drawn_kept_and_run(page: ComfyPage, renderer: str, artifacts):
    draw_keep_and_run(page, artifacts / f"picker_expanded_{renderer}.png")


def test_a_handle_put_right_by_hand_is_honoured(page: ComfyPage, renderer: str, artifacts):
    """The propagation review plays what the run found."""
    correct_and_run_again(page, 3 if renderer == "classic" else 4, artifacts / f"review_{renderer}.png")


def test_the_run_brings_the_frame_and_never_resizes_the_node(page: ComfyPage):
    """A clip that is known only after a run; the frame slider then reaches every frame."""
    ids = build(page, demo_graph(picks([ONE])))
    canvas = Canvas(page, ids["pick"])
    assert not canvas.has_picture()
    size = canvas.node("[...node.size]")
    assert run_from_page(page)["status"]["status_str"] == "success"
    canvas.center()
    canvas.wait_for_picture()
    assert canvas.node("[...node.size]") == size
    slider = page.page.locator(".dav-frames input[type=range]")
    assert slider.get_attribute("max") == "2"
    before = canvas.text
    slider.focus()
    page.page.keyboard.press("ArrowRight")
    assert canvas.text == before, "looking at another frame moved the points"
    canvas.wait_for_picture()
    page.page.get_by_role("button", name="Draw on this frame").click()
    assert canvas.data == {**json.loads(before), "frame": 1}


def test_the_frame_is_there_before_the_first_run(page: ComfyPage, comfy: ComfyUI, tmp_path):
    """From the file of a wired loader; when the loader's size changes, the points keep their places, and it says so."""
    from PIL import Image

    picture = Image.effect_mandelbrot((192, 128), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    picture.save(tmp_path / "picker_still.png")
    _write_video(tmp_path / "picker_clip.mp4")
    comfy.upload(tmp_path / "picker_still.png")
    comfy.upload(tmp_path / "picker_clip.mp4")
    page.read_files_again()
    ids = build(
        page,
        [
            ("still", "LoadImage", (0, 100), {"image": "picker_still.png"}, {}),
            ("one", "DragAVideo_Pick", (400, 100), {"points": ""}, {"video": ["still", 0]}),
            (
                "clip",
                "DragAVideo_LoadVideo",
                (0, 900),
                {
                    "file": "picker_clip.mp4",
                    "width": 128,
                    "height": 128,
                    "select_every_nth": 2,
                    "skip_first_frames": 1,
                    "frame_load_cap": 4,
                },
                {},
            ),
            ("two", "DragAVideo_Pick", (400, 900), {"points": picks([ONE])}, {"video": ["clip", 0]}),
        ],
    )
    still = Canvas(page, ids["one"])
    still.wait_for_picture()
    still.drag((50, 60), (100, 70), size=(192, 128))
    assert still.data["size"] == [192, 128] and close_to(still.points, [(50, 60), (100, 70)])

    clip = Canvas(page, ids["two"])
    clip.wait_for_picture()
    assert clip.data == json.loads(picks([ONE]))
    assert page.page.locator(".dav-frames input[type=range]").last.get_attribute("max") == "3"
    page.page.evaluate(
        """id => {
            const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
            const width = node.widgets.find(one => one.name === 'width');
            width.value = 256;
            width.callback?.(256);
            window.app.canvas.emitBeforeChange();
            window.app.canvas.emitAfterChange();
        }""",
        ids["clip"],
    )
    page.settle(800)
    assert clip.data["size"] == [256, 128]
    assert clip.points == [[2 * x + 0.5, y] for x, y in ONE]
    assert "rescaled from 128 \u00d7 128 to 256 \u00d7 128" in clip.said
    assert not pack_errors(page)


def test_points_that_come_by_wire_start_the_drawing(page: ComfyPage):
    """They fill the canvas; what the user then draws wins, until they change."""
    ids = build(page, demo_graph(wired=True))
    canvas = Canvas(page, ids["pick"])
    run_from_page(page)
    canvas.center()
    first = canvas.data
    assert first["pairs"] and "seed" in first
    assert "from the wire" in canvas.said
    canvas.drag(*TWO)
    mine = canvas.text
    run = run_from_page(page)
    assert canvas.text == mine and run["status"]["status_str"] == "success"
    shown = run["outputs"][ids["pick"]]["drag_a_video_seed"][0]["key"]
    assert shown == first["seed"]
    page.page.evaluate(
        """id => {
            const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
            node.widgets.find(one => one.name === 'seed').value = 11;
        }""",
        ids["clip"],
    )
    run_from_page(page)
    assert canvas.data["seed"] != first["seed"] and canvas.text != mine
    canvas.click((2, 2))
    canvas.keys("Control+z")
    assert canvas.text == mine


def test_copies_undo_of_the_graph_and_other_tabs(page: ComfyPage):
    """The node is copied, deleted and brought back by the graph's own undo, and left for another workflow tab."""
    ids = build(page, demo_graph())
    canvas = Canvas(page, ids["pick"])
    canvas.drag(*ONE)
    canvas.drag(*TWO)
    both = canvas.text
    canvas.click(ONE[0])
    page.page.evaluate(
        """id => {
            const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
            window.app.canvas.copyToClipboard([node]);
            window.app.canvas.pasteFromClipboard();
        }""",
        ids["pick"],
    )
    page.settle(800)
    values = page.page.evaluate(
        "() => window.app.graph.nodes.filter(n => n.type === 'DragAVideo_Pick').map(n => n.widgets[0].value)"
    )
    assert values == [both, both]

    tracker = "window.app.extensionManager.workflow.activeWorkflow.changeTracker"
    page.page.evaluate(f"async () => {{ await {tracker}.undo() }}")  # takes the copy back
    page.settle(1200)
    canvas.center()
    assert canvas.text == both
    page.page.evaluate(f"async () => {{ await {tracker}.undo() }}")  # takes the second pair back
    page.settle(1200)
    canvas.center()
    assert len(canvas.data["pairs"]) == 1
    assert canvas.node("widget.element.isConnected"), "the page shows the element of a node that is gone"
    canvas.drag(*TWO)
    assert close_to(canvas.points, [*ONE, *TWO])

    before = canvas.text
    page.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    page.settle(1500)
    assert page.page.evaluate("() => window.app.graph.nodes.every(n => n.type !== 'DragAVideo_Pick')")
    page.page.evaluate("() => window.app.extensionManager.command.execute('Workspace.PreviousOpenedWorkflow')")
    page.page.wait_for_function("() => window.app.graph.nodes.some(n => n.type === 'DragAVideo_Pick')")
    page.settle(1200)
    canvas.center()
    assert canvas.text == before
    assert canvas.node("widget.element.isConnected")
    canvas.drag((20, 20), (30, 40))
    assert len(canvas.data["pairs"]) == 3
    assert not pack_errors(page)


def test_the_picture_is_there_after_another_tab_and_inside_a_subgraph(page: ComfyPage):
    """The last run's frames come back with the tab; the node can be put into a subgraph, and runs there."""
    ids = build(page, demo_graph(picks([ONE]), seed=8))
    canvas = Canvas(page, ids["pick"])
    run_from_page(page)
    canvas.wait_for_picture()
    page.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
    page.settle(1500)
    page.page.evaluate("() => window.app.extensionManager.command.execute('Workspace.PreviousOpenedWorkflow')")
    page.page.wait_for_function("() => window.app.graph.nodes.some(n => n.type === 'DragAVideo_Pick')")
    canvas.center()
    canvas.wait_for_picture()

    page.page.evaluate(
        """() => {
            const { canvas, graph } = window.app;
            canvas.selectItems(graph.nodes);
            const { node } = graph.convertToSubgraph(canvas.selectedItems);
            canvas.setGraph(node.subgraph);
        }"""
    )
    page.settle(1500)
    inside = page.page.evaluate("() => String(window.app.canvas.graph.nodes.find(n => n.type === 'DragAVideo_Pick').id)")
    assert run_from_page(page)["status"]["status_str"] == "success"
    page.page.wait_for_function(
        """id => {
            const node = window.app.canvas.graph.getNodeById(Number(id));
            const shown = node.widgets[0].element.querySelector('.dav-stage canvas');
            const { data } = shown.getContext('2d').getImageData(0, 0, shown.width, shown.height);
            return new Set(data.filter((_, at) => at % 148 === 0)).size > 40;
        }""",
        arg=inside,
    )
    assert not pack_errors(page)


def _write_video(path) -> None:
    """Twelve frames of coloured noise, 10 per second."""
    import av
    import numpy as np

    random = np.random.default_rng(0)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for _ in range(12):
            blocks = random.integers(0, 255, (16, 24, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


def test_a_text_that_is_no_points_is_kept_until_something_is_drawn(page: ComfyPage):
    """A newer version, or JSON of something else."""
    newer = '{"version": 4, "things": []}'
    ids = build(page, demo_graph(newer))
    canvas = Canvas(page, ids["pick"])
    assert canvas.text == newer
    assert "version is 4" in canvas.said
    canvas.drag(*ONE)
    assert canvas.data["version"] == 1 and close_to(canvas.points, ONE)
