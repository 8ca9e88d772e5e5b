"""Bad input in a real ComfyUI: one clear error on the node at once, and the server stays healthy."""

import json

import av
import numpy as np
import pytest

from host.comfyui import ComfyUI, Graph, Refused

SIZE = 128
GOOD = {
    "version": 1,
    "size": [SIZE, SIZE],
    "frame": 0,
    "pairs": [{"handle": [60, 40], "target": [70, 40]}],
    "mask_points": [[60, 40], [70, 40]],
}
DRAWN = {"kind": "creature", "seed": 3, "frames": 2, "occluded": False, "drag_x": 0.0, "drag_y": 0.0}


def clip() -> dict:
    return {"class_type": "DragAVideo_DemoClip", "inputs": {**DRAWN}}


def pick_graph(points: str, video: dict | None = None) -> Graph:
    """Points picked on a clip of two frames."""
    pick = {"class_type": "DragAVideo_Pick", "inputs": {"video": ["clip", 0], "points": points}}
    return {"clip": video or clip(), "pick": pick}


def load_graph(file: str) -> Graph:
    """A video file, loaded."""
    inputs = {"file": file, "width": SIZE, "height": SIZE, "frame_load_cap": 4, "select_every_nth": 1, "skip_first_frames": 0}
    load = {"class_type": "DragAVideo_LoadVideo", "inputs": {**inputs, "force_rate": 0.0}}
    return {"load": load, "shown": {"class_type": "PreviewImage", "inputs": {"images": ["load", 0]}}}


def error_of(comfy: ComfyUI, graph: Graph) -> tuple[str, str]:
    """The type of the node that the page shows the error on, and its text."""
    try:
        run = comfy.run(graph, timeout=60)
    except Refused as refused:
        node, refusal = next(iter(refused.node_errors.items()))
        answer = (graph[node]["class_type"], " ".join(f"{error['message']} {error['details']}" for error in refusal["errors"]))
    else:
        assert run.status == "error", f"the graph ended with {run.status}"
        assert not run.of("progress", run.error["node_id"])  # an error that comes later came after long work
        answer = run.error["node_type"], run.error["exception_message"]
    return answer


def assert_healthy(comfy: ComfyUI) -> None:
    """A good graph runs, whatever came before."""
    assert comfy.run(pick_graph(json.dumps(GOOD)), timeout=60).status == "success"


@pytest.mark.parametrize(
    "points, words",
    [
        pytest.param({**GOOD, "pairs": [{"handle": [60, 40]}]}, ["target"], id="unpaired"),
        pytest.param({**GOOD, "pairs": [{"handle": [60, 40], "target": [500, 40]}]}, ["500", "128"], id="outside the frame"),
        pytest.param({**GOOD, "version": 99}, ["version", "99"], id="unknown version"),
        pytest.param({**GOOD, "pairs": []}, ["pair"], id="no pair"),
        pytest.param({**GOOD, "frame": 7}, ["frame", "8"], id="on a frame that is not there"),
        pytest.param("{not json", ["JSON"], id="not JSON"),
        pytest.param("", ["point"], id="nothing drawn"),
    ],
)
def test_bad_points(comfy: ComfyUI, points, words):
    node, text = error_of(comfy, pick_graph(points if isinstance(points, str) else json.dumps(points)))
    assert node == "DragAVideo_Pick"
    assert all(word.lower() in text.lower() for word in words), text
    assert_healthy(comfy)


def test_a_picture_of_any_size_can_be_picked_on_and_a_model_names_the_node_that_fixes_it(comfy: ComfyUI):
    graph = pick_graph(
        json.dumps(GOOD), {"class_type": "EmptyImage", "inputs": {"width": 100, "height": 90, "batch_size": 2, "color": 0}}
    )
    assert comfy.run(graph, timeout=60).status == "success"
    graph["model"] = {"class_type": "DragAVideo_EmbeddedModel", "inputs": {"subject": "creature"}}
    inputs = {"video": ["clip", 0], "model": ["model", 0], "until": 1, "refinements": 0, "chunk": 0, "stride": 1}
    graph["invert"] = {"class_type": "DragAVideo_Invert", "inputs": inputs}
    graph["decode"] = {"class_type": "PreviewAny", "inputs": {"source": ["invert", 0]}}
    node, text = error_of(comfy, graph)
    assert node == "DragAVideo_Invert"
    assert "64" in text and "100" in text and "Load Video" in text, text
    assert_healthy(comfy)


def write_film(path) -> None:
    """A film of 40 noisy frames."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width = stream.height = SIZE
        for _ in range(40):
            picture = av.VideoFrame.from_ndarray(noise.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8), format="rgb24")
            film.mux(stream.encode(picture))
        film.mux(stream.encode())


@pytest.mark.parametrize("fault", ["no video at all", "truncated", "empty"])
def test_an_unreadable_video(comfy: ComfyUI, tmp_path, fault):
    path = tmp_path / f"{fault}.mp4"
    write_film(path)
    whole = path.read_bytes()
    path.write_bytes({"no video at all": b"This is not a film. " * 50, "truncated": whole[: len(whole) // 2], "empty": b""}[fault])
    name = comfy.upload(path)
    node, text = error_of(comfy, load_graph(name))
    assert node == "DragAVideo_LoadVideo"
    assert name in text, text
    assert_healthy(comfy)


def test_a_whole_video_loads(comfy: ComfyUI, tmp_path):
    """The counterpart of the faults above."""
    write_film(tmp_path / "whole.mp4")
    run = comfy.run(load_graph(comfy.upload(tmp_path / "whole.mp4")), timeout=60)
    assert run.status == "success", run.error
    assert len(run.outputs["shown"]["images"]) == 4


def test_a_missing_video(comfy: ComfyUI):
    node, text = error_of(comfy, load_graph("nowhere.mp4"))
    assert node == "DragAVideo_LoadVideo" and "nowhere.mp4" in text and "input" in text, text
    assert_healthy(comfy)


def test_a_missing_sam_file_says_where_it_belongs(comfy: ComfyUI):
    sam = {"class_type": "DragAVideo_SAM", "inputs": {"checkpoint": "sam_vit_b_nowhere.pth"}}
    shown = {"class_type": "PreviewAny", "inputs": {"source": ["sam", 0]}}
    node, text = error_of(comfy, {"sam": sam, "shown": shown})
    assert node == "DragAVideo_SAM" and "sam_vit_b_nowhere.pth" in text and "sams" in text, text
    assert_healthy(comfy)


def test_a_target_outside_every_mask_square_is_a_warning_on_the_node(comfy: ComfyUI):
    far = {**GOOD, "pairs": [{"handle": [30, 30], "target": [110, 110]}], "mask_points": [[30, 30]]}
    graph = pick_graph(json.dumps(far))
    graph["model"] = {"class_type": "DragAVideo_EmbeddedModel", "inputs": {"subject": "anything"}}
    sets = {"set_side": 3, "set_spacing": 8.0, "mask_radius": 28.0, "recipe": "image", "ensemble": 1, "window": 64.0, "seed": 0}
    wires = {"video": ["clip", 0], "picks": ["pick", 0], "model": ["model", 0]}
    graph["propagate"] = {"class_type": "DragAVideo_Propagate", "inputs": {**wires, **sets}}
    graph["shown"] = {"class_type": "PreviewImage", "inputs": {"images": ["propagate", 2]}}
    run = comfy.run(graph, timeout=60)
    assert run.status == "success", run.error
    texts = [event.data["text"] for event in run.of("text", "propagate")]
    assert texts and "mask" in texts[-1] and "target" in texts[-1], texts
