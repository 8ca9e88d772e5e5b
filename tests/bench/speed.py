"""`make bench-speed`: how fast the drag is, beside the per-frame baseline, and how much memory it takes.

Each case runs in a process of its own, one after the other on the same machine, with equal iterations (no handle ever
counts as arrived). "published" is DragDiffusion's loop as it was published, where backward works out the gradients of the
weights too; "frozen" is the same without that. Tuning and propagation are the same for all and not counted.

Writes output/bench/speed.json. With a CUDA device the cases of Stable Diffusion's size run there, in bfloat16.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import psutil
import torch

from .speed_case import profile
from .speed_world import FROZEN, PUBLISHED, Case

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "output" / "bench"
PAPER_STEPS = (42, 41, 35, 30)
ROOM = 11e9  # bytes of free main memory that a full-size model with gradients of its weights wants

# The demo's drag; the paper's four steps; each also without what is ours alone; frames in a row to see what grows with them.
_ONE = Case("embedded, one step, whole edit", frames=16, iterations=40, is_whole=True)
_PAPER = Case("embedded, four steps, whole edit", frames=8, steps=PAPER_STEPS, iterations=60, is_whole=True)


def _in_full(case: Case) -> Case:
    """Every frame in every iteration, every step of inversion and decoding."""
    return replace(case, name=f"{case.name}, in full", turns=1, stride=1)


EMBEDDED = [_ONE, _in_full(_ONE), _PAPER, _in_full(_PAPER), replace(_PAPER, name=f"{_PAPER.name}, every 2nd frame", key_every=2)]
ROW = [Case("embedded, drag", frames=frames, iterations=4, chunk=4) for frames in (8, 16, 32, 64)]
FULL_ON_CPU = [Case("SD1.5 size, drag", model="sd15", frames=2, side=256, steps=PAPER_STEPS, iterations=2)]
_ON_GPU = Case("SD1.5 size", model="sd15", side=512, steps=PAPER_STEPS, device="cuda", dtype="bfloat16", chunk=4)
_WHOLE_ON_GPU = replace(_ON_GPU, name="SD1.5 size, whole edit", frames=16, iterations=10, is_whole=True)
FULL_ON_GPU = [_WHOLE_ON_GPU, _in_full(_WHOLE_ON_GPU)]
ROW_ON_GPU = [replace(_ON_GPU, name="SD1.5 size, drag", frames=frames, iterations=2) for frames in (8, 16, 32, 64)]
PAPER_ON_GPU = replace(_ON_GPU, name="SD1.5 size, 60 iterations", frames=16, iterations=60)


def in_a_process(case: Case) -> dict:
    """What `speed_case.measure` finds in a process of its own."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    command = [sys.executable, "-m", "bench.speed_case", json.dumps(asdict(case))]
    done = subprocess.run(command, cwd=ROOT / "tests", env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{case} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(case: Case, run: Callable[[Case], dict], against: tuple[str, ...] = (PUBLISHED, FROZEN)) -> dict:
    """A row of the table: a case by this pack, and how many times longer the baselines take, which do everything in full."""
    ours = run(case)
    row = {**ours, "size": [case.side, case.side]}
    for who in against:
        theirs = run(replace(case, name="baseline", who=who, turns=1, key_every=1, stride=1))
        prefix = "baseline" if who == PUBLISHED else who
        row |= {f"{prefix}_{key}": theirs[key] for key in ("seconds", "parts", "seconds_per_gradient", "peak_bytes")}
        row["ratio" if who == PUBLISHED else f"{who}_ratio"] = theirs["seconds"] / ours["seconds"]
        row[f"{prefix}_gradient_ratio"] = theirs["seconds_per_gradient"] / ours["seconds_per_gradient"]
    return row


def linearity(rows: list[dict]) -> dict:
    """Seconds of the drag against frames: the line through the points, and how far they are from it."""
    frames, seconds = (np.array([row[key] for row in rows], dtype=float) for key in ("frames", "seconds"))
    slope, start = np.polyfit(frames, seconds, 1, w=1 / seconds)
    fitted = slope * frames + start
    return {
        "frames": frames.astype(int).tolist(),
        "seconds": seconds.tolist(),
        "seconds_per_frame": float(slope),
        "seconds_at_none": float(start),
        "deviation": float(np.abs(seconds / fitted - 1).max()),
    }


def bench(on_gpu: bool, run: Callable[[Case], dict], say: Callable[[str], None] = print, has_room: bool = True) -> dict:
    """All cases: what goes into the JSON. A baseline that several rows are compared with runs once."""
    run = functools.cache(run)
    load, cases, row = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, [], []
    full = FULL_ON_GPU if on_gpu else FULL_ON_CPU if has_room else []
    for case in [*EMBEDDED, *full]:
        say(f"{case.name}, {case.frames} frames ...")
        cases.append(compare(case, run))
    for case in ROW_ON_GPU if on_gpu else ROW:
        say(f"{case.name}, {case.frames} frames ...")
        row.append(compare(case, run, (PUBLISHED, FROZEN) if on_gpu else ()))
    if on_gpu:
        say(f"{PAPER_ON_GPU.name} ...")
        row.append(compare(PAPER_ON_GPU, run, ()))
    in_row = row[:4]
    less, more = in_row[0], in_row[-1]
    return {
        "device": device_name(on_gpu),
        "torch": torch.__version__,
        "load_before": load,
        "cases": cases + row,
        "memory_64_over_8": more["peak_bytes"] / less["peak_bytes"],
        "memory_64_over_8_beside_the_model": (more["peak_bytes"] - more["held_bytes"]) / (less["peak_bytes"] - less["held_bytes"]),
        "outside_denoiser": max(row["outside_denoiser"] for row in cases if row["is_whole"] and row["key_every"] == 1),
        "linearity": linearity(in_row),
    }


def device_name(on_gpu: bool) -> str:
    """The GPU, or the processor and how many of its cores torch uses."""
    if on_gpu:
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name}, {torch.get_num_threads()} threads"


def table(result: dict) -> str:
    """One line per case."""
    head = (
        "case",
        "frames",
        "px",
        "steps x iter.",
        "s",
        "s / gradient",
        "baseline",
        "frozen",
        "/ gradient",
        "outside",
        "TFLOP/s",
        "peak MB",
    )
    widths = (max(len(row["name"]) for row in result["cases"]), 6, 4, 13, 8, 12, 8, 7, 10, 7, 13, 8)
    lines = [" ".join(f"{text:>{width}}" for text, width in zip(head, widths, strict=True))]
    for row in result["cases"]:

        def times(key: str, row: dict = row) -> str:
            return f"{row[key]:.2f}x" if key in row else "-"

        texts = (
            row["name"],
            str(row["frames"]),
            str(row["side"]),
            f"{len(row['steps'])} x {row['iterations']}",
            f"{row['seconds']:.1f}",
            f"{row['seconds_per_gradient']:.4f}",
            times("ratio"),
            times("frozen_ratio"),
            times("baseline_gradient_ratio"),
            f"{row['outside_denoiser']:.1%}",
            f"{row['tflops']:.3f}/{row['matmul_tflops']:.3f}",
            f"{row['peak_bytes'] / 2**20:.0f}",
        )
        lines.append(" ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True)))
    line = result["linearity"]
    lines += [
        "",
        "baseline, frozen: how many times as long as ours the published loop takes, and the same with frozen weights;",
        "/ gradient: the published, per gradient evaluation (with every 2nd frame ours makes them in these frames alone);",
        "TFLOP/s: of our drag / of a matrix product.",
        f"device: {result['device']}, torch {result['torch']}; load before the start {result['load_before']:.1f}",
        f"memory at 64 frames / at 8: {result['memory_64_over_8']:.3f} (without model and program "
        f"{result['memory_64_over_8_beside_the_model']:.3f})",
        f"linear in frames {line['frames']}: {line['seconds_per_frame']:.3f} s a frame + {line['seconds_at_none']:.2f} s, "
        f"largest deviation {line['deviation']:.1%}",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", action="store_true", help="instead: where the time of one iteration goes")
    options = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    if options.profile:
        for case in (ROW[0], replace((FULL_ON_GPU if on_gpu else FULL_ON_CPU)[0], is_whole=False)):
            print(f"{case.name}, one iteration on {case.frames} frames of {case.side} x {case.side}\n{profile(case)}\n")
        return
    has_room = on_gpu or psutil.virtual_memory().available > ROOM
    if not has_room:
        print(f"the cases of Stable Diffusion's size are left out: they want {ROOM / 1e9:.0f} GB of free memory")
    result = bench(on_gpu, in_a_process, has_room=has_room)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "speed.json").write_text(json.dumps(result, indent=1))
    print("\n" + table(result) + f"\n\nwrote speed.json to {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
