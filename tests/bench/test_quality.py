"""The benchmark of drawn clips: a perfect edit and no edit at all get the scores that they deserve, and every row the same keys."""

from __future__ import annotations

import json

import pytest
from bench import cases, edits_of, quality, rows, sheets, targets, variants, without_model

from dragvideo_core.embedded.train import TRAINING_SEED
from dragvideo_core.pipeline import Settings
from dragvideo_core.stages.pick import pick
from dragvideo_core.temporal import metrics


@pytest.fixture(scope="module")
def case():
    return cases.plain(1, frames=3)[0]


@pytest.fixture(scope="module")
def measured(case):
    return edits_of.without_model(case)


def test_no_edit_leaves_the_whole_way_and_a_true_edit_none(case, measured):
    measured_rows, _, tracks = measured
    nothing = next(one for one in measured_rows if one["variant"] == "unedited")
    perfect = rows.row(case, "perfect", case.true_edit.frames, tracks, 0.0)
    assert nothing["distance_ratio"] == pytest.approx(1, abs=0.2) and nothing["inside_gain_db"] == 0
    assert nothing["inside_ssim"] == pytest.approx(nothing["inside_ssim_unedited"]) and nothing["smoothness_px"] == 0
    assert nothing["ghost"] == pytest.approx(1) and nothing["hole_psnr_db"] < 20 and nothing["outside_changed"] == 0
    assert perfect["distance_ratio"] < 0.05 and perfect["inside_gain_db"] > 20 and perfect["inside_ssim"] > 0.99
    assert perfect["outside_psnr_db"] == 100 and perfect["sharpness"] == 1
    assert perfect["ghost"] == 0 and perfect["hole_psnr_db"] == 100


def test_every_row_has_the_same_keys_and_its_settings(case, measured):
    measured_rows, edits, _ = measured
    assert [one["variant"] for one in measured_rows] == list(edits) == list(without_model.VARIANTS)
    assert all(one.keys() == measured_rows[0].keys() for one in measured_rows)
    medians = rows.median_by_variant(measured_rows, {case.name}, variants.BASELINE)
    assert all(one.keys() == medians["unedited"].keys() for one in medians.values())
    assert {one.column for one in targets.TARGETS} <= medians["unedited"].keys()
    assert {one.variant for one in targets.TARGETS} | {
        quality.HEADLINE,
        *(one.over for one in targets.TARGETS if one.over),
    } <= without_model.VARIANTS.keys()
    json.dumps(rows.without_nan({"rows": measured_rows, "medians": medians}), allow_nan=False)
    assert all(json.dumps(one.settings) for one in (without_model.VARIANTS | variants.MAIN | variants.ABLATIONS).values())


def test_a_layered_displacement_is_nearer_to_the_true_edit_than_none_and_leaves_no_ghost(measured):
    by_name = {one["variant"]: one for one in measured[0]}
    layered, today = by_name[without_model.GIVEN], by_name["displacement of today"]
    assert layered["inside_gain_db"] > today["inside_gain_db"] > 0 and layered["distance_ratio"] < 0.1
    assert abs(layered["ghost"]) < 0.3 and layered["layer_iou"] > 0.95


def test_the_paper_is_edited_by_its_own_settings():
    said = variants.ABLATIONS["the paper"].settings
    assert said["drag"]["iterations"] == 60 and not said["drag"]["warm_start"] and said["propagate"]["tracker"] == "dift"
    assert tuple(said["drag"]["steps"]) == Settings.paper().drag.steps


def test_a_sheet_has_two_rows_a_clip_and_a_column_for_each_edit(case, measured):
    _, edits, tracks = measured
    drawn = sheets.rows_of(case, tracks, edits)
    assert len(drawn) == 2 and all(len(pictures) == len(edits) + 2 for _, pictures in drawn)
    assert sheets.sheet(drawn, list(edits)).shape[-1] > (len(edits) + 2) * sheets.SIDE


def test_the_clips_are_neither_those_of_training_nor_those_that_settings_were_chosen_on():
    names = [case.name for case in cases.plain()]
    assert len(set(names)) == 12 and len({name.split()[0] for name in names}) >= 3
    assert cases.FIRST_SEED > 109 and cases.FIRST_SEED + 12 < TRAINING_SEED


def test_every_special_case_can_be_picked_and_knows_its_layers():
    for case in cases.special(frames=3):
        picks = pick(case.picks, case.clip.size, 3)
        assert len(picks.handles) >= 1 and metrics.psnr(case.true_edit.frames, case.clip.frames) < 40
        assert case.layer.shape == case.true_layer.shape == (3, 1, *case.clip.size)
        assert ((case.layer - case.true_layer).abs() > 0.5).any()
    assert cases.special(frames=3)[0].front.max() > 0.9


def test_targets_are_judged_by_the_median_the_worst_and_the_special_clip():
    one, other = without_model.GIVEN, "ours"
    rows_of = [
        {"clip": clip, "variant": variant, "distance_ratio": value}
        for clip, variant, value in (("a", one, 0.1), ("b", one, 0.2), ("c", one, 0.6), ("pole", one, 0.05), ("a", other, 9.0))
    ]
    wanted = [targets.Target(one, "distance_ratio", where, 0.3, "<=") for where in ("median", "worst", "pole", "nowhere")]
    verdicts = targets.judged(rows_of, {"a", "b", "c"}, wanted)
    assert [one["value"] for one in verdicts[:3]] == [0.2, 0.6, 0.05] and verdicts[3]["value"] != verdicts[3]["value"]
    assert [one["reached"] for one in verdicts] == [True, False, True, False]
    assert targets.as_text(verdicts).count("NOT reached") == 2
    (against,) = targets.judged(rows_of, {"a", "b"}, [targets.Target(other, "distance_ratio", "worst", 0.0, "<=", one)])
    assert against["value"] == pytest.approx(8.9) and not against["reached"]
    json.dumps(rows.without_nan(verdicts), allow_nan=False)


def test_the_targets_special_clips_are_there():
    special = {case.name for case in cases.special(2)}
    assert {one.where for one in targets.TARGETS} - {"median", "worst"} <= special
