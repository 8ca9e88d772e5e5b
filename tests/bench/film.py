"""`make bench-film`: edits of filmed clips whose true edits are known. The rows that need a model come with `--with-model`, all of
them or those that are named. A run that was stopped goes on where it was, as long as the code stays the same (`kept.py`).

Composites (`composites.py`) are clips of six frames, pairs (`pairs.py`) single frames with a later frame as the true edit; both are
256 x 256. Writes output/bench/film.json (rows; medians by variant, those of the composites and those of the pairs apart) and
film.png. At the end a whole film of 1920 x 1080 is edited (`film_speed.py`). Where the folder has no clips it says so and measures
nothing.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from dragvideo_core.media import drawing

from . import composites, edits_of, film_speed, flip, kept, masked_films, pairs, plans, rows, sheets, variants, without_model
from .cases import Case

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT.parent / "shared" / "assets" / "clips" / "davis_tap"
OUT = ROOT / "output" / "bench"
REACH = 48  # px that the part is looked for around its target


def measure(case: Case, names: list[str]) -> tuple[list[rows.Row], list[tuple[str, list[Tensor]]], list[str]]:
    """A case's rows, its part of the sheet, and the names of the edits on it, kept. names: variants with a model, may be none."""
    return kept.kept(OUT / "kept", f"film {case.name} {case.picks} {names} {flip.available()}", lambda: _measure(case, names))


def _measure(case: Case, names: list[str]) -> tuple[list[rows.Row], list[tuple[str, list[Tensor]]], list[str]]:
    records, edits, tracks = edits_of.without_model(case, REACH)
    if names:
        more, edited = edits_of.with_model(case, names, reach=REACH)
        records, edits = records + more, edits | edited
    edits.pop("unedited")
    return records, sheets.rows_of(case, tracks, edits), list(edits)


def run(
    folder: Path, count: int, names: list[str], say: Callable[[str], None] = print, pair_count: int | None = None
) -> tuple[dict, Tensor] | None:
    """What goes into the JSON, and the sheet (3, h, w); None where the folder has fewer than two clips with masks."""
    pair_count = count if pair_count is None else pair_count
    films = masked_films.load_films(folder)
    if len(films) < 2:
        return None
    say(f"composing {count} clips and {pair_count} pairs of frames from {len(films)} films ...")
    composed = [composites.compose(plan) for plan in plans.plan_composites(films, count)]
    paired = pairs.find_pairs(films, pair_count) if pair_count else []
    records, drawn, shown = [], [], []
    for case in [*composed, *paired]:
        of_case, part, shown = measure(case, names)
        records += of_case
        drawn += part
        for one in of_case:
            say(
                f"{one['clip']:34s} {one['variant']:44s} distance {one['distance_ratio']:.2f}, "
                f"gain {one['inside_gain_db']:+.2f} dB, SSIM {one['inside_ssim']:.2f}"
            )
    clips, in_pairs = ({case.name for case in part} for part in (composed, paired))
    of_pairs = [one for one in records if one["clip"] in in_pairs]
    used = without_model.VARIANTS | variants.MAIN
    result = {
        "rows": records,
        "median_by_variant": rows.median_by_variant(records, clips, variants.BASELINE),
        "median_by_variant_pairs": rows.median_by_variant(records, in_pairs, variants.BASELINE),
        "settings": {
            name: {"layer": used[name].layer, **used[name].settings} for name in dict.fromkeys(one["variant"] for one in records)
        },
        "clips": [film.name for film in films],
        "flip": flip.available(),
        "table": f"Composites:\n\n{rows.table([one for one in records if one['clip'] in clips], clips)}\n\n"
        f"Pairs of frames:\n\n{rows.table(of_pairs, in_pairs)}",
    }
    return result, sheets.sheet(drawn, shown)


def main() -> None:
    known = variants.MAIN
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of clips with frames and masks")
    parser.add_argument("--count", type=int, default=12, help="how many composites")
    parser.add_argument("--pairs", type=int, help="how many pairs of frames; as many as composites where it is not said")
    parser.add_argument(
        "--with-model",
        nargs="*",
        metavar="ROW",
        choices=[*known],
        help=f"also these rows: {', '.join(known)}; all where none is named: slow",
    )
    parser.add_argument("--without-speed", action="store_true", help="without the whole film of 1080p: it takes minutes")
    parser.add_argument(
        "--memory",
        type=float,
        default=film_speed.LONG,
        metavar="SECONDS",
        help="of the whole film whose memory is compared with that of ten seconds; 600: some hours",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = [] if options.with_model is None else options.with_model or [*known]
    measured = run(options.clips, options.count, names, pair_count=options.pairs)
    if measured is None:
        print(f"expected at least two clips with frames and masks in {options.clips}: there are none. Nothing was measured.")
        return
    result, sheet = measured
    OUT.mkdir(parents=True, exist_ok=True)
    text = result.pop("table")
    if not options.without_speed:
        result["whole_film"] = film_speed.measure(long=options.memory)
    (OUT / "film.json").write_text(json.dumps(rows.without_nan(result), indent=1), encoding="utf-8")
    drawing.to_pil(sheet).save(OUT / "film.png")
    print(f"\nMedians (FLIP: {'measured' if result['flip'] else 'flip-evaluator is not installed'}).\n\n{text}\n")
    print(f"wrote film.json and film.png to {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
