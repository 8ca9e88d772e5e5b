"""The choice *devices* of the model nodes: with other devices the stages are shared with workers there, else nothing changes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest
import torch

from . import graphs
from .executor import Comfy

STAGES = ["propagate", "tune", "invert", "drag", "decode"]


@pytest.fixture
def nothing_kept(comfy: Comfy, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run finds what another one made."""
    kept = comfy.module("dragvideo_core.files.unfinished").NOT_KEPT
    monkeypatch.setattr(comfy.module("nodes.comfy.folders"), "unfinished", lambda: kept)


@pytest.fixture
def half_the_threads() -> Iterator[None]:
    """As many as a worker gets: with more, sums round otherwise, and features of random weights have other nearest ones."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
    yield
    torch.set_num_threads(threads)


def edit_on(comfy: Comfy, devices: str, tracker: str = "dift") -> dict:
    graph = graphs.whole_edit(comfy, frames=3)
    graph["model"]["inputs"]["devices"] = devices
    graph["propagate"]["inputs"]["tracker"] = tracker
    for stage in ("propagate", "invert", "drag", "decode"):
        graph[stage]["inputs"]["chunk"] = 1  # batches of other sizes round differently
    return {name: inputs for name, inputs in graph.items() if name not in ("evaluate", "scores", "sheet", "mask")}


@pytest.mark.slow
@pytest.mark.distributed
def test_all_devices_make_what_one_makes(
    comfy: Comfy, random_weights, nothing_kept, half_the_threads, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[str, int]] = []
    before = psutil.Process().children(recursive=True)
    start = comfy.module("dragvideo_core.workers.start")
    started = start.workers

    def counted(stage, *inputs):
        seen.append((stage, len(inputs[1])))
        return started(stage, *inputs)

    monkeypatch.setattr(start, "workers", counted)
    wanted = comfy.run(edit_on(comfy, "this one"))
    assert wanted.status == "success" and seen == []
    monkeypatch.setenv("DRAG_A_VIDEO_DEVICES", "cpu")
    made = comfy.run(edit_on(comfy, "all"))
    assert made.status == "success", made.error
    assert seen == [(stage, 1) for stage in STAGES]
    one, all_ = wanted.values["decode"][0], made.values["decode"][0]
    assert not torch.equal(one, wanted.values["clip"][0]) and (one - all_).abs().max() <= 2 / 255
    moved = [values["drag"][0].handle_path for values in (wanted.values, made.values)]
    torch.testing.assert_close(moved[0], moved[1], rtol=0, atol=1e-3)
    assert "drag" in {node for node, _ in made.previews}
    assert set(psutil.Process().children(recursive=True)) <= set(before)


def test_with_one_device_all_is_this_one(comfy: Comfy, random_weights, nothing_kept, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DRAG_A_VIDEO_DEVICES", raising=False)
    assert comfy.module("nodes.comfy.devices").others() == []
    made = comfy.run(graphs.up_to(edit_on(comfy, "all"), "invert"))
    assert made.status == "success", made.error


def test_points_that_flow_follows_start_no_worker(comfy: Comfy, random_weights, nothing_kept, monkeypatch: pytest.MonkeyPatch):
    start = comfy.module("dragvideo_core.workers.start")
    monkeypatch.setattr(start, "workers", lambda *inputs: pytest.fail("a worker was started"))
    monkeypatch.setenv("DRAG_A_VIDEO_DEVICES", "cpu")
    made = comfy.run(graphs.up_to(edit_on(comfy, "all", "auto"), "propagate"))
    assert made.status == "success", made.error


@pytest.mark.faults
@pytest.mark.parametrize("named", ["gpu7", "cpu,", ",cpu"])
def test_names_of_no_devices_are_refused(comfy: Comfy, monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.setenv("DRAG_A_VIDEO_DEVICES", named)
    with pytest.raises(ValueError, match="devices with commas between"):
        comfy.module("nodes.comfy.devices").others()
