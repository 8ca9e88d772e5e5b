"""A rank whose beats stay away is lost to who waits for it; a slow one is not."""

from __future__ import annotations

import threading

import pytest
from torch.distributed import HashStore, TCPStore

from dragvideo_core import pulse
from dragvideo_core.pulse import Pulse


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT", 0.05)


class Cut:
    """A store that can be put out of reach."""

    def __init__(self, store):
        self.store, self.is_cut = store, threading.Event()

    def add(self, key: str, amount: int) -> int:
        if self.is_cut.is_set():
            threading.Event().wait()
        return self.store.add(key, amount)


class Lost:
    def __init__(self):
        self.ranks: list[int] = []
        self.happened = threading.Event()

    def __call__(self, rank: int) -> None:
        self.ranks.append(rank)
        self.happened.set()


def test_who_waits_misses_the_one_that_is_cut_off_and_is_missed_there():
    store, lost = HashStore(), [Lost() for _ in range(3)]
    reach = [Cut(store) for _ in range(3)]
    pulses = [Pulse(reach[rank], rank, 3, lost[rank], lost_after=2.0) for rank in range(3)]
    for one in pulses:
        one.is_waiting = True
    assert not any(one.happened.wait(3.0) for one in lost)  # however long they wait
    pulses[2].is_waiting = False
    reach[1].is_cut.set()
    assert lost[0].happened.wait(60) and lost[0].ranks == [1]
    assert lost[1].happened.wait(60) and lost[2].ranks == []
    pulses[2].is_waiting = True
    assert lost[2].happened.wait(60) and lost[2].ranks == [1]


def test_a_store_that_ends_first_loses_all():
    server = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    lost = Lost()
    waiting = Pulse(TCPStore("localhost", server.port, is_master=False), 1, 2, lost, lost_after=1.0)
    waiting.is_waiting = True
    del server
    assert lost.happened.wait(60) and lost.ranks == [0]
