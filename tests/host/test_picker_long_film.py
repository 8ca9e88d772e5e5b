"""A film that is longer than what a run of Pick Points saves for the page: every frame of it can be looked at and drawn on."""

from __future__ import annotations

import av
import numpy as np

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, pack_errors, run_from_page

SIZE, COUNT, SAVED = (192, 128), 300, 240
LATE, EARLY = 280, 10
LOOK = """(() => {
    const slider = [...widget.element.querySelectorAll('input[type=range]')].find((one) => one.max >= 99);
    slider.value = %d;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
})()"""
MIDDLE = """(() => {
    const shown = widget.element.querySelector('.dav-stage canvas');
    return shown.getContext('2d').getImageData(shown.width / 2, shown.height / 2, 1, 1).data[0];
})()"""


def grey(i: int) -> int:
    """What frame i has in its middle."""
    return 30 + 200 * i // COUNT


def write_film(path) -> None:
    """Coloured blocks, and a square in the middle that gets lighter from frame to frame."""
    blocks = np.random.default_rng(0).integers(0, 255, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for i in range(COUNT):
            blocks[40:88, 72:120] = grey(i)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")))
        file.mux(stream.encode())


def wait_for(canvas: Canvas, i: int, source: str) -> None:
    """Until frame i is the picture."""
    for _ in range(200):
        if canvas.has_picture() and abs(canvas.node(MIDDLE) - grey(i)) <= 6:
            return
        canvas.page.wait_for_timeout(50)
    seen = f"{canvas.node(MIDDLE)} in the middle, note {canvas.note!r}, status {canvas.said!r}"
    raise AssertionError(f"frame {i} did not come {source}: {seen} in place of {grey(i)}")


def test_every_frame_of_a_long_film_can_be_drawn_on(page: ComfyPage, comfy: ComfyUI, renderer: str, artifacts, tmp_path):
    write_film(tmp_path / f"long_{renderer}.mp4")
    comfy.upload(tmp_path / f"long_{renderer}.mp4")
    page.read_files_again()
    load = ("film", "LoadVideo", (0, 100), {"file": f"long_{renderer}.mp4"}, {})
    ids = build(page, [load, ("pick", "DragAVideo_Pick", (400, 100), {"points": ""}, {"video": ["film", 0]})])
    canvas = Canvas(page, ids["pick"])
    canvas.wait_for_picture()
    canvas.node(LOOK % LATE)
    wait_for(canvas, LATE, "from the file, before any run")
    canvas.page.get_by_role("button", name="Draw on this frame", exact=True).click()
    canvas.drag((60, 60), (80, 40), SIZE)
    assert canvas.data["frame"] == LATE
    run = run_from_page(page)
    assert run["status"]["status_str"] == "success", run["status"]
    shown = run["outputs"][ids["pick"]]
    first = COUNT - SAVED
    assert (len(shown["drag_a_video_frames"]), shown["drag_a_video_first"], shown["drag_a_video_count"]) == (
        SAVED,
        [first],
        [COUNT],
    )
    wait_for(canvas, LATE, "as the run saved it")
    canvas.node(LOOK % EARLY)
    wait_for(canvas, EARLY, "from the file, which the run did not save")
    canvas.node(LOOK % (COUNT - 1))
    wait_for(canvas, COUNT - 1, "as the run saved it")
    page.screenshot(artifacts / f"picker_long_film_{renderer}.png")
    assert canvas.data["frame"] == LATE and pack_errors(page) == []
