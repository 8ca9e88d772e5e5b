"""What a group does when one of its processes is killed, or is not like the others."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from diffusers import UNet2DConditionModel
from processes import START_METHOD, can_fork
from torch import distributed
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from dragvideo_core.files.unfinished import NOT_KEPT, Unfinished
from dragvideo_core.group import ALONE, Group, joined, started_by_torchrun
from dragvideo_core.stages.decode import DecodeSettings
from dragvideo_core.stages.drag import drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError

from .shared_work import COLD, Results, clip, decodes, dragged, drags, inversion, inverts, model, run, tracks, tunes
from .tiny import tiny_model

pytestmark = [pytest.mark.distributed, pytest.mark.slow, pytest.mark.faults]
FRAMES, KILLED_AFTER = 4, 3
SETTINGS = replace(COLD, iterations=4)


def drag_again(group: Group, folder: Path | None, on_iteration=lambda done: None):
    """The edit, and how many iterations were done before each report."""
    reports: list[int] = []

    def report(done: int, total: int, picture) -> None:
        reports.append(done)
        on_iteration(done)

    kept = NOT_KEPT if folder is None else Unfinished(folder, seconds=-1.0)
    with patch("dragvideo_core.files.unfinished.SHARE", 0.0):  # written after every iteration, however long writing takes
        made = drag(inversion(FRAMES), tracks(FRAMES), model(), SETTINGS, report, unfinished=kept, group=group)
    return dragged(made), reports


def killed_once(folder: Path) -> None:
    """A worker under torch elastic; the second one is killed when it has made some iterations."""
    torch.set_num_threads(1)
    group, attempt = started_by_torchrun(), int(os.environ["TORCHELASTIC_RESTART_COUNT"])

    def perhaps_die(done: int) -> None:
        if attempt == 0 and group.rank == 1 and done == KILLED_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)

    edit, reports = drag_again(group, folder / "unfinished", perhaps_die)
    torch.save(edit, folder / f"{group.rank}.pt")
    (folder / f"{group.rank}.json").write_text(json.dumps([attempt, *reports]))
    distributed.destroy_process_group()


@pytest.mark.parametrize("restarts", [1, 0])
def test_work_goes_on_where_a_worker_was_killed(tmp_path: Path, restarts: int):
    """Torch elastic starts the group again; or nobody does, and one process goes on with what the group left."""
    can_fork()
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, max_restarts=restarts, monitor_interval=0.1, start_method=START_METHOD,
        rdzv_backend="c10d", rdzv_endpoint="localhost:0", run_id=tmp_path.name,
    )  # fmt: skip
    start = elastic_launch(config, killed_once)
    if restarts:
        start(tmp_path)
        results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
        attempt, *reports = json.loads((tmp_path / "0.json").read_text())
        assert attempt == 1
    else:
        with pytest.raises(Exception, match="FAILED"):
            start(tmp_path)
        result, reports = drag_again(ALONE, tmp_path / "unfinished")
        results = [result]
    assert min(done for done in reports if done) == KILLED_AFTER - 1  # what was written before that iteration is not made again
    wanted, _ = drag_again(ALONE, None)
    for result in results:
        for name, value in wanted.items():
            torch.testing.assert_close(result[name], value, rtol=1e-4, atol=1e-6, msg=name)
    asked_again = drag_again(ALONE, tmp_path / "unfinished")  # finished work is kept: nothing is dragged a second time
    torch.testing.assert_close(asked_again[0], results[0], rtol=0, atol=0)
    assert not any(asked_again[1])


def refusals(group: Group, folder: Path) -> None:
    """The sentences that each rank gets where the second one is of another kind."""
    others = tiny_model(seed=1) if group.rank == 1 else model()
    version = "0.0.1" if group.rank == 1 else torch.__version__
    texts = []
    with patch("torch.__version__", version):
        for work in (joined, lambda: invert(clip(FRAMES), others, InvertSettings(until=2), group=group)):
            try:
                work()
            except UserError as error:
                texts.append(str(error))
    (folder / f"{group.rank}.json").write_text(json.dumps(texts))


def test_versions_and_models_that_differ_are_refused_in_words_on_every_rank(tmp_path: Path):
    run(2, refusals, tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second and len(first) == 2
    assert "torch differs" in first[0] and "0.0.1 on rank 1" in first[0]
    assert "model or settings" in first[1] and "on rank 1" in first[1]


@contextmanager
def memory_runs_out(at: int) -> Iterator[list[int]]:
    """Inside, the device has too little memory for the denoiser's call `at`, counted among those of several frames. Gives the sizes
    of the calls that came after."""
    forward, sizes, later = UNet2DConditionModel.forward, [], []

    def scarce(self, latents: torch.Tensor, *inputs, **more):
        later.extend([len(latents)] * (len(sizes) > at))
        if len(latents) > 1:
            sizes.append(len(latents))
            if len(sizes) == at + 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, latents, *inputs, **more)

    with patch.object(UNet2DConditionModel, "forward", scarce):
        yield later
    assert len(sizes) > at, "it never came so far"


# In the middle of a stage, where a rank has two frames at a time. The call counts those of each step and iteration.
SHORT_OF_MEMORY: dict[str, tuple[int, Callable[[Group, int], Results]]] = {
    "invert": (1, lambda group, chunk: inverts(FRAMES, group, chunk)),
    "drag": (5, lambda group, chunk: drags(FRAMES, replace(SETTINGS, turns=1, chunk=chunk), group)),
    "tune": (1, lambda group, chunk: tunes(FRAMES, group, chunk, batch=4)),
    "decode": (2, lambda group, chunk: decodes(FRAMES, DecodeSettings(stride=4, chunk=chunk), group)),
}


def short_of_memory(group: Group, folder: Path) -> None:
    """Each stage with two frames at a time, for which the second rank has room no longer."""
    made = {}
    for name, (at, work) in SHORT_OF_MEMORY.items():
        with memory_runs_out(at) if group.rank == 1 else nullcontext([1]) as later:
            made[name] = work(group, 2)
        assert later and set(later) == {1}, (name, later)
    torch.save(made, folder / f"{group.rank}.pt")


def test_a_rank_that_runs_out_of_memory_takes_fewer_frames_and_all_get_the_same(tmp_path: Path):
    run(2, short_of_memory, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, (_, work) in SHORT_OF_MEMORY.items():
        for key, wanted in work(ALONE, 1).items():
            torch.testing.assert_close(second[name][key], first[name][key], rtol=0, atol=0)
            apart = (first[name][key] - wanted).norm()  # batches of other sizes round differently
            assert apart <= 1e-3 * wanted.norm(), f"{name}, {key}: {apart} of {wanted.norm()}"


def left_alone(group: Group, folder: Path) -> None:
    """The first rank goes on, the others have left."""
    if group.rank:
        os._exit(0)
    try:
        while True:
            group.sum([torch.ones(8)])
    except UserError as error:
        (folder / "text").write_text(str(error))
        os._exit(0)


def test_who_is_left_alone_says_so(tmp_path: Path):
    run(2, left_alone, tmp_path)
    assert "rank 0 of 2 lost its connection" in (tmp_path / "text").read_text()


def test_without_a_process_group_there_is_none_to_join():
    with pytest.raises(UserError, match="torchrun"):
        joined()
