import json

import pytest

from dragvideo_core.parts.corrections import read_corrections
from dragvideo_core.types import UserError


def text(*moves, version=1):
    return json.dumps({"version": version, "moves": list(moves)})


def test_reads_what_the_page_writes():
    one, two = read_corrections(text({"frame": 3, "pair": 0, "handle": [40.5, 17]}, {"frame": 1, "pair": 2, "handle": [0, 63]}), (64, 128))
    assert (one.frame, one.pair, one.handle.tolist()) == (3, 0, [40.5, 17.0])
    assert (two.frame, two.pair, two.handle.tolist()) == (1, 2, [0.0, 63.0])


def test_nothing_is_no_correction():
    assert read_corrections("", (64, 64)) == read_corrections(text(), (64, 64)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "{", "[]", "7", text(version=2), '{"version": 1}', "[" * 100_000, text({"frame": 1, "pair": 0}), text("move"),
        text({"frame": -1, "pair": 0, "handle": [1, 1]}), text({"frame": 1.5, "pair": 0, "handle": [1, 1]}),
        text({"frame": True, "pair": 0, "handle": [1, 1]}), text({"frame": 1, "pair": 0, "handle": [1, 64]}),
        text({"frame": 1, "pair": 0, "handle": [1, None]}), '{"version": 1, "moves": [{"frame": 1, "pair": 0, "handle": [NaN, 1]}]}',
        text({"frame": 1, "pair": 0, "handle": [10**400, 1]}), " " * 10 + "x" * 1_000_001,
    ],
)
def test_anything_else_is_one_clear_error(wrong):
    with pytest.raises(UserError, match="corrections cannot be read.*Propagate node"):
        read_corrections(wrong, (64, 64))
