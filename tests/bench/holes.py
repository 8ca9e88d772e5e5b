"""`make bench-holes`: what fills the ground that came free, and whether a model paints it better than the fill without one.

Drawn clips (`cases.py`) and filmed composites (`composites.py`, where there are clips), the true layer given. The displacement is
the same in every row; only what lies in the hole differs. Measured in the first and the last frame, where the true edit shows
ground that the thing covered: PSNR and FLIP to the true edit. Writes output/bench/holes.json and holes.png. A run that was
stopped goes on where it was (`kept.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from dragvideo_core import embedded
from dragvideo_core.embedded.model import WEIGHTS
from dragvideo_core.media import drawing
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.drag import drag
from dragvideo_core.stages.invert import invert
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.temporal import metrics
from dragvideo_core.types import Displacement, DragModel, PointTracks, VideoClip

from . import cases, composites, film, flip, kept, masked_films, plans, rows, sheets, truth, variants, without_model
from .cases import Case

OUT = Path(__file__).resolve().parents[2] / "output" / "bench"
LEVELS = (10, 20, 30)  # of 50 steps
TUNED_AT = 20
TUNE = TuneSettings(passes=20)
DRAG = replace(variants.DRAG, iterations=0)  # nothing but the displacement: where it goes is not asked here
UNFILLED, TELEA, FILL = "unfilled", "Telea's fill", "Displace's fill, no model"


def edits(case: Case, model: DragModel, is_tuned: bool) -> Iterator[tuple[str, Tensor]]:
    """Each row's name and its frames (2, 3, H, W), the first and the last. is_tuned: also a model that Tune has taught the clip."""
    tracks = without_model.tracks_of(case, "given")
    displaced, ends = displace(case.clip, tracks), torch.tensor([0, len(case.clip) - 1])
    yield UNFILLED, torch.where(displaced.freed, case.clip.frames, displaced.frames)[ends]
    yield TELEA, without_model.layered_with_telea(case.clip, tracks).frames[ends]
    yield FILL, displaced.frames[ends]
    clip = replace(case.clip, frames=case.clip.frames[ends], source_index=case.clip.source_index[ends])
    of_ends = clip, tracks.each(lambda values: values[ends]), displaced.each(lambda values: values[ends])
    yield from painted(model, "model", *of_ends, LEVELS)
    if is_tuned:
        yield from painted(tune(case.clip, model, TUNE), "tuned model", *of_ends, (TUNED_AT,))


def painted(
    model: DragModel, name: str, clip: VideoClip, tracks: PointTracks, displaced: Displacement, levels: tuple[int, ...]
) -> Iterator[tuple[str, Tensor]]:
    """The model over the fill, from each of these steps on."""
    inversion = invert(clip, model, replace(variants.INVERT, until=max(DRAG.steps)))
    result = drag(inversion, tracks, model, DRAG, displaced=displaced)
    for level in levels:
        settings = DecodeSettings(paint_from=level)
        yield f"{name}, paint_from {level}", decode(clip, inversion, result, tracks, model, settings, displaced=displaced)[0].frames


def measure(case: Case, is_film: bool, is_tuned: bool) -> tuple[list[rows.Row], list[tuple[str, list[Tensor]]], list[str]]:
    """A case's rows, its part of the sheet, and the names of the edits on it."""
    ends = torch.tensor([0, len(case.clip) - 1])
    front = None if case.front is None else case.front[ends]
    hole = truth.freed_ground(case.layer[ends], case.true_layer[ends], front)
    true, made = case.true_edit.frames[ends], dict(edits(case, embedded.drag_model(case.kind), is_tuned))
    records = [
        {
            "clip": case.name,
            "kind": "film" if is_film else "drawn",
            "variant": name,
            "hole_psnr_db": metrics.psnr(frames, true, hole),
            "hole_flip": flip.inside(frames, true, hole),
            "hole_px": int(hole.sum()),
        }
        for name, frames in made.items()
    ]
    whole = {name: frames[[0] + [1] * (len(case.clip) - 1)] for name, frames in made.items()}
    return records, sheets.rows_of(case, without_model.tracks_of(case, "given"), whole), list(made)


def table(records: list[rows.Row]) -> str:
    """Each kind's clips: a line for each row, PSNR in dB / FLIP, and the medians of what it gains over Telea's fill in dB."""
    lines = []
    for kind in dict.fromkeys(one["kind"] for one in records):
        chosen = {(one["clip"], one["variant"]): one for one in records if one["kind"] == kind}
        clips, names = (list(dict.fromkeys(key[k] for key in chosen)) for k in (0, 1))
        lines += [f"{kind}: {', '.join(clips)}", f"{'':30s}" + " over Telea"]
        for name in names:
            of = [chosen[clip, name] for clip in clips]
            gains = [one["hole_psnr_db"] - chosen[one["clip"], TELEA]["hole_psnr_db"] for one in of]
            texts = [f"{one['hole_psnr_db']:6.2f} / {one['hole_flip']:.3f}" for one in of]
            lines.append(f"{name:30s}{torch.tensor(gains).quantile(0.5).item():+11.2f}  " + "  ".join(texts))
    return "\n".join(lines)


def clips_of(folder: Path, count: int) -> list[tuple[Case, bool]]:
    """Drawn clips, then filmed composites where the folder has clips."""
    found = [(case, False) for case in cases.plain(count)]
    films = masked_films.load_films(folder)
    if len(films) < 2:
        print(f"no filmed clips with masks in {folder}: only drawn clips are measured")
        return found
    return found + [(composites.compose(plan), True) for plan in plans.plan_composites(films, count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=film.CLIPS, help="folder of clips with frames and masks")
    parser.add_argument("--count", type=int, default=4, help="how many drawn clips, and how many composites")
    parser.add_argument("--tuned", action="store_true", help="also with a LoRA of the clip: slow")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    weights = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    records, drawn, names = [], [], []
    for case, is_film in clips_of(options.clips, options.count):
        asked = f"holes of {case.name}, {options.tuned}, by {weights}"
        of_case, part, names = kept.kept(OUT / "kept", asked, partial(measure, case, is_film, options.tuned))
        records += of_case
        drawn += part
        for one in of_case:
            print(f"{one['clip']:34s} {one['variant']:30s} {one['hole_psnr_db']:6.2f} dB, FLIP {one['hole_flip']:.3f}", flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    result = {"rows": records, "weights": weights, "flip": flip.available()}
    (OUT / "holes.json").write_text(json.dumps(rows.without_nan(result), indent=1), encoding="utf-8")
    drawing.to_pil(sheets.sheet(drawn, names)).save(OUT / "holes.png")
    print(f"\n{table(records)}\n\nwrote holes.json and holes.png to {OUT.relative_to(OUT.parents[1])}")


if __name__ == "__main__":
    main()
