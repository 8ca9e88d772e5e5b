"""What a person does with the point picker and the propagation review from beginning to end: the core scenarios."""

from __future__ import annotations

import json
from pathlib import Path

from host.browser import ComfyPage
from host.picker_driver import Canvas, build, close_to, demo_graph, pack_errors, run_from_page

ONE = ((40, 50), (80, 30))
TWO = ((90, 90), (60, 100))
FRAMES = 3
WRONG_BY = (9, -7)  # px that the handle is dragged away, to see the next run follow


def review_graph(seed: int) -> list:
    """A drawn clip whose own points are propagated with the embedded model."""
    small = {"ensemble": 1, "set_side": 3}
    return [
        ("clip", "DragAVideo_DemoClip", (0, 0), {"kind": "creature", "seed": seed, "frames": FRAMES}, {}),
        ("model", "DragAVideo_EmbeddedModel", (0, 400), {}, {}),
        ("pick", "DragAVideo_Pick", (400, 0), {}, {"video": ["clip", 0], "other_points": ["clip", 2]}),
        ("carry", "DragAVideo_Propagate", (900, 0), small, {"video": ["clip", 0], "picks": ["pick", 0], "model": ["model", 0]}),
        ("end", "PreviewImage", (1400, 0), {}, {"images": ["carry", 2]}),
    ]


def middles(run: dict, node_id: str) -> list[list[float]]:
    """Where the first handle was put in each frame."""
    tracks = run["outputs"][node_id]["drag_a_video_tracks"][0]
    return [frame[0][len(frame[0]) // 2] for frame in tracks["handles"]]


def draw_keep_and_run(page: ComfyPage, picture: Path) -> None:
    """Two pairs and a mask by mouse, one undone, one nudged, the full window, save, reload, the run.

    `picture`: where a picture of the full window is left.
    """
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
    page.screenshot(picture)
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


def correct_and_run_again(page: ComfyPage, seed: int, picture: Path) -> None:
    """A handle dragged on frame 1: after the next run it is there, and the frame after it was propagated from there.

    `seed`: of the clip; another one for every call, so that nothing is taken from the server's cache.
    """
    ids = build(page, review_graph(seed))
    review = Canvas(page, ids["carry"], name="corrections")
    assert "Press Run once" in review.note and review.text == ""
    size = review.node_size()
    followed = middles(run_from_page(page), ids["carry"])
    review.center()
    review.wait_for_picture()
    assert review.node_size() == size, "the node changed its size"
    assert "Pick Points" in review.said

    stage = page.page.locator(".dav-root").last
    stage.locator('input[aria-label^="Next frame"]').click()
    wanted = (followed[1][0] + WRONG_BY[0], followed[1][1] + WRONG_BY[1])
    review.drag(followed[1], wanted)
    move = json.loads(review.text)["moves"][0]
    assert (move["frame"], move["pair"]) == (1, 0)
    assert max(abs(move["handle"][0] - wanted[0]), abs(move["handle"][1] - wanted[1])) <= 0.75
    assert "1 correction waiting" in review.said
    page.screenshot(picture)
    review.keys("Control+z")
    assert review.text == ""
    review.keys("Control+y", "ArrowLeft", "ArrowRight")
    assert json.loads(review.text)["moves"] == [move]

    run = run_from_page(page)
    assert run["status"]["status_str"] == "success", run["status"]
    again = middles(run, ids["carry"])
    assert again[0] == followed[0]
    assert max(abs(again[1][0] - move["handle"][0]), abs(again[1][1] - move["handle"][1])) <= 0.02
    assert again[2] != followed[2]
    review.center()
    assert "taken in" in review.said

    review.click((2, 2))
    review.keys("p")
    page.settle(900)
    review.keys("p")
    stage.locator('input[aria-label="Clear all corrections"]').click()
    page.page.get_by_role("button", name="Clear", exact=True).click()
    assert review.text == ""
    assert not pack_errors(page)
