"""One case of the speed benchmark, in a process of its own, so that its peak memory is its own.

    python -m bench.speed_case '<a Case as JSON>'

The last line that it prints is JSON: seconds, memory, arithmetic. Weights of Stable Diffusion's size are random: neither
time nor memory depends on their values.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

from dragvideo_core.diffusion.denoiser import FEATURE_BLOCK
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import DragModel, DragResult, Inversion

from .baseline import drag_per_frame
from .speed_world import OURS, PUBLISHED, Case, World, build, load


def measure(case: Case, model: DragModel | None = None) -> dict:
    """Run a case. `model`: in the place of the one that it names."""
    model = model or load(case)
    if case.who == PUBLISHED:
        model.denoiser.requires_grad_(True)
    world, held = build(case, model), peak_bytes(case.device)
    flops = gradient_flops(case, world.first(1)) if case.who == OURS else 0
    if case.device == "cuda":
        drag_once(case, world.first(4 * case.key_every * case.turns), 1)  # the kernels are chosen here
        torch.cuda.reset_peak_memory_stats()
    seconds = {}
    if case.is_whole:
        made, seconds["invert"] = timed(case, lambda: inverted(case, world))
        world = replace(world, inversion=made)
    repeats = 1 if case.model == "sd15" else 3
    before = min(timed(case, lambda: drag_once(case, world, 0))[1] for _ in range(repeats))
    clock = Clock(model.denoiser, case.device)
    edit, seconds["drag"] = timed(case, lambda: drag_once(case, world, case.iterations))
    inside = clock.seconds()
    if case.is_whole:
        chunk = case.chunk if case.who == OURS else 1
        inputs = world.clip, world.inversion, edit, world.tracks, model, DecodeSettings(stride=case.stride, chunk=chunk)
        _, seconds["decode"] = timed(case, lambda: decode(*inputs))
    per_gradient = (seconds["drag"] - before) / evaluations(case)
    rate = matmul_rate(case)
    return {
        **asdict(case),
        "parts": seconds,
        "seconds": sum(seconds.values()),
        "seconds_before": before,
        "seconds_per_iteration": (seconds["drag"] - before) / case.iterations,
        "seconds_per_gradient": per_gradient,
        "outside_denoiser": 1 - inside / seconds["drag"],
        "flops_per_gradient": flops,
        "tflops": flops / per_gradient / 1e12,
        "matmul_tflops": rate / 1e12,
        "peak_bytes": peak_bytes(case.device),
        "held_bytes": held,
    }


def evaluations(case: Case) -> int:
    """Gradient evaluations of all iterations: one per step and frame that has its turn."""
    frames = range(case.frames)[:: case.key_every if case.who == OURS else 1]
    turns = min(case.turns, len(frames)) if case.who == OURS else 1
    return sum(len(frames[i % turns :: turns]) for i in range(case.iterations)) * len(case.steps)


def drag_once(case: Case, world: World, iterations: int) -> DragResult:
    """The drag with so many iterations, none of them left out because a handle has arrived."""
    if case.who == OURS:
        settings = DragSettings(
            steps=case.steps,
            iterations=iterations,
            arrive=0.0,
            chunk=case.chunk,
            warm_start=case.is_whole,
            turns=case.turns,
            key_every=case.key_every,
        )
        return drag(world.inversion, world.tracks, world.model, settings)
    middle = world.tracks.handles.shape[2] // 2
    fields = ("handles", "targets", "is_foreground", "visible")
    single = replace(world.tracks, **{name: getattr(world.tracks, name)[:, :, middle : middle + 1] for name in fields})
    edits = [drag_per_frame(world.inversion, single, world.model, iterations, arrive=0.0, step=step) for step in case.steps]
    return replace(edits[0], offsets={step: edit.offsets[step] for step, edit in zip(case.steps, edits, strict=True)})


def inverted(case: Case, world: World) -> Inversion:
    """By our inversion, or by the published one: one denoiser call a step, frame by frame."""
    chunk = case.chunk if case.who == OURS else 1
    return invert(world.clip, world.model, InvertSettings(until=max(case.steps), stride=case.stride, chunk=chunk))


# ------------------------------------------------------------------------------------------------------------ instruments


def timed(case: Case, work: Callable):
    """The result, and the seconds until it is there."""
    synchronize(case.device)
    began = time.perf_counter()
    result = work()
    synchronize(case.device)
    return result, time.perf_counter() - began


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


class Clock:
    """Adds up the time inside the denoiser from now on: forward passes, and the way back from the features to its input.

    Anything else counts as outside: points, losses, Adam, templates, tracking, copies.
    """

    def __init__(self, denoiser: torch.nn.Module, device: str):
        self._device, self._begun, self._spans = device, None, []
        self._hooks = [
            denoiser.register_forward_pre_hook(self._forward),
            denoiser.register_forward_hook(lambda module, inputs, output: self._end(), always_call=True),
            denoiser.up_blocks[FEATURE_BLOCK].register_forward_hook(self._features),
        ]

    def seconds(self) -> float:
        """The sum; the clock stops."""
        for hook in self._hooks:
            hook.remove()
        synchronize(self._device)
        if self._device == "cuda":
            return sum(begun.elapsed_time(ended) for begun, ended in self._spans) / 1e3
        return sum(ended - begun for begun, ended in self._spans)

    def _forward(self, module, inputs) -> None:
        if inputs[0].requires_grad:
            inputs[0].register_hook(lambda gradient: self._end())
        self._begin()

    def _features(self, module, inputs, output) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: self._begin())

    def _begin(self) -> None:
        self._begun = self._now()

    def _end(self) -> None:
        self._spans.append((self._begun, self._now()))

    def _now(self):
        if self._device != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def gradient_flops(case: Case, world: World) -> float:
    """Multiplications and additions of one gradient evaluation, the mean over the steps."""
    counts = []
    for iterations in (0, 1):
        with FlopCounterMode(display=False) as counter:
            drag_once(case, world, iterations)
        counts.append(counter.get_total_flops())
    return (counts[1] - counts[0]) / (len(case.steps) * len(world.clip))


MATMUL_SIDE = {"cpu": 2048, "cuda": 8192}


def matmul_rate(case: Case) -> float:
    """Multiplications and additions a second in a large matrix product, the median of ten."""
    side, taken = MATMUL_SIDE[case.device], []
    a = torch.randn(side, side, device=case.device, dtype=getattr(torch, case.dtype))
    for _ in range(10):
        taken.append(timed(case, lambda: a @ a)[1])
    return 2 * side**3 / sorted(taken)[5]


def peak_bytes(device: str) -> int:
    """The most memory so far: allocated on the GPU, or resident of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.is_file():  # not `ru_maxrss`, which begins with what the parent process had
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss)


def profile(case: Case, rows: int = 12) -> str:
    """Where the time of one iteration goes, by torch.profiler."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    world = build(case, load(case))
    drag_once(case, world, 0)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if case.device == "cuda" else [])]
    with profiler(activities=activities) as found:
        drag_once(case, world, 1)
    own = {
        event.key: (event.self_device_time_total if case.device == "cuda" else event.self_cpu_time_total, event.count)
        for event in found.key_averages()
    }
    total = sum(taken for taken, _ in own.values())
    lines = [f"{'operator':48s} {'calls':>7s} {'share':>7s}"]
    for key, (taken, count) in sorted(own.items(), key=lambda item: -item[1][0])[:rows]:
        lines.append(f"{key[:48]:48s} {count:7d} {taken / total:7.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(measure(Case(**{**given, "steps": tuple(given["steps"])}))))
