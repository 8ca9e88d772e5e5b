"""The benchmark of the freed ground: any fill is nearer to the true edit than the thing that was there."""

from __future__ import annotations

from bench import cases, holes


def test_every_row_is_measured_in_the_same_hole_and_a_fill_is_better_than_none(monkeypatch):
    monkeypatch.setattr(holes, "LEVELS", (2,))
    case = cases.plain(1, frames=2)[0]
    records, drawn, names = holes.measure(case, False, is_tuned=False)
    psnr = {one["variant"]: one["hole_psnr_db"] for one in records}
    assert list(psnr) == names == [holes.UNFILLED, holes.TELEA, holes.FILL, "model, paint_from 2"]
    assert len({one["hole_px"] for one in records}) == 1 and records[0]["hole_px"] > 100
    assert min(psnr[name] for name in names[1:]) > psnr[holes.UNFILLED] + 5 and len(set(psnr.values())) == 4
    assert len(drawn) == 2 and len(drawn[0][1]) == len(names) + 2


def test_the_table_says_by_how_much_telea_is_beaten_in_the_median():
    psnr = {holes.TELEA: (20.0, 30.0, 10.0), "better": (21.0, 35.0, 12.0)}
    records = [
        {"clip": f"clip {i}", "kind": "drawn", "variant": name, "hole_psnr_db": value, "hole_flip": 0.1, "hole_px": 9}
        for name, values in psnr.items()
        for i, value in enumerate(values)
    ]
    lines = holes.table(records).splitlines()
    assert lines[0] == "drawn: clip 0, clip 1, clip 2"
    assert lines[2].split()[2] == "+0.00" and lines[3].split()[1] == "+2.00"
