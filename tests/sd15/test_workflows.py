"""The Stable Diffusion workflows, run whole in a real server: two frames of 128 x 128, random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from host.comfyui import ROOT, ComfyUI, Graph, HostError
from host.ui_to_api import ui_to_api
from PIL import Image

from ..nodes.graphs import picks
from . import checkpoints
from .conftest import CHECKPOINT

pytestmark = pytest.mark.sd15
FOLDER = ROOT / "workflows"
WORKFLOWS = [*sorted(FOLDER.glob("SD1.5*.json")), FOLDER / "The paper's settings.json"]
FRAMES, SIDE = 2, 128
LORA = "random_lora.safetensors"
SMALL = {  # settings that make a run short
    "DragAVideo_LoadVideo": {"width": SIDE, "height": SIDE, "frame_load_cap": FRAMES, "select_every_nth": 1, "file": "video.mp4"},
    "DragAVideo_Pick": {"points": picks()},
    "DragAVideo_Propagate": {"ensemble": 1, "mask_radius": 64.0},
    "DragAVideo_Tune": {"passes": 1, "rank": 2, "batch": 1},
    "DragAVideo_Invert": {"until": 2},
    "DragAVideo_Drag": {"steps": "2, 1", "iterations": 2},
    "DragAVideo_Evaluate": {"ensemble": 1},
    "CheckpointLoaderSimple": {"ckpt_name": CHECKPOINT},
    "LoraLoader": {"lora_name": LORA},
    "KSampler": {"steps": 4, "denoise": 0.25},
    "PrimitiveStringMultiline": {"value": json.dumps([[{"x": 60 + i, "y": 60} for i in range(FRAMES)]])},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ComfyUI]:
    """A server with a checkpoint, a LoRA, a video and a mask in its folders."""
    base = tmp_path_factory.mktemp("workflows")
    for name in ("checkpoints", "loras"):
        (base / "models" / name).mkdir(parents=True)
    checkpoints.write_checkpoint(base / "models" / "checkpoints" / CHECKPOINT, checkpoints.SMALL)
    checkpoints.write_lora(base / "models" / "loras" / LORA, checkpoints.SMALL)
    (base / "input").mkdir()
    write_video(base / "input" / "video.mp4")
    Image.new("RGB", (SIDE, SIDE), "white").save(base / "input" / "mask.png")
    try:
        with ComfyUI(base=base) as comfy:
            yield comfy
    except HostError as fault:
        pytest.fail(str(fault))


def write_video(path: Path) -> None:
    """Three frames of a moving square."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=8)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for i in range(FRAMES + 1):
            picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
            picture[40:80, 40 + 4 * i : 80 + 4 * i] = (200, 60, 40)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def small(graph: Graph) -> Graph:
    """The same graph with settings that make it short."""
    for node in graph.values():
        node["inputs"] |= {name: value for name, value in SMALL.get(node["class_type"], {}).items() if name in node["inputs"]}
    return graph


def test_there_are_six_of_them():
    assert len(WORKFLOWS) == 6


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_it_runs(server: ComfyUI, path: Path):
    graph = small(ui_to_api(json.loads(path.read_text(encoding="utf-8")), server.object_info()))
    run = server.run(graph, timeout=800)
    assert run.status == "success", run.error.get("exception_message", run.error)
    saved = [file for output in run.outputs.values() for file in output.get("images", []) if file["filename"].endswith(".mp4")]
    assert len(saved) == sum(node["class_type"] == "SaveVideo" for node in graph.values())
    for file in saved:
        with av.open(str(server.base / "output" / file["subfolder"] / file["filename"])) as video:
            assert sum(1 for _ in video.decode(video=0)) == FRAMES
            assert float(video.streams.video[0].average_rate) == 8
