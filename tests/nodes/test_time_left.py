"""The time that is left, from the time that went by."""

import pytest

from . import graphs
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


def test_what_was_made_before_is_not_counted_as_made_now(comfy: Comfy):
    """A drag is known to go on in the middle only once its first pass over the frames is done."""
    clock = comfy.module("nodes.comfy.time_left").TimeLeft()
    said = [clock.after(done, 60, now) for done, now in ((0, 0.0), (0, 10.0), (30, 20.0), (31, 30.0))]
    assert said == [None, None, None, "about 5 min left (31 of 60)"]


def test_what_comes_before_the_first_piece_is_not_counted_for_the_others(comfy: Comfy):
    clock = comfy.module("nodes.comfy.time_left").TimeLeft()
    said = [clock.after(done, 44, now) for done, now in ((0, 0.0), (1, 50.0), (2, 60.0))]
    assert said[-1] == "about 7 min left (2 of 44)"  # 42 times 10 s


def test_of_work_that_may_end_early_it_says_how_long_it_takes_at_most(comfy: Comfy):
    clock = comfy.module("nodes.comfy.time_left").TimeLeft()
    assert clock.expect(240.0, 0.0, may_end_early=True) == "at most 4 min to go"
    assert [clock.after(done, 40, now) for done, now in ((0, 0.0), (1, 6.0), (2, 12.0))][-1] == "at most 4 min left (2 of 40)"


@pytest.mark.parametrize("stage", ["tune", "drag"])
def test_tune_and_drag_say_before_they_begin_how_long_they_will_take(comfy: Comfy, monkeypatch, stage):
    took = comfy.module("dragvideo_core.diffusion.pace").Pace(20.0, 20.0, 20.0)
    monkeypatch.setattr(comfy.module(f"dragvideo_core.stages.{stage}"), "pace", lambda model, cells, frames: took)
    graph = graphs.whole_edit(comfy)
    graph["clip"]["inputs"]["seed"] = 77  # nothing of it was made before
    graph["drag"]["inputs"] |= {"arrive": 0.25, "warm_start": False}
    outcome = comfy.run(graphs.up_to(graph, stage))
    assert outcome.status == "success", outcome.error
    said = [text for node, text in outcome.listener.node_texts if node == stage]
    assert said[0].startswith("at most " if stage == "drag" else "about ") and said[0].endswith(" to go")
    steps = [data for kind, data in outcome.listener.messages if kind == "progress" and data["node"] == stage]
    first = outcome.listener.messages.index(("text", said[0]))
    assert first < outcome.listener.messages.index(("progress", steps[0]))
