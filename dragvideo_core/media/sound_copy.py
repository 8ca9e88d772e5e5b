"""A film's sound into another file: the packets as they are, encoded anew only where the container cannot hold them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

import av

from ..types import UserError
from ..warning import warn
from .container import DECODER_ERRORS, VideoWarning, open_container, seconds_of, sound_streams
from .film import Film, warn_of_lost_sound
from .joins import PartsClock

_LAYOUTS = {1: "mono", 6: "5.1"}  # by channels, of sound that is encoded anew; every other is mixed down to stereo
_BIT_RATE = 96_000  # at most, per channel, of sound that is encoded anew


class SoundCopy:
    """All tracks of a film's sound on their way into the container `output`, up to any moment at a time."""

    def __init__(self, film: Film, output: av.container.OutputContainer):
        self._name, self._output, self._stack = film.name, output, ExitStack()
        self._parts = lambda: film.parts
        self._hides = output.format.name in ("mp4", "mov")  # what comes before time 0, by an edit list of its own
        self._tracks: dict[int, _Track] = {}  # by their number in the source
        self._next: tuple[Fraction, av.Packet] | None = None
        warn_of_lost_sound(film)
        if not film.header.has_sound:
            return
        source = self._stack.enter_context(open_container(film.path))
        streams = sound_streams(source)
        self._tracks = {stream.index: _track(stream, output) for stream in streams}
        self._packets = self._readable(source.demux(streams))

    def copy_until(self, seconds: Fraction | float, origin: Fraction) -> None:
        """Writes what begins before `seconds` of the new film, whose time 0 is the moment `origin` of the old."""
        while self._tracks:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or self._next[0] - origin >= seconds:
                return
            packet = self._next[1]
            self._output.mux(self._tracks[packet.stream.index].packets(packet, origin))
            self._next = None

    def finish(self, origin: Fraction) -> None:
        """Writes all that is left."""
        self.copy_until(math.inf, origin)
        for track in self._tracks.values():
            self._output.mux(track.packets(None, origin))

    def close(self) -> None:
        self._stack.close()

    def _readable(self, packets: Iterator[av.Packet]) -> Iterator[tuple[Fraction, av.Packet]]:
        """Packets that are played, with their times, all on one clock, as far as the file can be read."""
        clocks = {number: PartsClock(self._parts) for number in self._tracks}
        try:
            for packet in packets:
                at = seconds_of(packet)
                if at is not None and packet.dts is not None and packet.size > 0 and (self._hides or not packet.is_discard):
                    clock = clocks[packet.stream.index]
                    at = clock.time(at)
                    shift = round(clock.shift / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    yield at, packet
        except DECODER_ERRORS as error:
            text = f"the sound of '{self._name}' breaks off: it can be read no further ({type(error).__name__})."
            warn(text + " The film is silent from there on.", VideoWarning)


def _track(stream: av.AudioStream, output: av.container.OutputContainer) -> _Track:
    try:
        return _CopiedTrack(output.add_stream_from_template(stream))
    except ValueError:  # this container does not hold this codec
        return _EncodedTrack(stream, output)


class _Track:
    """One track in the new file."""

    def packets(self, packet: av.Packet | None, origin: Fraction) -> list[av.Packet]:
        """What there is to write after a packet of the source; None: it has come to its end."""
        raise NotImplementedError


class _CopiedTrack(_Track):
    def __init__(self, written: av.AudioStream):
        self._written = written
        self._last: int | None = None

    def packets(self, packet: av.Packet | None, origin: Fraction) -> list[av.Packet]:
        if packet is None or (self._last is not None and packet.dts <= self._last):
            return []  # a time that runs backwards is refused by every container
        self._last = packet.dts
        shift = round(origin / packet.time_base)
        packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self._written
        return [packet]


class _EncodedTrack(_Track):
    """Decoded and encoded as AAC."""

    def __init__(self, stream: av.AudioStream, output: av.container.OutputContainer):
        context = stream.codec_context
        self._stream = stream
        layout = _LAYOUTS.get(context.channels, "stereo")
        bit_rate = context.channels * min(_BIT_RATE, 4 * context.sample_rate)
        self._written = output.add_stream("aac", rate=context.sample_rate, layout=layout, bit_rate=bit_rate)
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=context.sample_rate)

    def packets(self, packet: av.Packet | None, origin: Fraction) -> list[av.Packet]:
        try:
            frames = self._stream.decode(packet)
        except DECODER_ERRORS:
            return []
        made = []
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(origin / frame.time_base)
            for block in self._resampler.resample(frame):
                made += self._written.encode(block)
        return made + (self._written.encode(None) if packet is None else [])


def sound_start(film: Film) -> Fraction | None:
    """When the first sound is heard, in seconds; None of a silent film."""
    if not film.header.has_sound:
        return None
    starts = []
    with open_container(film.path) as source:
        for stream in sound_streams(source):
            try:
                source.seek(0)
                starts.append(seconds_of(next(source.decode(stream))))
            except (*DECODER_ERRORS, StopIteration, UserError):
                continue
    return min((at for at in starts if at is not None), default=None)
