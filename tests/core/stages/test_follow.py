"""Tracks from elsewhere in the place of the propagation."""

import json
import warnings
from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_picks, tiny_tracks

from dragvideo_core.exchange.tracks import GivenTracks, as_boxes, as_json, as_tracks, read_tracks
from dragvideo_core.stages.follow import FollowSettings, follow
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to


def drifting(frames: int = 3) -> GivenTracks:
    """A track on the handle that goes (2, -1) px a frame, and one far away that stands still."""
    steps = torch.arange(frames, dtype=torch.float32)[:, None] * torch.tensor([2.0, -1.0])
    near = torch.tensor([25.0, 31.0]) + steps
    return GivenTracks(torch.stack([near, torch.full_like(near, 60.0)], 1), torch.ones(frames, 2, dtype=torch.bool))


@pytest.mark.parametrize("frame", [0, 2])
def test_everything_moves_like_the_nearest_track(frame):
    picks = tiny_picks(frame=frame)
    tracks = follow(tiny_clip(3), picks, drifting(), settings=FollowSettings(set_side=1))
    torch.testing.assert_close(tracks.handles[frame, :, 0], picks.handles)
    torch.testing.assert_close(tracks.targets - tracks.handles, (picks.targets - picks.handles).expand(3, 1, 2)[:, :, None])
    torch.testing.assert_close(tracks.handles[1, 0, 0] - tracks.handles[0, 0, 0], torch.tensor([2.0, -1.0]))
    torch.testing.assert_close(tracks.mask_points[2] - tracks.mask_points[0], torch.tensor([[4.0, -2.0], [4.0, -2.0]]))


def test_a_hidden_track_hides_the_handle_and_serves_nobody_new():
    given = drifting()
    hidden = given.visible.clone()
    hidden[1, 0] = False
    tracks = follow(tiny_clip(3), tiny_picks(), GivenTracks(given.places, hidden))
    assert tracks.visible[0].all() and not tracks.visible[1].any() and tracks.visible[2].all()
    hidden[0, 0] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        still = follow(tiny_clip(3), tiny_picks(), GivenTracks(given.places, hidden))
    assert torch.equal(still.handles[0], still.handles[2])


def test_a_mask_wins_over_the_squares():
    mask = torch.zeros(3, 1, 64, 64, dtype=torch.bool)
    mask[:, :, 10:20, 5:9] = True
    tracks = follow(tiny_clip(3), tiny_picks(), drifting(), mask)
    assert torch.equal(tracks.edit_mask, mask)
    assert as_boxes(mask)[0] == [{"x": 5, "y": 10, "width": 4, "height": 10}]


def test_a_mask_is_judged_before_the_edit():
    """Black, black in one frame, away from the target in one frame."""
    mask = torch.ones(3, 1, 64, 64, dtype=torch.bool)
    with pytest.raises(UserError, match="black in every frame"):
        follow(tiny_clip(3), tiny_picks(), drifting(), ~mask)
    with pytest.raises(UserError, match="shape"):
        follow(tiny_clip(3), tiny_picks(), drifting(), mask[:1])
    mask[1] = False
    mask[2, :, :, 20:] = False
    texts: list[str] = []
    with warnings_go_to(texts.append):
        follow(tiny_clip(3), tiny_picks(), drifting(), mask)
    assert len(texts) == 2
    assert "black in frame 2:" in texts[0] and "target 1 lies outside the edit mask in frame 3 " in texts[1]


def test_squares_that_do_not_reach_the_target_are_told():
    with pytest.warns(UserWarning, match="target 1 lies outside the edit mask in frames 1, 2, 3 and c"):
        follow(tiny_clip(3), tiny_picks(), drifting(), settings=FollowSettings(mask_radius=8.0))


def test_what_leaves_the_picture_is_hidden_and_a_set_at_the_border_is_whole():
    picks = replace(tiny_picks(), handles=torch.tensor([[0.0, 3.0]]), targets=torch.tensor([[12.0, 9.0]]))
    up = torch.arange(3.0)[:, None, None] * torch.tensor([0.0, -8.0]) + torch.tensor([0.0, 3.0])
    tracks = follow(
        tiny_clip(3), picks, GivenTracks(up, torch.ones(3, 1, dtype=torch.bool)), settings=FollowSettings(set_spacing=16.0)
    )
    assert tracks.visible[0].all() and len({tuple(point) for point in tracks.handles[0, 0].tolist()}) == 9
    assert torch.equal(tracks.visible, tracks.handles[..., 1] >= -0.5) and not tracks.visible[2].all()


def test_a_track_far_away_is_warned_about():
    far = GivenTracks(torch.full((3, 1, 2), 63.0), torch.ones(3, 1, dtype=torch.bool))
    with pytest.warns(UserWarning, match="px away"):
        follow(tiny_clip(3), tiny_picks(), far)


def test_there_and_back_in_both_forms():
    tracks = tiny_tracks(4)
    for written in (as_tracks(tracks), as_json(tracks)):
        read = read_tracks(written)
        torch.testing.assert_close(read.places, tracks.handles[:, :, 4], atol=0.01, rtol=0)
        assert read.visible.shape == (4, 2)
    json.loads(as_json(tracks))


def test_other_packs_spellings():
    assert read_tracks("[{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]").places.shape == (2, 1, 2)
    batched = {"track_path": torch.zeros(1, 5, 3, 2), "track_visibility": torch.ones(1, 5, 3)}
    assert read_tracks(batched).visible.shape == (5, 3)
    seen = torch.tensor([True, False, True])[:, None]  # one for all tracks, as core's WanMoveTracksFromCoords makes it
    assert torch.equal(read_tracks({"track_path": torch.zeros(3, 2, 2), "track_visibility": seen}).visible, seen.expand(3, 2))


def test_a_frame_where_nothing_may_change_has_no_box():
    assert as_boxes(torch.zeros(2, 1, 8, 8, dtype=torch.bool)) == [[], []]


@pytest.mark.faults
@pytest.mark.parametrize(
    "value",
    [
        "",
        "no",
        "[[]]",
        "{}",
        '[[{"x": 1}]]',
        '[[{"x": 1, "y": 2}], [{"x": 1, "y": 2}, {"x": 1, "y": 2}]]',
        '[[{"x": NaN, "y": 1}]]',
        7,
        {"track_path": torch.zeros(3, 2)},
        {"track_path": torch.full((2, 1, 2), float("inf"))},
        {"track_path": torch.zeros(3, 2, 2), "track_visibility": torch.ones(2, 2)},
    ],
)
def test_bad_tracks_are_one_clear_error(value):
    with pytest.raises(UserError, match="tracks"):
        read_tracks(value)


@pytest.mark.faults
def test_fewer_frames_than_the_clip():
    with pytest.raises(UserError, match="2 frames.*3"):
        follow(tiny_clip(3), tiny_picks(), drifting(2))
