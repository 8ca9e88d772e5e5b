"""Workers of a real ComfyUI, which the choice *devices* starts: none is left after a cancel, nor after a kill."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from processes import none_is_left

from host.comfyui import ComfyUI, Event, HostError

LONG = {
    "clip": {
        "class_type": "DragAVideo_DemoClip",
        "inputs": {"kind": "balloon", "seed": 104, "frames": 4, "occluded": False, "drag_x": 0.0, "drag_y": 0.0},
    },
    "model": {"class_type": "DragAVideo_EmbeddedModel", "inputs": {"subject": "balloon", "devices": "all"}},
    "tune": {
        "class_type": "DragAVideo_Tune",
        "inputs": {"video": ["clip", 0], "model": ["model", 0], "passes": 10_000, "rank": 2, "learning_rate": 1e-4},
    },
    "shown": {"class_type": "PreviewAny", "inputs": {"source": ["tune", 2]}},
}


def workers(comfy: ComfyUI) -> list[psutil.Process]:
    assert comfy.process is not None
    return psutil.Process(comfy.process.pid).children(recursive=True)


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.faults
def test_no_worker_is_left_after_a_cancel_or_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRAG_A_VIDEO_DEVICES", "cpu,cpu")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with ComfyUI(base=tmp_path / "comfyui") as comfy:
        seen: list[list[psutil.Process]] = []

        def stop(event: Event) -> None:
            if event.kind == "progress" and event.data["value"] >= 1 and event.data["node"] == "tune":
                seen.append(workers(comfy))
                comfy.interrupt()

        assert comfy.run(LONG, stop).status == "interrupted"
        assert len(seen[0]) == 2 and none_is_left(seen[0], tmp_path)

        def kill(event: Event) -> None:
            if event.kind == "progress" and event.data["value"] >= 1 and event.data["node"] == "tune":
                seen.append(workers(comfy))
                comfy.process.kill()

        with pytest.raises(HostError):
            comfy.run(LONG, kill)
        assert len(seen[-1]) == 2 and none_is_left(seen[-1], tmp_path)
