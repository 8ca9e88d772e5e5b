"""The picker's tools on the real page: pins, two clicks for an arrow, brush, eraser, strokes."""

import math

from host.browser import ComfyPage
from host.picker_driver import Canvas, build, close_to, demo_graph, pack_errors, picks, run_from_page
from host.picker_scenarios import ONE, TWO

COLOURS = """(() => {
    const canvas = widget.element.querySelector('.dav-stage canvas'), { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    return Array.from({ length: Math.floor(data.length / 400) }, (_, at) => data.slice(400 * at, 400 * at + 3).join());
})()"""


def test_every_tool_draws_and_can_be_undone(page: ComfyPage, renderer: str, artifacts):
    ids = build(page, demo_graph(seed=9))
    canvas = Canvas(page, ids["pick"])
    run_from_page(page)  # it fails for want of points, and brings the frame
    page.page.keyboard.press("Escape")  # the page's dialog that says so
    page.settle(500)
    canvas.center()
    canvas.wait_for_picture()
    canvas.click(ONE[0])
    canvas.click(ONE[1])
    assert close_to(canvas.points, ONE)
    canvas.keys("p")
    canvas.click(TWO[0])
    assert close_to(canvas.points[2:], [TWO[0], TWO[0]]) and canvas.said == ""
    canvas.keys("m", "}", "}")
    canvas.drag((40, 50), (80, 35))
    masked = canvas.data
    assert len(masked["mask_points"]) > 5
    canvas.keys("t")
    canvas.drag((38, 60), (60, 40))
    canvas.keys("g")
    canvas.drag((10, 20), (110, 15))
    drawn = canvas.data
    assert [stroke["kind"] for stroke in drawn["strokes"]] == ["thing", "ground"]
    page.screenshot(artifacts / f"picker_tools_{renderer}.png")
    canvas.keys("e")
    canvas.drag((110, 15), (60, 15))
    assert len(canvas.data["strokes"][1]["points"]) < len(drawn["strokes"][1]["points"])
    canvas.keys("Control+z")
    assert canvas.data == drawn
    canvas.keys("Control+z", "Control+z")
    assert canvas.data == masked
    canvas.press_button("Clear")
    page.page.get_by_role("button", name="Mask", exact=True).click()
    assert canvas.data["mask_points"] == [] and len(canvas.data["pairs"]) == 2
    assert not pack_errors(page)


def test_clicks_mark_the_thing_and_what_the_run_found_is_shown(page: ComfyPage, renderer: str, artifacts):
    carry = ("carry", "DragAVideo_Propagate", (1000, 100), {"tracker": "flow"}, {"video": ["clip", 0], "picks": ["pick", 0]})
    ids = build(page, [*demo_graph(seed=9), carry])
    canvas = Canvas(page, ids["pick"])
    canvas.drag((60, 60), (72, 52))
    canvas.keys("t")
    canvas.click((60, 66))
    canvas.keys("g")
    canvas.click((10, 10))
    assert [(one["kind"], len(one["points"])) for one in canvas.data["strokes"]] == [("thing", 1), ("ground", 1)]
    assert run_from_page(page)["status"]["status_str"] == "success"
    canvas.center()
    canvas.wait_for_picture()
    page.page.mouse.move(0, 0)
    page.settle(700)
    page.screenshot(artifacts / f"picker_found_{renderer}.png")
    seen = canvas.node(COLOURS)
    canvas.page.locator('.dav-root input[aria-label^="Arrow"]').first.click()
    page.settle(400)
    plain = canvas.node(COLOURS)
    tinted = sum(one != other for one, other in zip(seen, plain, strict=True))
    assert len(seen) / 50 < tinted < len(seen) / 1.5, f"{tinted} of {len(seen)} pixels are covered"
    assert not pack_errors(page)


def test_the_picture_moves_with_the_mouse(page: ComfyPage, renderer: str, artifacts):
    """While an end is dragged the frame is displaced; B shows it before, and afterwards as well where asked for."""
    ids = build(page, demo_graph(picks([((20, 110), (20, 110))]), seed=9))
    canvas = Canvas(page, ids["pick"])
    run_from_page(page)
    canvas.center()
    canvas.wait_for_picture()
    mouse, size = page.page.mouse, (128, 128)

    def shown(x: int, y: int) -> list[int]:
        """The colour of a pixel of the picture that no mark lies on."""
        return canvas.node(
            f"""(() => {{
                const stage = widget.element.querySelector('.dav-stage'), shown = stage.querySelector('canvas');
                const r = stage.getBoundingClientRect();
                const [left, top] = {list(canvas.screen((x, y), size))};
                const at = [(left - r.left) * shown.width / r.width, (top - r.top) * shown.height / r.height];
                return [...shown.getContext('2d').getImageData(...at, 1, 1).data];
            }})()"""
        )

    def off_the_arrow(x: int, y: int) -> float:
        share = min(max(((x - 60) * 15 - (y - 60) * 8) / (15**2 + 8**2), 0), 1)
        return math.hypot(x - 60 - 15 * share, y - 60 + 8 * share)

    # What lies near the arrow may change; the rest is shown dark as soon as there is one. No spot lies on the arrow itself.
    spots = [(x, y) for x in range(36, 101, 4) for y in range(28, 85, 4) if 7 < off_the_arrow(x, y) < 22]
    before = [shown(*spot) for spot in spots]
    mouse.move(*canvas.screen((60, 60), size))
    mouse.down()
    mouse.move(*canvas.screen((75, 52), size), steps=4)
    page.settle(300)
    page.screenshot(artifacts / f"picker_live_{renderer}.png")
    after = [shown(*spot) for spot in spots]
    assert sum(a != b for a, b in zip(before, after, strict=True)) > len(spots) / 6
    page.page.keyboard.press("b")
    page.settle(300)
    again = [shown(*spot) for spot in spots]
    assert sum(a != b for a, b in zip(before, again, strict=True)) < len(spots) / 8, "the arrow alone"
    mouse.up()
    page.settle(200)
    page.page.keyboard.press("b")
    page.settle(300)
    assert sum(a != b for a, b in zip(after, [shown(*spot) for spot in spots], strict=True)) < len(spots) / 8
    assert not pack_errors(page)
