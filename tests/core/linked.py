"""A group whose ranks are threads of one process: what one sends to another goes through a queue, and is counted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import TypeVar

from safetensors.torch import load, save

from dragvideo_core.group import Group, State

T = TypeVar("T")
WITHIN = 60.0  # seconds, for whatever is waited for


class Linked(Group):
    def __init__(self, rank: int, size: int, queues: dict[tuple[int, int], Queue[bytes]]):
        self.rank, self.size, self._queues, self.sent = rank, size, queues, []  # bytes of each message

    def send(self, rank: int, state: State) -> None:
        octets = save({name: value.contiguous() for name, value in state.items()})
        self.sent.append(len(octets))
        self._queues[self.rank, rank].put(octets)

    def receive(self, rank: int) -> State:
        state = load(self._queues[rank, self.rank].get(timeout=WITHIN))
        return {name: value.clone() for name, value in state.items()}

    def state_from_first(self, state: State | None) -> State | None:
        if not self.is_first:
            return self.receive(0)
        for rank in range(1, self.size):
            self.send(rank, state or {})
        return state


def together(size: int, work: Callable[[Linked], T]) -> tuple[list[T], list[Linked]]:
    """What a piece of work gives on each rank, and the ranks."""
    queues: dict[tuple[int, int], Queue[bytes]] = {(a, b): Queue() for a in range(size) for b in range(size)}
    ranks = [Linked(rank, size, queues) for rank in range(size)]
    with ThreadPoolExecutor(size) as pool:
        return [one.result() for one in [pool.submit(work, rank) for rank in ranks]], ranks
