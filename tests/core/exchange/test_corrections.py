import json

import pytest

from dragvideo_core.exchange.corrections import read_corrections
from dragvideo_core.types import UserError


def text(*moves, **more):
    return json.dumps({"version": 1, "moves": list(moves), **more})


def test_reads_what_the_page_writes():
    one, two = read_corrections(
        text({"frame": 3, "pair": 0, "handle": [40.5, 17]}, {"frame": 1, "pair": 2, "handle": [0, 63]}), (64, 128)
    )
    assert (one.frame, one.pair, one.handle.tolist()) == (3, 0, [40.5, 17.0])
    assert (two.frame, two.pair, two.handle.tolist()) == (1, 2, [0.0, 63.0])


def test_places_follow_the_size_of_the_clip():
    """They keep their share of the frame; the form without a size is in pixels of the clip, whatever its size."""
    corners = [{"frame": 1, "pair": 0, "handle": place} for place in ([0, 0], [127, 63], [63.5, 31.5])]
    moved = read_corrections(text(*corners, version=2, size=[128, 64]), (128, 192))
    assert [move.handle.tolist() for move in moved] == [[0.25, 0.5], [190.75, 126.5], [95.5, 63.5]]
    for size in ((64, 128), (32, 64)):
        same = read_corrections(text(*corners, version=2, size=[size[1] * 2, size[0] * 2]), (size[0] * 2, size[1] * 2))
        assert [move.handle.tolist() for move in same] == [corner["handle"] for corner in corners]
    smaller = read_corrections(text(*corners, version=2, size=[128, 64]), (32, 64))
    assert all(0 <= x <= 63 and 0 <= y <= 31 for x, y in (move.handle.tolist() for move in smaller))
    assert read_corrections(text(corners[1]), (64, 128))[0].handle.tolist() == [127, 63]


def test_nothing_is_no_correction():
    assert read_corrections("", (64, 64)) == read_corrections(text(), (64, 64)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        "7",
        text(version=3),
        text(version=2),
        text(version=2, size=[0, 64]),
        text(version=2, size=[64.0, 64]),
        '{"version": 1}',
        "[" * 100_000,
        text({"frame": 1, "pair": 0}),
        text("move"),
        text({"frame": -1, "pair": 0, "handle": [1, 1]}),
        text({"frame": 1.5, "pair": 0, "handle": [1, 1]}),
        text({"frame": True, "pair": 0, "handle": [1, 1]}),
        text({"frame": 1, "pair": 0, "handle": [1, 64]}),
        text({"frame": 1, "pair": 0, "handle": [1, None]}),
        '{"version": 1, "moves": [{"frame": 1, "pair": 0, "handle": [NaN, 1]}]}',
        text({"frame": 1, "pair": 0, "handle": [10**400, 1]}),
        " " * 10 + "x" * 1_000_001,
    ],
)
def test_anything_else_is_one_clear_error(wrong):
    with pytest.raises(UserError, match="corrections cannot be read.*Propagate Points node"):
        read_corrections(wrong, (64, 64))
