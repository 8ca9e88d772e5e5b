"""The benchmark's own arithmetic: a perfect edit and no edit at all get the scores that they deserve."""

from dataclasses import replace

import pytest
import torch
from bench import cases, quality

from dragvideo_core import embedded
from dragvideo_core.stages.pick import pick
from dragvideo_core.stages.propagate import propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.temporal import metrics
from dragvideo_core.types import DragResult

NOTHING = DragResult(
    offsets={35: torch.zeros(3, 4, 32, 32)},
    handle_path=torch.zeros(1, 3, 1, 9, 2),
    losses=torch.zeros(0, 2),
    arrived=torch.ones(1).bool(),
)


@pytest.fixture(scope="module")
def prepared():
    case = cases.plain(1, frames=3)[0]
    model = embedded.drag_model()
    clip = case.demo.clip
    tracks = propagate(clip, pick(case.picks, clip.size, len(clip)), segment(), model, replace(quality.PROPAGATE, ensemble=1))
    return quality.Prepared(case, clip, 1, model, model, tracks, tracks, inversion=None)


def test_no_edit_leaves_the_whole_way_and_a_true_edit_none(prepared):
    nothing, _ = quality.measure(prepared, "nothing", lambda p: (p.case.demo.clip, NOTHING))
    perfect, _ = quality.measure(prepared, "perfect", lambda p: (p.case.demo.true_edit, NOTHING))
    assert nothing["distance_ratio"] == pytest.approx(1, abs=0.2) and nothing["inside_gain_db"] == 0
    assert nothing["inside_ssim"] == pytest.approx(nothing["inside_ssim_unedited"]) and nothing["smoothness_px"] == 0
    assert perfect["distance_ratio"] < 0.05 and perfect["inside_gain_db"] > 20 and perfect["inside_ssim"] > 0.99
    assert perfect["outside_psnr_db"] == 100


def test_ratios_are_of_the_medians_of_the_plain_clips(prepared):
    row = {"distance_ratio": 0.1, "inside_gain_db": 4.0, "outside_psnr_db": 60.0, "propagation_px": 1.0}
    rows = [
        {"clip": "a", "variant": "ours", "smoothness_px": 1.0, "distance_spread_px": 0.5, **row},
        {"clip": "a", "variant": "per-frame baseline", "smoothness_px": 2.0, "distance_spread_px": 2.0, **row},
        {"clip": "special", "variant": "ours", "smoothness_px": 99.0, "distance_spread_px": 99.0, **row},
    ]
    found = quality.medians(rows, {"a"})
    assert set(found) == set(quality.TARGETS)
    assert found["smoothness_ratio"] == 0.5 and found["spread_ratio"] == 0.25 and found["inside_gain_db"] == 4


def test_the_clips_are_neither_those_of_training_nor_those_that_settings_were_chosen_on():
    from dragvideo_core.embedded.train import TRAINING_SEED

    names = [case.name for case in cases.plain()]
    assert len(set(names)) == 12 and len({name.split()[0] for name in names}) >= 3
    assert cases.FIRST_SEED > 109 and cases.FIRST_SEED + 12 < TRAINING_SEED


def test_every_special_case_can_be_picked():
    for case in cases.special(frames=3):
        picks = pick(case.picks, case.demo.clip.size, 3)
        assert len(picks.handles) >= 1 and metrics.psnr(case.demo.true_edit.frames, case.demo.clip.frames) < 40
