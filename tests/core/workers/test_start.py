"""Workers make a stage with the process that starts them, and none is left: at the end, after a cancel, an error or a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
from core import shared_work
from core.workers.test_handover import model
from processes import none_is_left

from dragvideo_core.stages.drag import drag
from dragvideo_core.types import UserError
from dragvideo_core.workers.start import workers

pytestmark = [pytest.mark.distributed, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    signals = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    before = psutil.Process().children(recursive=True)
    yield
    assert set(psutil.Process().children(recursive=True)) <= set(before)
    assert list(tmp_path.glob("drag_a_video_*")) == []
    assert not torch.distributed.is_initialized()
    assert signals == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def call() -> dict:
    return {"inversion": shared_work.inversion(5), "tracks": shared_work.tracks(5), "model": model(), "settings": shared_work.COLD}


def dragged_with(devices: list[torch.device], on_progress: Callable = lambda *at: None, waiting: Callable = lambda: None) -> dict:
    with workers("drag", call(), devices, waiting) as group:
        assert group.size == len(devices) + 1
        return shared_work.dragged(drag(**call(), on_progress=on_progress, group=group))


def test_two_workers_drag_what_one_process_drags():
    wanted, made = shared_work.dragged(drag(**call())), dragged_with([CPU, CPU])
    for name, value in wanted.items():
        torch.testing.assert_close(made[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_a_cancel_reaches_workers_at_work_and_those_that_start():
    def cancel(*at) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dragged_with([CPU], waiting=cancel)
    with pytest.raises(KeyboardInterrupt):
        dragged_with([CPU], on_progress=lambda done, total, picture: cancel() if done else None)


@pytest.mark.faults
def test_why_a_worker_fails_is_said():
    with pytest.raises(UserError, match="meta"):
        dragged_with([torch.device("meta")])


@pytest.mark.faults
def test_a_worker_that_is_killed_is_missed():
    def kill(done: int, total: int, picture) -> None:
        for worker in psutil.Process().children() if done else ():
            worker.kill()

    with pytest.raises(UserError, match="the worker on cpu ended"):
        dragged_with([CPU], kill)


ENDLESS = """
import time
from core.workers import test_start
def stay(done, total, picture):
    print(done, flush=True)
    time.sleep(600 if done else 0)
test_start.dragged_with([test_start.CPU], stay)
"""


@pytest.mark.faults
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path):
    folders = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS], env=folders, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        while parent.stdout.readline().strip() not in ("1", ""):
            pass
        started = psutil.Process(parent.pid).children(recursive=True)
        assert len(started) == 1 and list(tmp_path.glob("drag_a_video_*"))
        parent.kill()
        assert none_is_left(started, tmp_path)  # also while nobody has asked how the parent ended
    finally:
        parent.kill()
        parent.wait()
