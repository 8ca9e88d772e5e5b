"""Jobs for the tests: a sound one of a film, and one for the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

from core.test_film_edit import points

from dragvideo_core.embedded.demo_clip import demo_clip

EMBEDDED = {"kind": "embedded", "subject": "flower"}
FAST = {
    "tune": {"passes": 0},
    "drag": {"steps": [3], "iterations": 1, "turns": 1},
    "invert": {"until": 3},
    "decode": {"keep_pixels": False},  # else the displacement leaves nothing to the model, and it is not asked
    "evaluate": {"ensemble": 1},
}


def job_file(folder: Path, **changes) -> Path:
    """A sound job of a whole film, with changes; None leaves a key out."""
    data = {"drag_a_video_job": 1, "film": "disc.mkv", "points": json.loads(points()), "output": "out.mkv", **changes}
    data.setdefault("settings", {"film": {"codec": "ffv1"}})
    path = folder / "job.json"
    path.write_text(json.dumps({name: value for name, value in data.items() if value is not None}))
    return path


def drawing(folder: Path, **changes) -> Path:
    """A sound job for the embedded model."""
    chosen = {"film": "flower.mp4", "points": json.loads(demo_clip("flower", 101, 2).picks), "output": "out.mp4", "settings": FAST}
    return job_file(folder, model=EMBEDDED, **(chosen | changes))
