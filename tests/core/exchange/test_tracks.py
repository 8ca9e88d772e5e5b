"""Laws of point tracks in other packs' forms."""

import json

import pytest
import torch

from dragvideo_core.exchange.tracks import MAX_TEXT, as_boxes, as_json, as_points, as_tracks, read_tracks
from dragvideo_core.types import UserError

from ..tiny import tiny_tracks


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
