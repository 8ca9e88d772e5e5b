"""The button on the picker that runs the graph up to the displaced clip, on the real page."""

from host.browser import ComfyPage
from host.picker_driver import Canvas, build, pack_errors, run_from_page

VIDEO = {"video": ["clip", 0]}


def test_it_runs_the_graph_up_to_displace_and_no_further(page: ComfyPage, renderer: str, artifacts):
    graph = [
        ("clip", "DragAVideo_DemoClip", (0, 0), {"kind": "balloon", "seed": 30 + len(renderer), "frames": 3}, {}),
        ("pick", "DragAVideo_Pick", (400, 0), {}, VIDEO),
        ("carry", "DragAVideo_Propagate", (1000, 0), {"tracker": "flow"}, {**VIDEO, "picks": ["pick", 0]}),
        ("displace", "DragAVideo_Displace", (1500, 0), {}, {**VIDEO, "tracks": ["carry", 0]}),
        ("end", "PreviewImage", (2000, 0), {}, {"images": ["displace", 0]}),
    ]
    ids = build(page, graph)
    picker = Canvas(page, ids["pick"])
    picker.drag((60, 40), (72, 48))
    before = set(page.comfy.get("/history").json())
    picker.center()
    page.page.locator('.dav-root input[value="Follow points"]').first.click()
    for _ in range(240):
        runs = [run for key, run in page.comfy.get("/history").json().items() if key not in before]
        if runs:
            break
        page.page.wait_for_timeout(250)
    (run,) = runs
    assert run["status"]["status_str"] == "success", run["status"]
    assert set(run["outputs"]) == {ids["carry"], ids["displace"]} | ({ids["pick"]} & set(run["outputs"]))
    player = Canvas(page, ids["displace"], name="player")
    player.center()
    player.wait_for_picture()
    page.screenshot(artifacts / f"follow_{renderer}.png")

    set_a_target_on_another_frame(page, ids, run["outputs"][ids["carry"]]["drag_a_video_tracks"][0], artifacts, renderer)
    assert not pack_errors(page)


def set_a_target_on_another_frame(page: ComfyPage, ids: dict, tracks: dict, artifacts, renderer: str) -> None:
    """The third frame's target is dragged 20 px to the left: the next run moves the part there."""
    picker = Canvas(page, ids["pick"])
    picker.center()
    picker.click((120, 120))
    picker.keys("Escape", ".", ".")
    picker.wait_for_picture()
    x, y = tracks["targets"][2][0][4]
    picker.drag((x, y), (x - 20, y))
    page.screenshot(artifacts / f"key_{renderer}.png")
    ((key,),) = [pair["keys"] for pair in picker.data["pairs"]]
    assert key["frame"] == 2 and picker.data["version"] == 3
    assert abs(key["move"][0] + 8) <= 1 and abs(key["move"][1] - 8) <= 1
    run = run_from_page(page)
    assert run["status"]["status_str"] == "success", run["status"]
    again = run["outputs"][ids["carry"]]["drag_a_video_tracks"][0]
    ways = [[again["targets"][i][0][4][axis] - again["handles"][i][0][4][axis] for axis in (0, 1)] for i in range(3)]
    half = [(12 + key["move"][0]) / 2, (8 + key["move"][1]) / 2]
    for got, wanted in zip(ways, ([12, 8], half, key["move"]), strict=True):
        assert max(abs(got[0] - wanted[0]), abs(got[1] - wanted[1])) <= 1, ways
