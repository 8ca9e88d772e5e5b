"""The demo clip: deterministic, and its points fit its true edit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.embedded.drawn_clips import draw_clip
from dragvideo_core.embedded.drawn_world import KINDS
from dragvideo_core.points.sets import union_of_squares
from dragvideo_core.stages.pick import pick
from dragvideo_core.types import UserError

MASK_RADIUS = 16.0  # px at 128: what the demo workflow sets


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_clip_other_seed_another(kind: str):
    first, again, other = demo_clip(kind, 5, 3), demo_clip(kind, 5, 3), demo_clip(kind, 6, 3)
    assert torch.equal(first.clip.frames, again.clip.frames) and first.picks == again.picks
    assert not torch.equal(first.clip.frames, other.clip.frames)


@pytest.mark.parametrize("kind", KINDS)
def test_the_suggested_points_are_accepted_and_their_mask_covers_the_true_edit(kind: str):
    for seed in range(6):
        drawn = demo_clip(kind, seed, 1)
        picks = pick(drawn.picks, drawn.clip.size, 1)
        mask = union_of_squares(picks.mask_points[None], MASK_RADIUS, drawn.clip.size)[0, 0]
        changed = (drawn.clip.frames[0] - drawn.true_edit.frames[0]).abs().amax(0) > 0.1
        assert changed.any()
        assert (changed & mask).sum() >= 0.9 * changed.sum(), f"{kind} {seed}"
        drag = picks.targets[0] - picks.handles[0]
        assert torch.allclose(drag, torch.tensor(drawn.drag), atol=0.11)


def test_a_drag_of_ones_own_moves_the_true_edit_and_not_the_clip():
    usual, own = demo_clip("flower", 1, 2), demo_clip("flower", 1, 2, drag=(5.0, -3.0))
    assert own.drag == (5.0, -3.0) and torch.equal(usual.clip.frames, own.clip.frames)
    assert not torch.equal(usual.true_edit.frames, own.true_edit.frames)
    none = demo_clip("flower", 1, 2, drag=(0.0, 0.0))
    assert torch.equal(none.true_edit.frames, none.clip.frames)


def test_an_occluder_passes_in_front():
    assert not torch.equal(demo_clip("robot", 2, 2).clip.frames, demo_clip("robot", 2, 2, occluded=True).clip.frames)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("occluded", [False, True])
def test_the_layer_is_what_does_not_change_with_the_ground(kind: str, occluded: bool):
    drawn = demo_clip(kind, 3, 2, occluded)
    other = draw_clip(replace(drawn.scene, seed=drawn.scene.seed + 1), drawn.poses)
    changed = ((drawn.clip.frames * 255).round() != torch.from_numpy(other).permute(0, 3, 1, 2)).any(1, keepdim=True)
    front = torch.zeros_like(drawn.layer) if drawn.front is None else drawn.front
    assert drawn.layer.shape == (2, 1, 128, 128) and drawn.layer.dtype == torch.float32
    assert not changed[drawn.layer + front > 0.999].any()  # the thing and the pole hide the ground
    assert 0.02 < float(drawn.layer.mean()) < 0.6 and (drawn.layer + front <= 1.001).all()
    assert (drawn.front is None) is not occluded


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_layer_covers_does_not_change_with_the_thing(kind: str):
    drawn = demo_clip(kind, 4, 2)
    colours = np.roll(drawn.scene.colours, 1, axis=1)
    other = draw_clip(replace(drawn.scene, colours=colours), drawn.poses)
    changed = ((drawn.clip.frames * 255).round() != torch.from_numpy(other).permute(0, 3, 1, 2)).any(1, keepdim=True)
    assert changed.any() and not changed[drawn.layer == 0].any()


def test_the_layer_follows_poses_that_were_put_in_afterwards():
    drawn = demo_clip("balloon", 4, 3)
    behind = replace(drawn, poses=[replace(pose, occluder=float(pose.tip[0])) for pose in drawn.poses])
    assert behind.front is not None and (behind.layer <= drawn.layer + 1e-6).all()
    assert (behind.layer[behind.front == 1] == 0).all() and not torch.equal(behind.layer, drawn.layer)


def test_the_points_are_json_for_the_clips_size():
    data = json.loads(demo_clip().picks)
    assert data["version"] == 1 and data["size"] == [128, 128] and len(data["pairs"]) == 1


@pytest.mark.parametrize("wrong", [{"kind": "dragon"}, {"frames": 0}, {"frames": 1000}])
def test_what_cannot_be_drawn_is_said(wrong: dict):
    with pytest.raises(UserError, match="got"):
        demo_clip(**wrong)
