"""What the user should know while the work goes on. Each thread's work has a listener of its own, and no other hears it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("drag_a_video_listener", default=None)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Something the user should know, while the work goes on: to the listener of this thread's work, else to Python's warnings.

    Python's own way to catch warnings is one switch for the whole process, so it also catches those of other threads.
    """
    listener = _listener.get()
    if listener is None:
        warnings.warn(text, category, stacklevel=3)
    else:
        listener(text)


@contextmanager
def warnings_go_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Inside, in this thread (or task) alone, every `warn` is one call of the listener with its text."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def each_said_once() -> Iterator[None]:
    """Inside, in this thread (or task) alone, the listener hears a text once. Python's own warnings know it by themselves."""
    listener, said = _listener.get(), set[str]()
    if listener is None:
        yield
        return

    def hear(text: str) -> None:
        if text not in said:
            said.add(text)
            listener(text)

    with warnings_go_to(hear):
        yield
