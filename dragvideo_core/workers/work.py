"""A worker: one process that makes one stage as a rank of a group, and ends. `start.py` starts it."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import psutil
import torch
from torch import distributed

from ..group import LostRank, joined
from ..types import UserError
from ..warning import warnings_go_to
from . import handover

MEETING = "meeting"  # the file that the processes meet in
APART = 0.2  # seconds between two looks at the parent


def is_ready(folder: Path, rank: int) -> Path:
    """The file that says that a worker has read its inputs."""
    return folder / f"ready.{rank}"


def failure(folder: Path, rank: int) -> Path:
    """The file that says why a worker ended early, if it could say so."""
    return folder / f"failure.{rank}"


def main(folder: Path, rank: int, size: int, device: torch.device, parent: int) -> None:
    """Make the stage whose call lies in the folder, as this rank of so many. Ends with the process `parent`, which started it."""
    watching = _end_with(psutil.Process(parent), folder)
    try:
        with warnings_go_to(lambda text: None):  # the first rank says the same
            stage, inputs = handover.read(folder, device)
            if device.type == "cuda":
                torch.cuda.set_device(device)
            is_ready(folder, rank).touch()
            store = distributed.FileStore(str(folder / MEETING), size)
            distributed.init_process_group("gloo", store=store, rank=rank, world_size=size)
            stage(**inputs, group=joined())
            distributed.destroy_process_group()
    except LostRank:
        watching.join(5 * APART)  # perhaps the parent is gone
        sys.exit(1)  # if not, it knows who left first, and why
    except Exception as error:
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        unfinished = folder / f"failing.{rank}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(failure(folder, rank))
        raise


def _end_with(parent: psutil.Process, folder: Path) -> threading.Thread:
    """When the parent process has ended, however it did, this one ends at once, in the middle of whatever it does."""

    def watch() -> None:
        # A killed parent that nobody has reaped still runs for psutil, but is no more this one's parent. On Windows a virtual
        # environment's Python has another process in between.
        while parent.is_running() and (os.name == "nt" or os.getppid() == parent.pid):
            time.sleep(APART)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    return watching


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), torch.device(sys.argv[4]), int(sys.argv[5]))
