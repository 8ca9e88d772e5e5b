"""Recordings that were joined by their bytes (`cat a.ts b.ts`): each begins with a clock of its own.

A part is one of them. Its pictures and its sound get the same shift, so that its pictures go on behind the last one of the part
before, and its sound stays with its pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av

from .container import seconds_of

MOST_BACK = Fraction(1, 10)  # s: a time that is further back than this is of a clock that was set back
CLOCKS_JUMP = ("mpegts", "mpeg")  # containers whose clock may be set forward: transport and programme streams
MOST_ON = 10  # s without a packet of any stream, in these: it was set forward
_NEAR = 2  # s: so far from a part's pictures its sound begins and ends


@dataclass(frozen=True)
class Part:
    """One recording, in seconds of its own clock."""

    first: Fraction  # its first and last picture
    last: Fraction
    shift: Fraction = Fraction(0)  # is added to its times

    def has(self, at: Fraction) -> bool:
        return self.first - _NEAR <= at <= self.last + _NEAR


class Parts:
    """Finds the parts, packet by packet. `may_jump`: the container's clock may be set forward."""

    def __init__(self, rate: Fraction, may_jump: bool):
        self._frame, self._may_jump = 1 / rate, may_jump
        self._last: dict[int, tuple[int, Fraction]] = {}  # by stream: after how many jumps it is, and its latest packet's time
        self._latest: list[Fraction] = []  # after so many jumps: the latest time of any stream
        self._found: list[Part] = []

    def add(self, packet: av.Packet, is_picture: bool) -> None:
        """A packet of the pictures or of sound, in the file's order."""
        shown = seconds_of(packet)
        if packet.dts is None or shown is None:
            return
        at = packet.dts * Fraction(packet.time_base)
        jumps, last = self._last.get(packet.stream.index, (0, at))
        has_jumped = at < last - MOST_BACK or (self._may_jump and jumps < len(self._latest) and at > self._latest[jumps] + MOST_ON)
        jumps += has_jumped
        if jumps == len(self._latest):
            self._latest.append(at)
        self._last[packet.stream.index] = jumps, at
        self._latest[jumps] = max(self._latest[jumps], at)
        if is_picture and (has_jumped or not self._found):
            self._found.append(Part(shown, shown))
        elif is_picture:
            now = self._found[-1]
            self._found[-1] = replace(now, first=min(now.first, shown), last=max(now.last, shown))

    def found(self) -> list[Part]:
        """Those that were met, with their shifts."""
        parts: list[Part] = []
        for part in self._found:
            before = parts[-1] if parts else None
            parts.append(part if before is None else replace(part, shift=before.last + before.shift + self._frame - part.first))
        return parts


class PartsClock:
    """Brings the times of one stream onto one clock. `parts` is asked once a time jumps, and not before."""

    def __init__(self, parts: Callable[[], Sequence[Part]]):
        self._parts, self._number = parts, 0
        self._last: Fraction | None = None
        self.shift = Fraction(0)  # of the latest time

    def time(self, at: Fraction) -> Fraction:
        """The next time of the stream, shifted."""
        last, self._last = self._last, at
        if last is not None and (at < last - MOST_BACK or at > last + MOST_ON):
            self._go_on(at, at > last)
        return at + self.shift

    def _go_on(self, at: Fraction, is_ahead: bool) -> None:
        parts = self._parts()
        if not parts or (is_ahead and parts[self._number].has(at)):  # a gap
            return
        later = [number for number in range(self._number + 1, len(parts)) if parts[number].has(at)]
        if later:
            self._number = later[0]
            self.shift = parts[self._number].shift
