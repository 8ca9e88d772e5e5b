"""Processes that share a piece of work, and what is left of those that were to end."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from unittest.mock import patch

import psutil
import torch.multiprocessing

WITHIN = 10.0  # seconds
# One process imports torch and diffusers (five seconds), and the others are forked from it; on Windows each imports them itself.
START_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def can_fork() -> None:
    """The process that others are forked from is there, with what they need imported."""
    if START_METHOD == "forkserver":
        multiprocessing.set_forkserver_preload(["core.shared_work"])
        with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # it looks nowhere else
            forkserver.ensure_running()


def start(work: Callable[..., None], inputs: tuple, size: int) -> None:
    """Call work(rank, *inputs), a function of a module, in `size` processes, and wait for them; raises what one of them raises."""
    can_fork()
    torch.multiprocessing.start_processes(work, inputs, size, start_method=START_METHOD)


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
