"""`make bench-scale`: one edit by 1, 2 and, on a machine with more cores, 4 and 8 processes of one thread each.

Time: inversion, drag and decoding of a drawn clip with the embedded model. What travels: a drag of two pairs on latents and
features of Stable Diffusion 1.5's shapes (64 x 64 cells, 640 channels, the paper's four steps), by a denoiser of two layers, since
bytes depend on shapes alone. Bytes and seconds of waiting are those of the rank that has the most.

Beside them: two processes that share nothing, each with half of the frames. What they lose is the machine's: two cores have one
memory and one clock. Each row is the quicker of two runs, taken in turn, since a machine is not as fast from minute to minute.

Writes output/bench/scale.json. `efficiency_2`: the time of one process over twice the time of two. `apart_2`: the same of two that
share nothing. `group_2`: their time over that of two that make the edit together, which is what the group itself costs.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import processes
import torch
from torch import Tensor, distributed, nn
from torch.nn import Conv2d

from dragvideo_core.diffusion.ddim import stable_diffusion_alphas
from dragvideo_core.group import ALONE, Group, Ranks, joined
from dragvideo_core.points.sets import square_set
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import DragModel, Inversion, PointTracks

from .speed_world import Case, World, build, load

OUT = Path(__file__).resolve().parents[2] / "output" / "bench"
STEPS = (42, 41, 35, 30)
RUNS = 2
WHOLE = Case("whole edit", frames=12, steps=STEPS, iterations=6, is_whole=True, chunk=1)
FEATURES, SIDE = 640, 512  # channels of up block 2 of Stable Diffusion 1.5; px


def whole_edit(group: Group, case: Case = WHOLE, model: DragModel | None = None) -> dict:
    """Seconds of the stages, of waiting and of this process's work, without what is done once before them."""
    world = build(case, model or load(case))
    settings = DragSettings(steps=case.steps, iterations=case.iterations, arrive=0.0, chunk=case.chunk, warm_start=False)
    spent, seconds = time.process_time(), {}

    def timed(name: str, work: Callable):
        began = time.perf_counter()
        result = work()
        seconds[name] = time.perf_counter() - began
        return result

    inverting = InvertSettings(until=max(case.steps), chunk=case.chunk)
    inversion = timed("invert", lambda: invert(world.clip, world.model, inverting, group=group))
    edit = timed("drag", lambda: drag(inversion, world.tracks, world.model, settings, group=group))
    decoding = DecodeSettings(chunk=case.chunk)
    timed("decode", lambda: decode(world.clip, inversion, edit, world.tracks, world.model, decoding, group=group))
    return {
        "parts": seconds,
        "seconds": sum(seconds.values()),
        "cpu_seconds": time.process_time() - spent,
        "waited": group.waited if isinstance(group, Ranks) else 0.0,
    }


def half_an_edit(group: Group, case: Case = WHOLE, model: DragModel | None = None) -> dict:
    """The same of an edit of half the frames, which this process makes by itself."""
    return whole_edit(ALONE, replace(case, frames=case.frames // 2), model)


def travelling(group: Group, frames: int, dtype: str = "float32", world: World | None = None) -> dict:
    """Bytes that this rank sends in an iteration."""
    assert isinstance(group, Ranks)
    world, sent = world or wide_world(frames, dtype), []
    for iterations in (2, 4):
        before = group.sent_bytes
        settings = DragSettings(steps=STEPS, iterations=iterations, arrive=0.0, chunk=1, warm_start=False)
        drag(world.inversion, world.tracks, world.model, settings, group=group)
        sent.append(group.sent_bytes - before)
    return {"frames": frames, "dtype": dtype, "bytes_per_iteration": (sent[1] - sent[0]) / 2}


class TwoLayers(nn.Module):
    """What the drag asks of a denoiser, by two convolutions of one cell."""

    def __init__(self, width: int):
        super().__init__()
        self.config = SimpleNamespace(block_out_channels=(16,))
        self.down_blocks, self.mid_block = nn.ModuleList(), nn.Identity()
        self.up_blocks = nn.ModuleList([nn.Identity(), nn.Identity(), Conv2d(4, width, 1), Conv2d(width, 4, 1)])

    def forward(self, latents: Tensor, timestep: Tensor, context: Tensor, return_dict: bool) -> tuple[Tensor]:
        for block in self.up_blocks:
            latents = block(latents)
        return (latents,)


def wide_world(frames: int, dtype: str, width: int = FEATURES, side: int = SIDE) -> World:
    """Two pairs, a mask over a sixteenth of the picture, and features as wide as Stable Diffusion 1.5's."""
    torch.manual_seed(0)
    denoiser = TwoLayers(width).to(getattr(torch, dtype)).eval().requires_grad_(False)
    context = torch.zeros(1, 1, 8)
    model = DragModel(denoiser, None, context, context, stable_diffusion_alphas())  # type: ignore[arg-type]
    cells, top = side // 8, max(STEPS)
    latents = torch.randn(top + 1, frames, 4, cells, cells)
    timesteps = torch.tensor([0 if step == 0 else 20 * step - 19 for step in range(top + 1)])
    centres = torch.tensor([[0.44, 0.45], [0.44, 0.55]]) * side
    handles = square_set(centres, 3, 8.0).expand(frames, -1, -1, -1)
    seen = torch.ones(handles.shape[:3], dtype=torch.bool)
    mask = torch.zeros(frames, 1, side, side, dtype=torch.bool)
    mask[..., 3 * side // 8 : 5 * side // 8, 3 * side // 8 : 5 * side // 8] = True
    targets = handles + torch.tensor([side / 16, 0.0])
    tracks = PointTracks(handles, targets, seen, seen, mask, torch.zeros(frames, 0, 2))
    return World(model, None, tracks, Inversion(latents, timesteps))  # type: ignore[arg-type]


def run(size: int, work: Callable[..., dict], *inputs) -> list[dict]:
    """What a piece of work gives on each of `size` processes of one thread."""
    with tempfile.TemporaryDirectory() as folder:
        processes.start(_rank, (size, work, inputs, folder), size)
        return [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(size)]


def _rank(rank: int, size: int, work: Callable[..., dict], inputs: tuple, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=size)
    result = work(joined() if size > 1 else ALONE, *inputs)
    (Path(folder) / f"{rank}.json").write_text(json.dumps(result))
    distributed.barrier()
    distributed.destroy_process_group()


def row(processes: str, of_ranks: list[dict]) -> dict:
    """The slowest rank's seconds and the busiest one's. processes: their number, and "apart" if they share nothing."""
    slowest = max(of_ranks, key=lambda one: one["seconds"])
    return {
        "processes": processes,
        "seconds": slowest["seconds"],
        "parts": slowest["parts"],
        "waiting": max(one["waited"] / one["seconds"] for one in of_ranks),
        "cpu_seconds": max(one["cpu_seconds"] for one in of_ranks),
    }


def bench(cores: int, start: Callable[..., list[dict]] = run, say: Callable[[str], None] = print) -> dict:
    """All of it: what goes into the JSON."""
    load_before, sent = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, []
    runs: dict[str, list[dict]] = {}
    kinds = [(str(size), size, whole_edit) for size in (1, 2, 4, 8) if size <= max(2, cores)] + [("2 apart", 2, half_an_edit)]
    for _ in range(RUNS):
        for name, size, work in kinds:
            say(f"a whole edit, processes: {name} ...")
            runs.setdefault(name, []).append(row(name, start(size, work, WHOLE)))
    rows = [min(of_kind, key=lambda one: one["seconds"]) for of_kind in runs.values()]
    for size, frames, dtype in ((2, 8, "float32"), (2, 16, "float32"), (3, 12, "float32"), (2, 8, "bfloat16")):
        say(f"what travels, {size} processes, {frames} frames, {dtype} ...")
        of_ranks = start(size, travelling, frames, dtype)
        sent.append({**max(of_ranks, key=lambda one: one["bytes_per_iteration"]), "ranks": size})
    one, two, apart = rows[0], rows[1], rows[-1]
    return {
        "cores": cores,
        "load_before": load_before,
        "rows": rows,
        "travelling": sent,
        "efficiency_2": one["seconds"] / (2 * two["seconds"]),
        "cpu_efficiency_2": one["cpu_seconds"] / (2 * two["cpu_seconds"]),
        "apart_2": one["seconds"] / (2 * apart["seconds"]),
        "cpu_apart_2": one["cpu_seconds"] / (2 * apart["cpu_seconds"]),
        "group_2": apart["seconds"] / two["seconds"],
        "cpu_group_2": apart["cpu_seconds"] / two["cpu_seconds"],
        "bytes_per_iteration": sent[0]["bytes_per_iteration"],
    }


def table(result: dict) -> str:
    """For a person."""
    lines = [f"{'processes':>9} {'seconds':>8} {'invert':>7} {'drag':>7} {'decode':>7} {'speed-up':>9} {'waiting':>8} {'CPU s':>7}"]
    first = result["rows"][0]["seconds"]
    for one in result["rows"]:
        parts = " ".join(f"{one['parts'][name]:7.1f}" for name in ("invert", "drag", "decode"))
        lines.append(
            f"{one['processes']:>9} {one['seconds']:8.1f} {parts} {first / one['seconds']:8.2f}x {one['waiting']:8.1%} "
            f"{one['cpu_seconds']:7.1f}"
        )
    lines.append("")
    for sent in result["travelling"]:
        lines.append(
            f"{sent['ranks']} ranks, {sent['frames']:3} frames, {sent['dtype']:>8}: {sent['bytes_per_iteration'] / 1e6:.3f} MB "
            "an iteration at most from one rank"
        )
    lines.append(
        f"efficiency of two {result['efficiency_2']:.2f} (by CPU seconds {result['cpu_efficiency_2']:.2f}), of two apart "
        f"{result['apart_2']:.2f} ({result['cpu_apart_2']:.2f}), so of the group {result['group_2']:.2f} "
        f"({result['cpu_group_2']:.2f}); {result['cores']} cores, load before the start {result['load_before']:.1f}"
    )
    return "\n".join(lines)


def main() -> None:
    torch.set_num_threads(1)
    result = bench(os.cpu_count() or 1)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "scale.json").write_text(json.dumps(result, indent=1))
    print("\n" + table(result) + "\n\nwrote output/bench/scale.json")


if __name__ == "__main__":
    main()
