"""Laws of point tracks in other packs' forms."""

import json

import pytest
import torch

from dragvideo_core.exchange.tracks import (
    MAX_TEXT,
    GivenTracks,
    as_boxes,
    as_json,
    as_points,
    as_tracks,
    corrections_from,
    read_tracks,
)
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to

from ..tiny import tiny_picks, tiny_tracks


@pytest.mark.parametrize("form", [as_tracks, as_json])
def test_what_is_written_is_read_again(form):
    tracks = tiny_tracks(3)
    given = read_tracks(form(tracks))
    assert torch.allclose(given.places, tracks.handles[:, :, 4], atol=0.01)
    assert given.visible.all() and given.visible.shape == (3, 2)


def test_visibility_goes_with_the_points():
    tracks = as_tracks(tiny_tracks(3))
    tracks["track_visibility"][1, 0] = False
    assert read_tracks(tracks).visible.tolist() == [[True, True], [False, True], [True, True]]


def test_a_text_that_is_too_long_is_not_parsed():
    track = json.dumps([[{"x": 1, "y": 2}]])
    assert read_tracks(track).places.tolist() == [[[1, 2]]]
    with pytest.raises(UserError, match="tracks must be"):
        read_tracks(track + " " * MAX_TEXT)


@pytest.mark.parametrize("text", ["", "null", "{}", "[[{}]]", '[[{"x": "a", "y": 1}]]', '[[{"x": 1, "y": 1e999}]]', "[" * 5000])
def test_other_texts_are_one_clear_error(text):
    with pytest.raises(UserError, match="tracks"):
        read_tracks(text)


def test_a_box_holds_all_that_may_change_and_no_row_more():
    mask = torch.zeros(2, 1, 20, 30, dtype=torch.bool)
    mask[0, 0, 3:9, 5:17] = True
    assert as_boxes(mask) == [[{"x": 5, "y": 3, "width": 12, "height": 6}], []]


def test_points_are_written_to_a_hundredth_of_a_pixel():
    assert json.loads(as_points(torch.tensor([[1.234, 5.0]]))) == [{"x": 1.23, "y": 5.0}]


def upward(frame: int = 0) -> GivenTracks:
    """Four frames: a track that is beside the handle of `tiny_picks` in this one and goes 15 px up a frame, out of the picture, and
    one far away that stands still."""
    near = torch.tensor([26.0, 31.0]) + torch.arange(-frame, 4.0 - frame)[:, None] * torch.tensor([1.0, -15.0])
    return GivenTracks(torch.stack([torch.full_like(near, 60.0), near], 1), torch.ones(4, 2, dtype=torch.bool))


@pytest.mark.parametrize("frame", [0, 1])
def test_a_handle_of_a_film_goes_where_its_track_goes_as_long_as_that_is_seen(frame: int):
    given, picks, texts = upward(frame), tiny_picks(frame=frame), []
    given.visible[2, 1] = False
    with warnings_go_to(texts.append):
        moves = corrections_from(given, picks, 6)
    x, y = picks.handles[0].tolist()
    inside = [i for i in range(4) if y - 15 * (i - frame) >= 0 and i not in (frame, 2)]
    assert [(one.frame, one.pair, *one.handle.tolist()) for one in moves] == [
        (i, 0, x + i - frame, y - 15 * (i - frame)) for i in inside
    ]
    assert texts == ["the tracks end at frame 4 of 6: from there on the points are followed by optical flow."]


def test_tracks_that_do_not_fit_a_film_are_refused():
    with pytest.raises(UserError, match="the tracks have 4 frames, the film has 3"):
        corrections_from(upward(), tiny_picks(), 3)
    with pytest.raises(UserError, match="the tracks end at frame 4, but the points were picked on frame 5"):
        corrections_from(upward(), tiny_picks(frame=4), 9)


def test_a_track_that_is_far_from_the_handle_is_named():
    texts: list[str] = []
    with warnings_go_to(texts.append):
        corrections_from(GivenTracks(upward().places[:, :1], upward().visible[:, :1]), tiny_picks(), 4)
    assert len(texts) == 1 and texts[0].startswith("the track next to handle 1 is ")
