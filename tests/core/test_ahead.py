"""Threads of a film's work: in order, one ahead, and what they say and raise comes home."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dragvideo_core.ahead import InTurn, side_by_side
from dragvideo_core.warning import warn, warnings_go_to


def test_the_next_job_is_made_while_one_is_at_work_and_no_more_than_that():
    """Job 0 ends only once job 1 is asked for."""
    asked: list[int] = []
    second = threading.Event()

    def jobs() -> Iterator[Callable[[], int]]:
        for number in range(4):
            asked.append(number)
            if number == 1:
                second.set()
            yield lambda number=number: number if number or second.wait(20) else -1

    results = side_by_side(jobs())
    assert next(results) == 0 and asked == [0, 1]
    assert list(results) == [1, 2, 3]


def test_as_many_are_at_work_as_may_be_and_they_stay_in_order():
    """Each of the first three jobs ends only once the others are at work too."""
    meet = threading.Barrier(3, timeout=20)

    def job(number: int) -> int:
        if number < 3:
            meet.wait()
        return number

    assert list(side_by_side((partial(job, number) for number in range(9)), at_once=3)) == list(range(9))


def test_what_is_ready_does_not_wait_until_all_are_at_work():
    asked: list[int] = []

    def jobs() -> Iterator[Callable[[], int]]:
        for number in range(20):
            time.sleep(0.2 * (number == 1))  # time enough for job 0
            asked.append(number)
            yield lambda number=number: number

    results = side_by_side(jobs(), at_once=10)
    assert next(results) == 0 and len(asked) <= 2
    assert list(results) == list(range(1, 20))


def test_what_a_job_says_and_raises_comes_home():
    def fails() -> int:
        warn("beware")
        raise OSError("broken")

    texts: list[str] = []
    with warnings_go_to(texts.append), pytest.raises(OSError, match="broken"):
        list(side_by_side(iter([lambda: 1, fails, lambda: 3])))
    assert texts == ["beware"]


def test_calls_are_made_in_turn_in_another_thread_and_all_are_done_at_the_end():
    done: list[tuple[int, int]] = []
    with InTurn(2) as thread:
        for number in range(20):
            thread.call(lambda number: done.append((number, threading.get_ident())), number)
    assert [number for number, _ in done] == list(range(20))
    assert {ident for _, ident in done} != {threading.get_ident()} and len({ident for _, ident in done}) == 1


@pytest.mark.parametrize("last", [True, False])
def test_an_error_of_a_call_is_raised_at_a_later_call_or_at_the_end(last: bool):
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), InTurn(2) as thread:
        thread.call(fail)
        for _ in range(0 if last else 50):
            thread.call(lambda: None)


def test_with_an_error_what_waits_is_forgotten():
    begun, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        begun.set()
        go_on.wait(20)
        done.append("slow")

    with pytest.raises(KeyboardInterrupt), InTurn(3) as thread:
        thread.call(slow)
        thread.call(done.append, "late")
        begun.wait(20)
        threading.Timer(0.2, go_on.set).start()
        raise KeyboardInterrupt
    assert done == ["slow"]
