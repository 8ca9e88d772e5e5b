"""Starts workers, joins them in a group for one stage, and ends them, whatever happens.

They are started by torch's own launcher, each a fresh Python that imports the core by its own name: inside ComfyUI it has another
one, and ComfyUI's `main.py` must not run twice. They meet in a file and talk over the loopback interface.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std, start_processes

from ..group import Group, LostRank, joined
from ..types import UserError
from . import handover, work

ROOT = Path(__file__).resolve().parents[2]  # of the package `dragvideo_core`
CODE = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('dragvideo_core.workers.work', run_name='__main__')"
)
APART = 0.1  # seconds between two looks at workers that start
TO_LEAVE = 10.0  # seconds until a worker whose work is done is ended
TO_DIE = 5  # seconds until one that was asked to end is killed


@contextmanager
def workers(stage: str, inputs: dict[str, Any], devices: list[torch.device], waiting: Callable[[], None]) -> Iterator[Group]:
    """Inside: the group of this process, its first rank, and a worker on each of the devices, which call the same stage (a name in
    `handover.STAGES`) with the same inputs (without `on_progress` and `group`). Afterwards none of them is there any more.

    waiting: called again and again until all have started; to cancel, raise. UserError where a worker fails or is lost, and where
    this process has a process group already.
    """
    if distributed.is_initialized():
        raise UserError("another part of this program has a process group already: choose 'this one' as 'devices'.")
    with tempfile.TemporaryDirectory(prefix="drag_a_video_", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        handover.write(folder, stage, inputs)
        started = _Workers(folder, devices)
        try:
            with started.errors():
                started.wait_until_ready(waiting)
                yield started.join()
                started.wait_until_gone()
        finally:
            started.end()


class _Workers:
    def __init__(self, folder: Path, devices: list[torch.device]):
        self.folder, self.devices, self.size = folder, devices, len(devices) + 1
        own = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // self.size)), **_loopback()}
        arguments = {
            number: ("-c", CODE, str(ROOT), str(folder), str(number + 1), str(self.size), str(device), str(os.getpid()))
            for number, device in enumerate(devices)
        }
        logs = DefaultLogsSpecs(str(folder / "logs"), redirects=Std.ALL)
        environments = {number: dict(own) for number in arguments}
        with _quiet(), ThreadPoolExecutor(1) as thread:  # in the main thread torch would take over the signals of this process
            start = thread.submit(start_processes, "drag-a-video", sys.executable, arguments, environments, logs)
        self.context = start.result()
        self.processes = [psutil.Process(pid) for _, pid in sorted(self.context.pids().items())]

    def wait_until_ready(self, waiting: Callable[[], None]) -> None:
        """Wait until every worker has read its inputs. LostRank where one ends."""
        ranks = range(1, self.size)
        while not all(work.is_ready(self.folder, rank).exists() for rank in ranks):
            waiting()
            if any(_is_gone(process) for process in self.processes):
                raise LostRank("a worker ended while it started: run it again, or choose 'this one' as 'devices'")
            time.sleep(APART)

    def join(self) -> Group:
        """The group of this process and the workers."""
        store = distributed.FileStore(str(self.folder / work.MEETING), self.size)
        with _environment(_loopback()):
            distributed.init_process_group("gloo", store=store, rank=0, world_size=self.size)
        return joined()

    def wait_until_gone(self) -> None:
        """Wait, for a while at most, until the workers have left."""
        psutil.wait_procs(self.processes, TO_LEAVE)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Inside, where a rank is lost, the UserError says what that one said itself."""
        try:
            yield
        except LostRank as error:
            psutil.wait_procs(self.processes, TO_LEAVE)  # those that are left lose their connection too
            said = [work.failure(self.folder, rank) for rank in range(1, self.size)]
            texts = [path.read_text(encoding="utf-8") for path in said if path.exists()]
            ended = ", ".join(str(device) for device, one in zip(self.devices, self.processes, strict=True) if _is_gone(one))
            raise UserError(
                texts[0]
                if texts
                else f"the worker on {ended} ended: expected it to work until the end. Perhaps there was too little "
                "memory for it. Run it again, it goes on where it was; or choose 'this one' as 'devices'."
            ) from error

    def end(self) -> None:
        """No worker is left, and no process group."""
        with _quiet():
            self.context.close(signal.SIGTERM, TO_DIE)
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _loopback() -> dict[str, str]:
    """What makes gloo use the interface that nobody else can reach, where it is known by a name that gloo understands."""
    names = [name for name, known in psutil.net_if_addrs().items() if any(one.address == "127.0.0.1" for one in known)]
    return {"GLOO_SOCKET_IFNAME": names[0]} if names and os.name == "posix" else {}


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Inside, variables of this process's environment have these values."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, torch's launcher writes nothing into the log: its warnings are about things that are wanted here."""

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger("torch.distributed.elastic.multiprocessing.api")
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went in between
        return True
