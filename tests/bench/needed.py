"""What an edit with a model costs, several ways, in processor seconds of one thread: `python -m bench.needed` in tests/.

The drag's loop without a displacement; from a displacement, each stage in full, as the nodes run one after the other; and by
`pipeline.edit_with_model`, which leaves out the work that no frame would show, with the model's own `paint_from` and with the
model painting. A drawn clip, the true layer given, the default settings. Tuning is the same in the first two and timed by itself,
for a few passes. Writes output/bench/needed.json.

With `--sd15` the same for a denoiser and an autoencoder of Stable Diffusion 1.5's size with random weights, at 256 px: a bar that
moves inside a mask of a quarter of the picture. There the model paints in every frame, each stage in full or as needed, on the
whole picture or in a box around the mask; the loop is left out. It wants 6 GB of memory. Writes output/bench/needed_sd15.json.
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
from dragvideo_core.embedded.demo_clip import as_clip, demo_clip
from dragvideo_core.embedded.drawn_clips import draw_clip
from dragvideo_core.embedded.drawn_world import SIZE
from dragvideo_core.pipeline import Settings, edit_with_model
from dragvideo_core.stages.decode import DecodeSettings, decode, needed_up_to
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.drag import drag
from dragvideo_core.stages.invert import invert
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import Displacement, DragModel, PointTracks, VideoClip

from . import cases, variants, without_model
from .speed_world import Case, load, straight_tracks

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
    clip: VideoClip,
    tracks: PointTracks,
    model: DragModel,
    displaced: Displacement | None,
    settings: Settings,
    box_of: PointTracks | None = None,
) -> VideoClip:
    """Every stage, as the nodes run them. box_of: the tracks that are wired into Invert."""
    inversion = invert(clip, model, settings.invert, tracks=box_of)
    result = drag(inversion, tracks, model, settings.drag, displaced=displaced)
    return decode(clip, inversion, result, tracks, model, settings.decode, displaced=displaced)[0]


def bar_moves(frames: int, side: int) -> tuple[VideoClip, PointTracks]:
    """A drawn clip of side x side px, and tracks of a bar dragged a seventh of the side inside a mask of a quarter of it."""
    drawn = demo_clip("flower", 101, frames)
    tracks, layer = straight_tracks(frames, side), torch.zeros(frames, 1, side, side)
    layer[..., 3 * side // 8 : 5 * side // 8, 5 * side // 16 : side // 2] = 1
    return as_clip(draw_clip(drawn.scene, drawn.poses, enlarged=side // SIZE)), replace(tracks, layer=layer)


def measure_large(frames: int, side: int = 256, model: DragModel | None = None) -> dict[str, float]:
    """Seconds by what was timed, at Stable Diffusion's size. model: in the place of it."""
    model = model or load(Case("", model="sd15", frames=frames, side=side, is_whole=True))
    clip, tracks = bar_moves(frames, side)
    displaced = displace(clip, tracks)
    top = needed_up_to(displaced, model, PAINTING.decode, PAINTING.drag.steps)
    assert 0 < top < min(PAINTING.drag.steps)
    few = replace(PAINTING, invert=replace(PAINTING.invert, until=top), drag=replace(PAINTING.drag, steps=(top,)))
    return {
        "each stage, whole picture": seconds(lambda: in_full(clip, tracks, model, displaced, PAINTING)),
        "as needed, whole picture": seconds(lambda: edit_with_model(clip, tracks, model, displaced, PAINTING)),
        "each stage, the mask's box": seconds(lambda: in_full(clip, tracks, model, displaced, PAINTING, tracks)),
        "as needed, the mask's box": seconds(lambda: in_full(clip, tracks, model, displaced, few, tracks)),
    }


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
    parser.add_argument("--sd15", action="store_true", help="at Stable Diffusion 1.5's size, 256 px")
    parser.add_argument("--clip", type=int, default=0, help="which of the benchmark's drawn clips")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = measure_large(options.frames) if options.sd15 else measure(options.frames, options.clip)
    said = {"frames": options.frames, **({} if options.sd15 else {"clip": options.clip}), "seconds": found}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / ("needed_sd15.json" if options.sd15 else "needed.json")).write_text(json.dumps(said, indent=1))
    for name, taken in found.items():
        print(f"{name:55s} {taken:8.2f} s")


if __name__ == "__main__":
    main()
