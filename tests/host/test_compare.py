"""The compare player on the real page: a clip and its edit, the line dragged between them, one button that plays both."""

from host.browser import ComfyPage
from host.picker_driver import Canvas, build, pack_errors, run_from_page

SIZE = (128, 128)


def test_the_line_is_dragged_and_both_play(page: ComfyPage, renderer: str, artifacts):
    graph = [
        ("clip", "DragAVideo_DemoClip", (0, 0), {"kind": "creature", "seed": 12, "frames": 3}, {}),
        ("compare", "DragAVideo_Compare", (400, 0), {}, {"original": ["clip", 0], "edited": ["clip", 1]}),
    ]
    ids = build(page, graph)
    player = Canvas(page, ids["compare"], name="player")
    assert "Press Run" in player.note
    size = player.node_size()
    assert run_from_page(page)["status"]["status_str"] == "success"
    player.center()
    player.wait_for_picture()
    assert player.node_size() == size, "the node changed its size"

    def pixels() -> list[int]:
        return player.node(
            """(() => {
                const canvas = widget.element.querySelector('.dav-stage canvas');
                const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                return [...data.filter((_, at) => at % 60 === 0)];
            })()"""
        )

    player.drag((64, 64), (126, 64), SIZE)
    left = pixels()
    page.screenshot(artifacts / f"compare_{renderer}.png")
    player.drag((126, 64), (2, 64), SIZE)
    right = pixels()
    assert sum(abs(a - b) > 8 for a, b in zip(left, right, strict=True)) > 20, "the line shows nothing else"
    assert player.text == "", "looking is not part of the workflow"
    player.keys("p")
    page.settle(1500)
    player.keys("p")
    label = player.node("widget.element.querySelector('.dav-frames output').textContent")
    assert label.endswith("of 3")
    assert not pack_errors(page)


def test_displace_plays_its_edit_beside_the_clip(page: ComfyPage, renderer: str, artifacts):
    graph = [
        ("clip", "DragAVideo_DemoClip", (0, 0), {"kind": "balloon", "seed": 104, "frames": 3}, {}),
        ("pick", "DragAVideo_Pick", (400, 0), {}, {"video": ["clip", 0], "other_points": ["clip", 2]}),
        ("carry", "DragAVideo_Propagate", (1000, 0), {"tracker": "flow"}, {"video": ["clip", 0], "picks": ["pick", 0]}),
        ("displace", "DragAVideo_Displace", (1500, 0), {}, {"video": ["clip", 0], "tracks": ["carry", 0]}),
    ]
    ids = build(page, graph)
    player = Canvas(page, ids["displace"], name="player")
    assert run_from_page(page)["status"]["status_str"] == "success"
    player.center()
    player.wait_for_picture()
    page.screenshot(artifacts / f"displace_{renderer}.png")
    player.keys("p")
    page.settle(900)
    player.keys("p")
    assert player.node("widget.element.querySelector('.dav-frames output').textContent").endswith("of 3")
    assert not pack_errors(page)
