"""Clicks on the picker prompt a wired SAM, and the picker shows the thing that it found. SAM's weights are random: it finds nothing
sensible, but something else for every click."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from segment_anything import sam_model_registry

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, demo_graph, pack_errors, run_from_page

NAME = "sam_vit_b_random.pth"
SIDE, EVERY, BLOCK = 128, 4, 4  # px of the picture; px between the places that are looked at; places of a block's side
SPOTS = [(x, y) for y in range(2, SIDE, EVERY) for x in range(2, SIDE, EVERY)]


@pytest.fixture(scope="module")
def sam(comfy: ComfyUI) -> Iterator[Path]:
    """The smallest kind of SAM with random weights, in the server's folder `models/sams`."""
    torch.manual_seed(0)
    made = sam_model_registry["vit_b"]()
    torch.manual_seed(7)  # with this prompt decoder a click more changes much
    other = sam_model_registry["vit_b"]()
    made.mask_decoder, made.prompt_encoder = other.mask_decoder, other.prompt_encoder
    path = comfy.base / "models" / "sams" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(made.state_dict(), path)
    yield path
    path.unlink()


def found_by(page: ComfyPage, node_id: str) -> np.ndarray:
    """How much of each pixel of the picked frame belongs to the layer that a run finds: (H, W), 0 to 1."""
    run = run_from_page(page, timeout_ms=600_000)
    assert run["status"]["status_str"] == "success", run["status"]
    shown = run["outputs"][node_id]
    assert not any("SAM" in text for text in shown["drag_a_video_warnings"]), shown["drag_a_video_warnings"]
    assert shown["drag_a_video_layer_frame"] == [0]
    return np.asarray(Image.open(io.BytesIO(page.comfy.view(shown["drag_a_video_layer"][0]))).convert("L")) / 255


def colours(canvas: Canvas) -> np.ndarray:
    """What the stage shows at each of SPOTS: (S, 3)."""
    at = [list(canvas.screen(spot, (128, 128))) for spot in SPOTS]
    return np.array(
        canvas.node(
            f"""(() => {{
                const stage = widget.element.querySelector('.dav-stage'), shown = stage.querySelector('canvas');
                const r = stage.getBoundingClientRect(), context = shown.getContext('2d');
                const [across, down] = [shown.width / r.width, shown.height / r.height];
                const colour = ([x, y]) => context.getImageData((x - r.left) * across, (y - r.top) * down, 1, 1).data;
                return {at}.map((spot) => [...colour(spot)].slice(0, 3));
            }})()"""
        )
    )


def blocks(values: np.ndarray) -> np.ndarray:
    """Values at SPOTS, averaged in blocks: the marks of the points cover few of them, and a layer by chance has thin stripes."""
    side = SIDE // EVERY
    return values.reshape(side // BLOCK, BLOCK, side // BLOCK, BLOCK).mean((1, 3)).ravel()


def test_clicks_prompt_sam_and_the_picker_shows_what_it_found(sam: Path, page: ComfyPage, renderer: str, artifacts):
    wires = {"video": ["clip", 0], "picks": ["pick", 0], "segmenter": ["sam", 0]}
    graph = [
        *demo_graph(seed=9, frames=2),
        ("sam", "DragAVideo_SAM", (1000, 600), {"checkpoint": NAME}, {}),
        ("carry", "DragAVideo_Propagate", (1000, 100), {"tracker": "flow"}, wires),
    ]
    ids = build(page, graph)
    canvas = Canvas(page, ids["pick"])
    canvas.drag((60, 60), (72, 52))
    canvas.keys("g")
    canvas.click((10, 10))
    first = found_by(page, ids["carry"])  # a stroke over the ground alone is refused without a SAM
    canvas.center()
    canvas.keys("t")
    canvas.click((60, 90))
    assert [(one["kind"], len(one["points"])) for one in canvas.data["strokes"]] == [("ground", 1), ("thing", 1)]
    second = found_by(page, ids["carry"])
    assert np.abs(first - second).mean() > 0.02, "the click on the thing changed nothing"

    canvas.center()
    canvas.wait_for_picture()
    page.page.mouse.move(0, 0)
    page.settle(700)
    page.screenshot(artifacts / f"picker_sam_{renderer}.png")
    tinted = colours(canvas)
    canvas.press_button("Arrow")
    page.page.mouse.move(0, 0)
    page.settle(400)
    tint = blocks(np.abs(tinted - colours(canvas)).sum(1))
    likeness = [np.corrcoef(tint, blocks(np.array([layer[y, x] for x, y in SPOTS])))[0, 1] for layer in (first, second)]
    assert likeness[1] > max(0.7, likeness[0] + 0.1), f"the picker shows another thing than SAM found: {likeness}"
    assert not pack_errors(page)
