"""Two machines share a drag, and one of them is cut off: two network namespaces with a cable between them, which is pulled.

Each runs `python -m torch.distributed.run` on this very file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HOSTS, ADDRESSES = ("drag-a-video-1", "drag-a-video-2"), ("10.213.77.1", "10.213.77.2")
LOST_AFTER, PULLED_AFTER = 10.0, 2  # seconds; iterations
WITHIN = 120.0  # seconds, for a busy machine: without the pulse it is half an hour
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.distributed, pytest.mark.slow, pytest.mark.faults]


def ip(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True).returncode == 0


@pytest.fixture
def two_hosts() -> Iterator[None]:
    if not shutil.which("ip") or os.geteuid() or not ip("netns", "add", HOSTS[0]):
        pytest.skip("network namespaces need root and iproute2")
    try:
        made = ip("netns", "add", HOSTS[1]) and ip(
            "link", "add", "cable", "netns", HOSTS[0], "type", "veth", "peer", "name", "cable", "netns", HOSTS[1]
        )
        if not made:
            pytest.skip("this machine has no pairs of network interfaces")
        for host, address in zip(HOSTS, ADDRESSES, strict=True):
            assert ip("-n", host, "addr", "add", f"{address}/24", "dev", "cable")
            assert ip("-n", host, "link", "set", "cable", "up") and ip("-n", host, "link", "set", "lo", "up")
        yield
    finally:
        for host in HOSTS:
            ip("netns", "del", host)


def launched(number: int, nodes: str, restarts: int, folder: Path) -> subprocess.Popen:
    settings = f"is_host={number == 0},last_call_timeout=3,keep_alive_interval=1,keep_alive_max_attempt=3"
    launch = [sys.executable, "-m", "torch.distributed.run", "--nnodes", nodes, "--nproc-per-node", "1"]
    launch += ["--max-restarts", str(restarts), "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:29412"]
    launch += ["--rdzv-id", "lost", "--local-addr", ADDRESSES[number], "--rdzv-conf", settings]
    with (folder / f"log.{number}").open("wb") as log:
        return subprocess.Popen(
            ["ip", "netns", "exec", HOSTS[number], *launch, __file__, str(folder), str(number)],
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
                "OMP_NUM_THREADS": "1",
                "GLOO_SOCKET_IFNAME": "cable",
                "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(started: subprocess.Popen) -> None:
    """A launcher that is cut off may wait for the other machine for minutes when it is asked to end."""
    started.terminate()
    try:
        started.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.mark.parametrize("nodes, restarts", [("2", 0), ("1:2", 2)], ids=["ends", "goes on alone"])
def test_a_machine_that_is_cut_off_is_missed_and_nothing_is_lost(two_hosts: None, tmp_path: Path, nodes: str, restarts: int):
    import torch
    from core.test_group_faults import drag_again

    from dragvideo_core.group import ALONE

    started = [launched(number, nodes, restarts, tmp_path) for number in range(2)]
    try:
        while not (tmp_path / "pull").exists():
            assert all(one.poll() is None for one in started), (tmp_path / "log.0").read_text() + (tmp_path / "log.1").read_text()
            time.sleep(0.1)
        assert ip("-n", HOSTS[0], "link", "set", "cable", "down")
        status = started[0].wait(WITHIN)
        log = (tmp_path / "log.0").read_text()
        assert "rank 0 of 2 lost its connection to rank 1" in log
        assert "rank 1 of 2 lost its connection to rank 0" in (tmp_path / "log.1").read_text() or started[1].poll() is None
    finally:
        for one in started:
            end(one)
    wanted, _ = drag_again(ALONE, None)
    if restarts:
        assert status == 0, log
        made = torch.load(tmp_path / "made.pt")
    else:
        assert status != 0
        made, reports = drag_again(ALONE, tmp_path / "unfinished")
        assert min(done for done in reports if done) == PULLED_AFTER - 1  # what was written before is not made again
    for name, value in wanted.items():
        torch.testing.assert_close(made[name], value, rtol=1e-4, atol=1e-6, msg=name)


def work(folder: Path, number: int) -> None:
    """A rank: it drags, stops when the cable is to be pulled, and goes on into the exchange that never comes."""
    import torch
    from core.test_group_faults import SETTINGS, drag_again
    from torch import distributed

    from dragvideo_core.group import started_by_torchrun

    def lost(text: str) -> None:
        print(text, flush=True)
        os._exit(1)

    torch.set_num_threads(1)
    assert SETTINGS.iterations > PULLED_AFTER
    group = started_by_torchrun(lost, LOST_AFTER)

    def pulled(done: int) -> None:
        if done == PULLED_AFTER and group.size == 2:
            if group.rank == 0:
                (folder / "pull").touch()
            time.sleep(3.0)

    edit, _ = drag_again(group, folder / "unfinished" if number == 0 else folder / "other", pulled)
    if number == 0:
        torch.save(edit, folder / "made.pt")
    if distributed.is_initialized():
        distributed.destroy_process_group()


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
