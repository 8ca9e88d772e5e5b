"""The propagation review on the real page: it plays what the run found, and a handle put right by hand is honoured."""

import json

from host.browser import ComfyPage
from host.picker_driver import Canvas, build, pack_errors, run_from_page

FRAMES = 3
WRONG_BY = (9, -7)  # px that the handle is dragged away, to see the next run follow


def graph(seed: int) -> list:
    """A drawn clip whose own points are propagated with the embedded model. Another seed, another clip: nothing is
    taken from the server's cache."""
    small = {"ensemble": 1, "set_side": 3}
    return [
        ("clip", "DragAVideo_DemoClip", (0, 0), {"kind": "creature", "seed": seed, "frames": FRAMES}, {}),
        ("model", "DragAVideo_EmbeddedModel", (0, 400), {}, {}),
        ("pick", "DragAVideo_Pick", (400, 0), {}, {"video": ["clip", 0], "other_points": ["clip", 2]}),
        (
            "carry",
            "DragAVideo_Propagate",
            (900, 0),
            small,
            {"video": ["clip", 0], "picks": ["pick", 0], "model": ["model", 0]},
        ),
        ("end", "PreviewImage", (1400, 0), {}, {"images": ["carry", 2]}),
    ]


def middles(run: dict, node_id: str) -> list[list[float]]:
    """Where the first handle was put in each frame."""
    tracks = run["outputs"][node_id]["drag_a_video_tracks"][0]
    return [frame[0][len(frame[0]) // 2] for frame in tracks["handles"]]


def test_a_handle_put_right_by_hand_is_honoured(page: ComfyPage, renderer: str, artifacts):
    """Drag it on frame 1, queue again: there it is, and on the frame after it the propagation went on from there."""
    ids = build(page, graph(seed=3 if renderer == "classic" else 4))
    review = Canvas(page, ids["carry"], name="corrections")
    assert "Queue once" in review.note and review.text == ""
    size = review.node("[widget.element.clientWidth, widget.element.clientHeight]")
    found = middles(run_from_page(page), ids["carry"])
    review.center()
    review.wait_for_picture()
    grown = review.node("[widget.element.clientWidth, widget.element.clientHeight]")
    assert grown[0] == size[0] and grown[1] <= size[1], "the picture made the canvas grow"
    assert "Pick Points" in review.said or "Drag it" in review.said

    stage = page.page.locator(".dav-root").last
    stage.locator('input[aria-label^="Next frame"]').click()
    wanted = (found[1][0] + WRONG_BY[0], found[1][1] + WRONG_BY[1])
    review.drag(found[1], wanted)
    move = json.loads(review.text)["moves"][0]
    assert (move["frame"], move["pair"]) == (1, 0)
    assert max(abs(move["handle"][0] - wanted[0]), abs(move["handle"][1] - wanted[1])) <= 0.75
    assert "1 correction waiting" in review.said
    page.screenshot(artifacts / f"review_{renderer}.png")
    review.keys("Control+z")
    assert review.text == ""
    review.keys("Control+y", "ArrowLeft", "ArrowRight")
    assert json.loads(review.text)["moves"] == [move]

    run = run_from_page(page)
    assert run["status"]["status_str"] == "success", run["status"]
    again = middles(run, ids["carry"])
    assert again[0] == found[0]
    assert max(abs(again[1][0] - move["handle"][0]), abs(again[1][1] - move["handle"][1])) <= 0.02
    assert again[2] != found[2]
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
