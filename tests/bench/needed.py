"""What an edit with the embedded model costs, three ways, in processor seconds of one thread: `python -m bench.needed` in tests/.

The drag's loop without a displacement; from a displacement, each stage in full, as the nodes run one after the other; and by
`pipeline.edit_with_model`, which makes no more of the stages than the frames show, with the model's own `paint_from` and with the
model painting. A drawn clip, the true layer given, the default settings. Tuning is the same in the first two and timed by itself,
for a few passes. Writes output/bench/needed.json.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from dragvideo_core import embedded
from dragvideo_core.pipeline import Settings, edit_with_model
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.drag import drag
from dragvideo_core.stages.invert import invert
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import Displacement, DragModel, PointTracks, VideoClip

from . import cases, variants, without_model

OUT = Path(__file__).resolve().parents[2] / "output" / "bench"
SETTINGS = Settings(tune=TuneSettings(passes=0), drag=replace(variants.DRAG, arrive=0.0))  # no handle counts as arrived
PAINTING = replace(SETTINGS, decode=DecodeSettings(paint_from=10))
PASSES = 4  # of tuning


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_full(
    clip: VideoClip, tracks: PointTracks, model: DragModel, displaced: Displacement | None, settings: Settings
) -> VideoClip:
    """Every stage, as the nodes run them."""
    inversion = invert(clip, model, settings.invert)
    result = drag(inversion, tracks, model, settings.drag, displaced=displaced)
    return decode(clip, inversion, result, tracks, model, settings.decode, displaced=displaced)[0]


def measure(frames: int, seed: int) -> dict[str, float]:
    """Seconds by what was timed."""
    case = cases.plain(seed + 1, frames)[seed]
    model, clip, tracks = embedded.drag_model(case.kind), case.clip, without_model.tracks_of(case, "given")
    displaced = displace(clip, tracks)
    few = TuneSettings(passes=PASSES)
    return {
        "displace": seconds(lambda: displace(clip, tracks)),
        "loop, no displacement": seconds(lambda: in_full(clip, tracks, model, None, SETTINGS)),
        "from a displacement, each stage, the model paints": seconds(lambda: in_full(clip, tracks, model, displaced, PAINTING)),
        "as needed, the model paints": seconds(lambda: edit_with_model(clip, tracks, model, displaced, PAINTING)),
        "as needed, the model's own paint_from": seconds(lambda: edit_with_model(clip, tracks, model, displaced, SETTINGS)),
        "tuning, a pass": seconds(lambda: tune(clip, model, few)) / PASSES,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--clip", type=int, default=0, help="which of the benchmark's drawn clips")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = measure(options.frames, options.clip)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "needed.json").write_text(json.dumps({"frames": options.frames, "clip": options.clip, "seconds": found}, indent=1))
    for name, taken in found.items():
        print(f"{name:55s} {taken:8.2f} s")


if __name__ == "__main__":
    main()
