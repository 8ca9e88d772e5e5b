"""Work on a film in threads of their own, side by side: decoding and following, drawing, encoding.

What a thread says goes to the listener of whoever started it, and what it raises is raised there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")


def side_by_side(jobs: Iterable[Callable[[], T]], at_once: int = 1) -> Iterator[T]:
    """The results of the jobs, in their order. `at_once` threads work, each on one job, while one more job is taken from `jobs` in
    advance. A result that is ready is handed on at once."""
    with ThreadPoolExecutor(at_once) as pool:
        working: deque[Future[T]] = deque()
        try:
            for job in jobs:
                working.append(pool.submit(copy_context().run, job))
                del job  # who works on it has it
                while len(working) > at_once or (working and working[0].done()):
                    yield working.popleft().result()
            while working:
                yield working.popleft().result()
        finally:
            for one in working:
                one.cancel()


class InTurn:
    """Calls that a thread makes one after the other. Use it in a `with`: leaving it without an error waits for all of them.

    `call` waits while `most` calls are not done, and raises what an earlier one raised. Left with an error, calls that have not
    begun are forgotten.
    """

    def __init__(self, most: int):
        self._most, self._pool = most, ThreadPoolExecutor(1)
        self._begun: deque[Future[None]] = deque()

    def call(self, function: Callable[..., None], *inputs: object) -> None:
        """Have the thread make this call after the others."""
        while len(self._begun) >= self._most:
            self._begun.popleft().result()
        self._begun.append(self._pool.submit(copy_context().run, function, *inputs))

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            for call in self._begun:
                call.result()
