"""What is left of processes that were to end."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

WITHIN = 10.0  # seconds


def is_gone(process: psutil.Process) -> bool:
    """Who reaps orphans may take its time, so a zombie is gone."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def none_is_left(workers: list[psutil.Process], folder: Path) -> bool:
    """Whether workers, and what was handed to them in this folder, are gone in time."""
    for _ in range(int(WITHIN / 0.1)):
        if all(map(is_gone, workers)) and not list(folder.glob("drag_a_video_*")):
            return True
        time.sleep(0.1)
    return False
