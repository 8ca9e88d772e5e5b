"""The time that is left, from the time that went by."""

import pytest

from .executor import Comfy


def texts(comfy: Comfy, seconds, total, first=0):
    """What is said after each piece of work; `seconds`: how long each took."""
    clock, now = comfy.module("nodes.comfy.time_left").TimeLeft(), 100.0
    said = [clock.after(first, total, now)]
    for i, took in enumerate(seconds):
        now += took
        said.append(clock.after(first + i + 1, total, now))
    return said


def test_it_speaks_after_the_first_piece_of_long_work(comfy: Comfy):
    assert texts(comfy, [6.0, 6.0], 40)[:3] == [None, "about 4 min left (1 of 40)", "about 4 min left (2 of 40)"]


def test_it_does_not_speak_of_short_work_or_too_often(comfy: Comfy):
    assert texts(comfy, [1.5] * 4, 4) == [None] * 5
    assert sum(text is not None for text in texts(comfy, [0.5] * 40, 400)) <= 11


def test_resumed_work_is_measured_from_where_it_goes_on(comfy: Comfy):
    assert texts(comfy, [10.0], 40, first=30)[1] == "about 2 min left (31 of 40)"


def test_at_the_end_it_says_how_long_it_took(comfy: Comfy):
    clock = comfy.module("nodes.comfy.time_left").TimeLeft()
    clock.after(0, 3, 0.0)
    assert clock.at_the_end(5.0) is None, "nothing was said, so nothing has to be taken back"
    assert clock.after(1, 3, 20.0) == "about 40 s left (1 of 3)"
    assert clock.after(3, 3, 60.0) is None and clock.at_the_end(60.0) == "done in 60 s"


@pytest.mark.parametrize("seconds, words", [(3, "5 s"), (42, "40 s"), (200, "3 min"), (7900, "2 h 10 min")])
def test_it_is_as_exact_as_an_estimate_is(comfy: Comfy, seconds, words):
    assert comfy.module("nodes.comfy.time_left").in_words(seconds) == words
