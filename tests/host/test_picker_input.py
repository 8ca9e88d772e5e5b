"""The point picker under all that a hand can do: keys, touch, broken-off gestures, screens of any density."""

import pytest
from playwright.sync_api import Browser

from host.browser import ComfyPage, open_page
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, close_to, demo_graph, picks
from host.picker_scenarios import ONE, TWO


def test_everything_by_keyboard_and_nothing_reaches_the_graph(page: ComfyPage):
    """Tab to the stage, draw, move, duplicate, delete, clear; ComfyUI's own keys stay out of it."""
    ids = build(page, demo_graph())
    canvas = Canvas(page, ids["pick"])
    nodes = page.page.evaluate("() => window.app.graph.nodes.length")
    page.page.locator('.dav-root input[aria-label^="Arrow (A)"]').focus()
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
    canvas.press_button("Clear")
    page.page.get_by_role("button", name="Keep").click()
    assert len(canvas.data["pairs"]) == 1
    canvas.press_button("Clear")
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
    """Escape in mid-drag, a cancelled touch, a drag out of the frame, a click beside everything; zoom and pan."""
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
    assert canvas.data == before, "one click alone made a point"
    canvas.keys("Escape")
    canvas.drag(ONE[1], (300, 64))
    assert canvas.points[1] == [127, pytest.approx(64, abs=0.75)], "a point left the frame"
    canvas.keys("Control+z")

    touch = page.page.context.new_cdp_session(page.page)

    def finger(kind: str, *places) -> None:
        points = [dict(zip("xy", canvas.screen(place, size), strict=True), id=number) for number, place in enumerate(places)]
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
    assert canvas.node("widget.element.querySelector('.dav-where').textContent").split("·")[-1].strip() > "300 %"

    canvas.keys("0")
    spot = canvas.screen((64, 64), size)

    def below() -> float:
        """The x in the picture that the status line says is under the spot."""
        page.page.mouse.move(*spot)
        page.settle(100)
        return float(canvas.node("widget.element.querySelector('.dav-where').textContent").split()[1])

    page.page.mouse.move(*spot)
    for _ in range(2):  # so large that the picture can be moved, whatever the stage's shape
        page.page.mouse.wheel(0, -500)
        page.settle(100)
    assert below() == pytest.approx(64, abs=1), "the wheel moved the point under it"
    page.page.keyboard.down("Space")
    page.page.mouse.down()
    page.page.mouse.move(spot[0] + 150, spot[1], steps=3)
    page.page.mouse.up()
    page.page.keyboard.up("Space")
    assert below() < 62, "space and drag does not pan"
    page.page.mouse.click(*canvas.screen((127, 127), size), button="middle")
    canvas.keys("0")
    assert below() == pytest.approx(64, abs=1) and canvas.text == drawn


@pytest.mark.parametrize("density, scale", [(2, 1.0), (1, 0.5), (1.5, 1.6)])
def test_the_mouse_hits_at_any_density_and_zoom(comfy: ComfyUI, browser: Browser, renderer: str, artifacts, density, scale):
    """Device pixel ratio (page zoom changes it as well) and zoom of the graph."""
    with open_page(comfy, browser, renderer, {"width": 1200, "height": 900}, density) as page:
        ids = build(page, demo_graph())
        canvas = Canvas(page, ids["pick"], scale=scale)
        canvas.drag(*ONE)
        assert close_to(canvas.points, ONE, tolerance=0.75 / min(scale, 1))
        wanted = canvas.node("widget.element.querySelector('.dav-stage').clientWidth") * density * max(scale, 0.5)
        assert canvas.node("widget.element.querySelector('canvas').width") == pytest.approx(wanted, abs=2), (
            "the drawing is not sharp"
        )
        page.screenshot(artifacts / f"picker_{renderer}_density{density}_zoom{scale}.png")
