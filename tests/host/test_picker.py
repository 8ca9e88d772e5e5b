"""The point picker on the real page, in both renderers, with mouse and keyboard."""

import json

import pytest
from playwright.sync_api import Browser

from host import browser as host_browser
from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, close_to, demo_graph, pack_errors, picks, run_from_page

ONE = ((40, 50), (80, 30))
TWO = ((90, 90), (60, 100))


def test_points_are_drawn_kept_and_run(page: ComfyPage, renderer: str, artifacts):
    """Two pairs and a mask by mouse, one undone, one nudged, the full window, save, reload, the run."""
    ids = build(page, demo_graph())
    canvas = Canvas(page, ids["pick"])
    assert "No picture yet" in canvas.note
    canvas.drag(*ONE)
    canvas.drag(*TWO)
    assert close_to(canvas.points, [*ONE, *TWO])
    canvas.keys("m")
    canvas.drag((40, 50), (80, 30))
    drawn = canvas.data
    assert len(drawn["mask_points"]) >= 5 and drawn["pairs"][0] != drawn["pairs"][1]
    canvas.keys("Control+z")
    assert canvas.data["mask_points"] == []
    canvas.keys("Control+Shift+z")
    assert canvas.data == drawn
    canvas.keys("a")
    canvas.click(TWO[1])
    canvas.keys("ArrowRight", "Shift+ArrowUp")
    moved = canvas.data["pairs"][1]["target"]
    assert moved == [drawn["pairs"][1]["target"][0] + 1, drawn["pairs"][1]["target"][1] - 10]
    canvas.keys("Control+z", "Control+z", "Control+y")
    assert canvas.data["pairs"][1]["target"] == [moved[0], moved[1] + 10]

    before = canvas.text
    canvas.keys("f")
    assert canvas.is_expanded
    page.settle(400)
    page.screenshot(artifacts / f"picker_expanded_{renderer}.png")
    canvas.keys("Escape")
    assert not canvas.is_expanded and canvas.text == before

    saved = page.page.evaluate("() => window.app.graph.serialize()")
    assert before in [value for node in saved["nodes"] for value in node.get("widgets_values") or []]
    assert "data:" not in json.dumps(saved)
    page.settle(1500)
    page.open()
    page.page.wait_for_function("() => window.app.graph.nodes.length === 2")
    canvas = Canvas(page, ids["pick"])
    assert canvas.text == before

    run = run_from_page(page)
    assert run["status"]["status_str"] == "success", run["status"]
    assert run["prompt"][2][ids["pick"]]["inputs"]["points"] == before
    assert not pack_errors(page)


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
    slider.focus()
    page.page.keyboard.press("ArrowRight")
    assert canvas.data["frame"] == 1
    canvas.wait_for_picture()


def test_the_frame_is_there_before_the_first_run(page: ComfyPage, comfy: ComfyUI, tmp_path):
    """From the file of a wired loader; when the loader's size changes, the points keep their places, and it says so."""
    from PIL import Image

    picture = Image.effect_mandelbrot((192, 128), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    picture.save(tmp_path / "picker_still.png")
    _write_video(tmp_path / "picker_clip.mp4")
    comfy.upload(tmp_path / "picker_still.png")
    comfy.upload(tmp_path / "picker_clip.mp4")
    page.open()  # the loaders' lists of files are read when the page loads
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
    assert "rescaled from 128 × 128 to 256 × 128" in clip.said
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


def test_everything_by_keyboard_and_nothing_reaches_the_graph(page: ComfyPage):
    """Tab to the stage, draw, move, duplicate, delete, clear; ComfyUI's own keys stay out of it."""
    ids = build(page, demo_graph())
    canvas = Canvas(page, ids["pick"])
    nodes = page.page.evaluate("() => window.app.graph.nodes.length")
    page.page.locator('.dav-root input[aria-label^="Arrow tool"]').focus()
    for _ in range(20):
        page.page.keyboard.press("Tab")
        if page.page.evaluate("() => document.activeElement.matches('.dav-keys')"):
            break
    else:
        raise AssertionError("the stage cannot be reached with the Tab key")
    canvas.keys("n")
    assert canvas.points == [[64, 64], [80, 64]]
    canvas.keys("ArrowUp", "Shift+ArrowRight", "[", "ArrowLeft")
    assert canvas.points == [[63, 64], [90, 63]]
    canvas.keys("Control+d")
    assert len(canvas.data["pairs"]) == 2
    canvas.keys("Delete")
    assert len(canvas.data["pairs"]) == 1
    canvas.keys("m", "n")
    assert canvas.data["mask_points"] == [[64, 64]]
    assert "Target 1 lies outside the mask" in canvas.said
    canvas.press_button("Suggest a mask")
    assert canvas.said == "" and len(canvas.data["mask_points"]) > 1
    canvas.press_button("Clear everything")
    page.page.get_by_role("button", name="Keep").click()
    assert len(canvas.data["pairs"]) == 1
    canvas.press_button("Clear everything")
    page.page.keyboard.press("Enter")
    assert canvas.points == []
    canvas.keys("Control+z")
    assert canvas.points != []
    assert page.page.evaluate("() => window.app.graph.nodes.length") == nodes

    page.page.locator('.dav-root input[aria-label="List of pairs"]').check(force=True)
    field = page.page.locator('.dav-root input[aria-label="x of target 1"]')
    field.fill("101.5")
    field.press("Enter")
    assert canvas.data["pairs"][0]["target"] == [101.5, 63]


def test_a_gesture_that_is_taken_away_leaves_nothing(page: ComfyPage):
    """Escape in mid-drag, a cancelled touch, a drag out of the frame, a click beside everything."""
    ids = build(page, demo_graph(picks([ONE])))
    canvas = Canvas(page, ids["pick"])
    before = canvas.data
    size = (128, 128)
    page.page.mouse.move(*canvas.screen(ONE[0], size))
    page.page.mouse.down()
    page.page.mouse.move(*canvas.screen((100, 100), size), steps=3)
    page.page.keyboard.press("Escape")
    page.page.mouse.up()
    assert canvas.data == before
    canvas.click((10, 100))
    assert canvas.data == before, "a click made a point"
    canvas.drag(ONE[1], (300, 64))
    assert canvas.points[1] == [127, pytest.approx(64, abs=0.75)], "a point left the frame"
    canvas.keys("Control+z")

    touch = page.page.context.new_cdp_session(page.page)

    def finger(kind: str, *places) -> None:
        points = [dict(zip("xy", canvas.screen(place, size)), id=number) for number, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", TWO[0])
    finger("touchMove", TWO[1])
    finger("touchCancel")
    assert canvas.data == before
    finger("touchStart", TWO[0])
    finger("touchMove", (75, 95))
    finger("touchMove", TWO[1])
    finger("touchEnd")
    page.settle(200)
    assert close_to(canvas.points, [*ONE, *TWO])
    drawn = canvas.text
    finger("touchStart", (50, 64), (80, 64))
    finger("touchMove", (20, 64), (110, 64))
    finger("touchEnd")
    page.settle(200)
    assert canvas.text == drawn, "pinching drew"
    assert "300 %" < canvas.node("widget.element.querySelector('.dav-where').textContent").split("·")[-1].strip()


@pytest.mark.parametrize("density, scale", [(2, 1.0), (1, 0.5), (1.5, 1.6)])
def test_the_mouse_hits_at_any_density_and_zoom(
    comfy: ComfyUI, browser: Browser, renderer: str, artifacts, density, scale
):
    """Device pixel ratio (page zoom changes it as well) and zoom of the graph."""
    comfy.set_setting("Comfy.VueNodes.Enabled", renderer == "nodes2")
    context = browser.new_context(viewport={"width": 1200, "height": 900}, device_scale_factor=density)
    try:
        page = ComfyPage(comfy, context.new_page())
        page.open()
        ids = build(page, demo_graph())
        canvas = Canvas(page, ids["pick"], scale=scale)
        canvas.drag(*ONE)
        assert close_to(canvas.points, ONE, tolerance=0.75 / min(scale, 1))
        wanted = canvas.node("widget.element.querySelector('.dav-stage').clientWidth") * density * max(scale, 0.5)
        assert canvas.node("widget.element.querySelector('canvas').width") == pytest.approx(wanted, abs=2), (
            "the drawing is not sharp"
        )
        page.screenshot(artifacts / f"picker_{renderer}_density{density}_zoom{scale}.png")
    finally:
        context.close()


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
    newer = '{"version": 2, "things": []}'
    ids = build(page, demo_graph(newer))
    canvas = Canvas(page, ids["pick"])
    assert canvas.text == newer
    assert "version is 2" in canvas.said
    canvas.drag(*ONE)
    assert canvas.data["version"] == 1 and close_to(canvas.points, ONE)
