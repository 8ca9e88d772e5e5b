"""Drag a Film shows a picture of the edit while it works, and the film when it is done, on both pages."""

import json
from fractions import Fraction
from itertools import groupby

import av
import pytest

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import build, pack_errors, run_from_page

CLIP = "drag-a-video_creature.mp4"  # that the pack puts into the input folder: 512 x 512
FILM, SIZE = "creature_to_and_fro.mp4", (256, 256)
# What the node shows, noted down whenever it changes.
WATCH = """([id, renderer]) => {
    const noted = (window.noted = []);
    setInterval(() => {
        const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
        const shell = document.querySelector(`[data-node-id="${id}"]`);
        const isVideo = renderer === "nodes2" ? shell?.querySelector("video") : node.videoContainer?.querySelector("video");
        const pictures = renderer === "nodes2" ? [...(shell?.querySelectorAll("img") ?? [])] : (node.imgs ?? []);
        const isPicture = pictures.some(({ naturalWidth }) => naturalWidth > 64);
        const shown = isVideo ? "film" : isPicture ? "picture" : "nothing";
        if (noted.at(-1) !== shown) noted.push(shown);
    }, 30);
}"""

SET_POINTS = """text => {
    const node = window.app.graph.nodes.find(({ type }) => type === "DragAVideo_Pick");
    node.widgets.find(({ name }) => name === "points").value = text;
}"""
# No picture lies beside the film, and the node did not grow for two.
ALONE = """id => {
    const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
    return !node.imgs?.length && !node.widgets.some(({ name }) => name.includes("canvas-image") || name.includes("animation"));
}"""


@pytest.fixture(scope="module", params=["comfy", "newest"])
def served(request: pytest.FixtureRequest) -> ComfyUI:
    """Both pages."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def film(served: ComfyUI) -> str:
    """The clip to and fro, longer than a window: its pictures are sent long before the film is done."""
    folder = served.base / "input"
    with av.open(str(folder / CLIP)) as clip:
        rate = clip.streams.video[0].average_rate
        frames = [frame.reformat(*SIZE) for frame in clip.decode(video=0)]
    with av.open(str(folder / FILM), "w") as file:
        stream = file.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, frame in enumerate([*frames, *frames[::-1], *frames]):
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return FILM


def test_a_picture_while_it_works_and_the_film_in_the_end(page: ComfyPage, renderer: str, film: str):
    target = [105 + 4 * (renderer == "classic"), 50]  # else nothing runs
    value = {"version": 2, "size": SIZE, "frame": 0, "pairs": [{"handle": [98, 52], "target": target}], "mask_points": []}
    page.read_files_again()
    load = ("film", "LoadVideo", (0, 0), {"file": film}, {})
    pick = ("pick", "DragAVideo_Pick", (400, 0), {"points": json.dumps(value)}, {"video": ["film", 0]})
    drag = ("drag", "DragAVideo_Film", (1000, 0), {}, {"video": ["film", 0], "points": ["pick", 1]})
    node = build(page, [load, pick, drag])["drag"]
    page.center_on(node)
    page.page.evaluate(WATCH, [node, renderer])
    assert run_from_page(page)["status"]["status_str"] == "success"
    page.page.wait_for_function("() => window.noted.at(-1) === 'film'", timeout=10_000)
    noted = [shown for shown in page.page.evaluate("() => window.noted") if shown != "nothing"]  # while a picture loads
    assert [shown for shown, _ in groupby(noted)] == ["picture", "film"]
    value["pairs"][0]["target"][1] += 2
    page.page.evaluate(SET_POINTS, json.dumps(value))
    late = []
    page.page.route(lambda url: "/view" in url and ".mp4" not in url, lambda route: late.append(route))
    assert run_from_page(page)["status"]["status_str"] == "success"
    page.page.wait_for_function("() => window.noted.at(-1) === 'film'", timeout=10_000)
    assert late, "no picture was asked for"
    for route in late:
        route.continue_()
    page.settle(1000)
    assert page.page.evaluate(ALONE, node) and page.page.get_by_text("failed to load").count() == 0
    assert not pack_errors(page)
