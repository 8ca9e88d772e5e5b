"""The displacements that ours is compared with do what they are known for, and nothing outside the mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from bench import inpaint4drag, strokes, today, without_model
from bench.cases import drawn, plain
from bench.rows import layer_iou, row

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.stages.pick import pick

NEW = "Inpaint4Drag's displacement, layer given"


@pytest.fixture(scope="module")
def case():
    return plain(1, frames=3)[0]


@pytest.fixture(scope="module")
def tracks(case):
    return without_model.tracks_of(case, "given")


@pytest.mark.parametrize("displaced", [today.displaced, inpaint4drag.displaced])
def test_displacements_bring_the_part_near_its_target_and_keep_the_outside(case, tracks, displaced):
    before = case.clip.frames.clone()
    edited = displaced(case.clip.frames, tracks)
    measures = row(case, "x", edited, tracks, 0.0)
    assert measures["distance_ratio"] < 0.15 and measures["inside_gain_db"] > 1.5
    assert measures["outside_changed"] == 0 and torch.equal(case.clip.frames, before)
    assert not edited.isnan().any() and edited.min() >= 0 and edited.max() <= 1


@pytest.mark.parametrize("displaced", [today.displaced, inpaint4drag.displaced])
def test_a_frame_that_shows_no_point_stays_as_it_is(case, tracks, displaced):
    hidden = replace(tracks, visible=torch.zeros_like(tracks.visible))
    assert torch.allclose(displaced(case.clip.frames, hidden), case.clip.frames, atol=1e-6)


def test_inpaint4drag_leaves_no_ghost_where_the_true_edit_shows_ground(case, tracks):
    unedited, moved = (
        row(case, name, frames, tracks, 0.0)
        for name, frames in (("unedited", case.clip.frames), (NEW, inpaint4drag.displaced(case.clip.frames, tracks)))
    )
    assert unedited["ghost"] == pytest.approx(1) and abs(moved["ghost"]) < 0.2
    assert moved["hole_psnr_db"] > unedited["hole_psnr_db"] + 5


def test_a_true_edit_scores_as_perfect(case, tracks):
    measures = row(case, "true", case.true_edit.frames, tracks, 0.0)
    assert measures["distance_ratio"] < 0.05 and measures["inside_psnr_db"] == 100
    assert (
        measures["sharpness"] == 1
        and abs(measures["ghost"]) < 1e-6
        and measures["hole_psnr_db"] == 100
        and measures["layer_iou"] == 1
    )


def test_strokes_lie_on_the_thing_and_off_it_and_can_be_picked():
    for kind in ("creature", "balloon"):
        one = drawn(kind, demo_clip(kind, 101, 2))
        picks = pick(strokes.with_strokes(one), one.clip.size, 2)
        assert {stroke.kind for stroke in picks.strokes} == {"thing", "ground"}
        layer = one.layer[0, 0].numpy() >= 0.5
        for stroke in picks.strokes:
            x, y = stroke.points.round().long().clamp(0, 127).T.numpy()
            assert np.mean(layer[y, x]) > 0.75 if stroke.kind == "thing" else not layer[y, x].any()


def test_layer_iou_is_of_what_the_edit_knew(case, tracks):
    assert layer_iou(tracks, case.layer) == 1
    assert layer_iou(replace(tracks, layer=torch.zeros_like(case.layer)), case.layer) == 0
