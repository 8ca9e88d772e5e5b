"""`make bench-quality`: edits of drawn clips against the edits that a perfect editor would make.

Writes output/bench/quality.json (rows, one per clip and variant; each variant's settings; the medians by variant, and as `median`
those of the default way to edit; the targets with what was measured), quality.png and quality_special.png (look at them).
Displacements of the frames need no model; `--without-model` stops there, after a minute. The first clips are also edited by ours
with one thing changed at a time. A run that was stopped goes on where it was: what is measured is kept in output/bench/kept/ as
long as the code stays the same (`kept.py`). With `--checkpoint` the same on a Stable Diffusion 1.5 file, with the clips enlarged
to 512 x 512 and the edits reduced again to be measured: wants a GPU.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from dragvideo_core.media import drawing
from dragvideo_core.points import flow

from . import cases, edits_of, flip, kept, rows, sheets, targets, variants, without_model
from .cases import Case

OUT = Path(__file__).resolve().parents[2] / "output" / "bench"
HEADLINE = without_model.GIVEN  # the default way to edit


def edit_all(
    case: Case, names: list[str], file: Path | None = None
) -> tuple[list[rows.Row], list[tuple[str, list[Tensor]]], list[str]]:
    """A case's rows, its part of the sheet, and the names of the edits on it, kept. names: variants with a model, may be none."""
    asked = f"{case.name}, {len(case.clip)} frames, {names}, {file}"
    return kept.kept(OUT / "kept", asked, lambda: _edit_all(case, names, file))


def _edit_all(case: Case, names: list[str], file: Path | None) -> tuple[list[rows.Row], list[tuple[str, list[Tensor]]], list[str]]:
    warnings.simplefilter("ignore")
    records, edits, tracks = edits_of.without_model(case)
    if names:
        more, edited = edits_of.with_model(case, names, file)
        records += more
        edits |= {name: frames for name, frames in edited.items() if name in variants.MAIN}
    edits.pop("unedited")
    return records, sheets.rows_of(case, tracks, edits), list(edits)


def run(options: argparse.Namespace, say: Callable[[str], None] = print) -> tuple[dict, Tensor, Tensor]:
    """The whole benchmark: what goes into the JSON, and the sheets (3, h, w) of the plain and of the special clips."""
    plain, special = cases.plain(options.clips, options.frames), cases.special(options.frames)
    clips, records, drawn, names = {case.name for case in plain}, [], {True: [], False: []}, {}
    main = [] if options.without_model else list(variants.MAIN)
    ablations = list(variants.ABLATIONS) if main else []
    in_special = [name for name in main if name != variants.BASELINE]
    wanted = [[*main, *(ablations if i < options.ablated else ())] for i in range(len(plain))] + [in_special] * len(special)
    fresh, threads = multiprocessing.get_context("spawn"), max(1, (os.cpu_count() or 1) // options.jobs)
    with ProcessPoolExecutor(options.jobs, fresh, torch.set_num_threads, (threads,)) as pool:
        for of_case, part, edits in pool.map(edit_all, [*plain, *special], wanted, [options.checkpoint] * len(wanted)):
            is_plain = of_case[0]["clip"] in clips
            records += of_case
            drawn[is_plain] += part
            names[is_plain] = edits
            for row in of_case:
                say(
                    f"{row['clip']:34s} {row['variant']:44s} distance {row['distance_ratio']:.2f}, "
                    f"gain {row['inside_gain_db']:+.2f} dB, {row['seconds']:.2f} s"
                )
    medians = rows.median_by_variant(records, clips, variants.BASELINE)
    used = without_model.VARIANTS | variants.MAIN | variants.ABLATIONS
    result = {
        "rows": records,
        "headline": HEADLINE,
        "median": medians[HEADLINE],
        "median_by_variant": medians,
        "settings": {name: {"layer": used[name].layer, **used[name].settings} for name in medians},
        "flow": flow.name(),
        "flip": flip.available(),
        "targets": targets.judged(records, clips),
        "table": rows.table(records, clips),
    }
    return result, *(sheets.sheet(drawn[kind], names[kind]) for kind in (True, False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--ablated", type=int, default=2, help="how many of the clips are edited by every variant")
    parser.add_argument("--frames", type=int, default=cases.FRAMES)
    parser.add_argument("--without-model", action="store_true", help="only the rows that need no model")
    parser.add_argument("--checkpoint", type=Path, help="a Stable Diffusion 1.5 file in the place of the embedded model")
    parser.add_argument("--jobs", type=int, help="processes side by side; the default is one per core, with a checkpoint one")
    options = parser.parse_args()
    options.jobs = options.jobs or (1 if options.checkpoint else min(8, os.cpu_count() or 1))
    result, sheet, special = run(options)
    OUT.mkdir(parents=True, exist_ok=True)
    text = result.pop("table")
    (OUT / "quality.json").write_text(json.dumps(rows.without_nan(result), indent=1), encoding="utf-8")
    drawing.to_pil(sheet).save(OUT / "quality.png")
    drawing.to_pil(special).save(OUT / "quality_special.png")
    print(f"\nMedians (smoothness by {result['flow']} flow; the distance is found by matching against the true edit):\n\n{text}\n")
    print(targets.as_text(result["targets"]))
    print(f"\nwrote quality.json, quality.png and quality_special.png to {OUT.relative_to(OUT.parents[1])}")


if __name__ == "__main__":
    main()
