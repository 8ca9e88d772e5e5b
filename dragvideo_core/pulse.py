"""Whether the other processes of a group are still there: each beats, and hears the others, through the store where they met.

A machine that is cut off closes no connection. Who waits for it would do so for half an hour, gloo's own limit, and that cannot be
shorter: a slow card is waited for. So a group that spans machines takes a rank for lost when its beats stay away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

BEAT = 1.0  # seconds between two beats
LOST_AFTER = 60.0  # seconds without one


class Pulse:
    """Of one rank. `is_waiting` is set by whoever waits for others: only then it matters that one is lost."""

    def __init__(self, store: Any, rank: int, size: int, on_lost: Callable[[int], None], lost_after: float = LOST_AFTER):
        """store: a `torch.distributed` store that nothing else in this process uses. on_lost: called once, in a thread of its own,
        with the rank that was lost first."""
        self.is_waiting = False
        self._store, self._rank, self._on_lost, self._lost_after = store, rank, on_lost, lost_after
        self._heard = dict.fromkeys((other for other in range(size) if other != rank), time.monotonic())
        for work in (self._listen, self._judge):
            threading.Thread(target=work, daemon=True).start()

    def _listen(self) -> None:
        """Beats and hears. It hangs where the store is out of reach: then nobody is heard any more."""
        counts: dict[int, int] = {}
        while True:
            try:
                self._store.add(f"pulse {self._rank}", 1)
                for other in self._heard:
                    count = self._store.add(f"pulse {other}", 0)
                    if count != counts.get(other):
                        counts[other], self._heard[other] = count, time.monotonic()
            except RuntimeError:  # the store is gone, with the first rank
                return
            time.sleep(BEAT)

    def _judge(self) -> None:
        while True:
            time.sleep(BEAT / 2)
            longest = min(self._heard, key=lambda other: self._heard[other])
            if self.is_waiting and time.monotonic() - self._heard[longest] > self._lost_after:
                self._on_lost(longest)
                return
