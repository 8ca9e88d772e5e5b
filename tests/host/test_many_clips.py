"""The script in docs/scale.md that shares out clips among servers, run as it stands there."""

import json
import subprocess
import sys
import time
from pathlib import Path

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.media.video_file import write_video
from host.comfyui import ROOT, ComfyUI
from host.ui_to_api import ui_to_api

SERVERS = "http://127.0.0.1:{8188 + number % 2}"
NAMES, SECONDS = ("swan", "wolf", "crane"), 300
PAIRS = [{"handle": [50, 37], "target": [60, 34]}]
STROKES = [
    {"kind": "thing", "radius": 3, "points": [[42, 34], [50, 26], [60, 33], [55, 45], [43, 43], [42, 34]]},
    {"kind": "ground", "radius": 4, "points": [[30, 70], [24, 40], [34, 14], [64, 14], [76, 36], [74, 66]]},
]


def test_the_script_queues_every_clip_with_its_points(comfy: ComfyUI, tmp_path: Path):
    script = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    workflow = json.loads((ROOT / "workflows" / "Quick drag.json").read_text(encoding="utf-8"))
    graph = ui_to_api(workflow, comfy.object_info())
    numbers = {node["class_type"]: number for number, node in graph.items()}
    graph[numbers["DragAVideo_LoadVideo"]]["inputs"] |= {"select_every_nth": 1, "skip_first_frames": 0}
    (tmp_path / "drag.json").write_text(json.dumps(graph))
    for i, name in enumerate(NAMES):
        write_video(tmp_path / f"{name}.mp4", demo_clip("flower", 101 + i, 2).clip)
        comfy.upload(tmp_path / f"{name}.mp4")
        points = {"version": 2, "size": [128, 128], "frame": 0, "pairs": PAIRS, "strokes": STROKES}
        (tmp_path / f"{name}.points.json").write_text(json.dumps(points))
    assert SERVERS in script and 'graph["2"]' in script and 'graph["3"]' in script
    script = script.replace(SERVERS, comfy.url)
    for written, kind in (("2", "DragAVideo_LoadVideo"), ("3", "DragAVideo_Pick")):
        script = script.replace(f'graph["{written}"]', f'graph["{numbers[kind]}"]')
    before, deadline = comfy.get("/history").json(), time.monotonic() + SECONDS
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=SECONDS)
    while len(runs := {name: run for name, run in comfy.get("/history").json().items() if name not in before}) < len(NAMES):
        assert time.monotonic() < deadline, comfy.log_tail()
        time.sleep(0.2)
    assert [run["status"]["status_str"] for run in runs.values()] == ["success"] * len(NAMES)
    queued = [run["prompt"][2] for run in runs.values()]
    assert {one[numbers["DragAVideo_LoadVideo"]]["inputs"]["file"] for one in queued} == {f"{name}.mp4" for name in NAMES}
    assert all(json.loads(one[numbers["DragAVideo_Pick"]]["inputs"]["points"])["pairs"] == PAIRS for one in queued)
