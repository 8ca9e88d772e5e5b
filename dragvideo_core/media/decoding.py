"""The frames of a file in order of display, with exact times, deinterlaced, as far as they can be decoded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from ..types import UserError
from ..warning import warn
from .colour import PLAIN, ColourTags, colour_tags
from .container import DECODER_ERRORS, DamagedVideoWarning, VideoHeader, VideoWarning, open_container, seconds_of, video_stream
from .deinterlace import deinterlaced
from .joins import Part, PartsClock
from .webp import is_animated_webp, webp_frames

FIRST_FRAME_SECONDS = 8.0  # a file that has shown no picture by then is given up
_NO_KEY = 600  # packets
_NO_TYPE = 0  # of a picture: left to the encoder


@dataclass(frozen=True)
class DecodedFrame:
    """One frame, not yet turned into a picture."""

    index: int  # counted from the first frame that is decoded here
    time: Fraction  # seconds; never less than the frame's before
    duration: Fraction  # seconds until the next frame, of the last one as the file says
    frame: av.VideoFrame
    colours: ColourTags


def decoded_frames(
    path: Path, header: VideoHeader, parts: Callable[[], Sequence[Part]], start: Fraction | float | None = None
) -> Iterator[DecodedFrame]:
    """Decodes in order of display, from the last key frame at or before `start` seconds where that is given. parts: the
    recordings that the file was joined of, which are asked for where its clock jumps. Packets
    that cannot be decoded are left out, and an end that comes earlier than the header says is accepted, each with a
    `DamagedVideoWarning`; interlaced frames are deinterlaced, with a `VideoWarning`. Raises `UserError` if there is no
    picture.
    """
    held = None
    for source in _timed(_Decoder(path, header, start), header, parts):
        if held is not None:
            yield DecodedFrame(held.index, held.time, source.time - held.time, held.frame, held.colours)
        held = source
    if held is not None:
        yield held


def _timed(decoder: _Decoder, header: VideoHeader, parts: Callable[[], Sequence[Part]]) -> Iterator[DecodedFrame]:
    """Each frame with its time and with what the file itself says of its duration."""
    last, clock = None, PartsClock(parts)
    for index, frame in enumerate(deinterlaced(decoder.frames(), decoder.warn_of_interlacing)):
        own = seconds_of(frame)
        at = index / header.rate if own is None else clock.time(own)
        last = at if last is None else max(last, at)
        frame.pict_type = _NO_TYPE
        yield DecodedFrame(index, last, decoder.duration(last - clock.shift) or 1 / header.rate, frame, decoder.colours(frame))


class _Decoder:
    """A file that is being decoded: what was seen of it on the way."""

    def __init__(self, path: Path, header: VideoHeader, start: Fraction | float | None):
        self._path, self._header, self._start = path, header, start
        self._durations: dict[Fraction, Fraction] = {}  # of packets whose frames have not come yet, by their time
        self._context: av.VideoCodecContext | None = None

    def frames(self) -> Iterator[av.VideoFrame]:
        frames = self._webp_frames() if is_animated_webp(self._path) else self._stream_frames()
        first: float | None = None
        count, last = 0, -math.inf
        for frame in frames:
            at = float(seconds_of(frame) or count / self._header.rate)
            first, last, count = at if first is None else first, max(last, at), count + 1
            yield frame
        if count == 0 and self._start is None:
            raise UserError(
                f"'{self._path.name}' shows no picture: expected at least one frame that decodes, got none. "
                "The file is truncated, damaged or of a codec that is not supported: convert it to H.264 mp4."
            )
        self._check_length(count, first, last)

    def _stream_frames(self) -> Iterator[av.VideoFrame]:
        opened, name = time.monotonic(), self._path.name
        shown, bad, warned = False, False, False
        with open_container(self._path) as container:
            stream = video_stream(container, name)
            self._context = stream.codec_context
            if self._start is not None:
                _seek(container, stream, self._start)
            packets = _packets(container, stream)
            for packet in packets if self._start is not None else self._from_key_frame(packets):
                self._note(packet)
                try:
                    decoded = stream.decode(packet)
                except DECODER_ERRORS:
                    bad, decoded = True, []
                for frame in decoded:
                    if bad and not warned:
                        warned = True
                        self.warn("some of its packets cannot be decoded, their frames are left out")
                    shown = True
                    yield frame
                if not shown and time.monotonic() - opened > FIRST_FRAME_SECONDS:
                    return

    def _from_key_frame(self, packets: Iterator[av.Packet | None]) -> Iterator[av.Packet | None]:
        """Leaves out what comes before the first key frame, which shows nothing but grey; all of it stays where there
        is no key frame among the first `_NO_KEY` packets."""
        before: list[av.Packet | None] = []
        for packet in packets:
            if packet is None or packet.size == 0 or len(before) == _NO_KEY:  # its end, or no use in waiting
                yield from (*before, packet)
                break
            if packet.is_keyframe:
                if before:
                    self.warn(f"it begins in the middle of a shot: {len(before)} frames before its first key frame are left out")
                yield packet
                break
            before.append(packet)
        yield from packets

    def _webp_frames(self) -> Iterator[av.VideoFrame]:
        try:
            yield from webp_frames(self._path)
        except DECODER_ERRORS:
            return

    def _note(self, packet: av.Packet | None) -> None:
        at = None if packet is None else seconds_of(packet)
        if packet is not None and at is not None and packet.duration:
            self._durations[at] = packet.duration * Fraction(packet.time_base)

    def duration(self, at: Fraction) -> Fraction | None:
        """What the file says of the duration of the frame that is shown at `at`."""
        duration = self._durations.get(at)
        for passed in [noted for noted in self._durations if noted <= at]:
            del self._durations[passed]
        return duration

    def colours(self, frame: av.VideoFrame) -> ColourTags:
        return PLAIN if self._context is None else colour_tags(frame, self._context)

    def _check_length(self, count: int, first: float | None, last: float) -> None:
        """Warns where the film ends earlier than its header says."""
        header = self._header
        if self._start is not None or header.seconds is None or first is None:
            return
        seconds = last - first + float(1 / header.rate)
        if seconds < 0.95 * header.seconds - float(2 / header.rate):
            self.warn(f"its {count} frames last {seconds:.2f} s, its header says {header.seconds:.2f} s")

    def warn(self, what: str) -> None:
        text = f"'{self._path.name}' is truncated or damaged: {what}. What could be decoded is used; convert the file again."
        warn(text, DamagedVideoWarning)

    def warn_of_interlacing(self) -> None:
        text = f"'{self._path.name}' is interlaced: its frames are deinterlaced (bwdif), one for each frame."
        warn(text, VideoWarning)


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet | None]:
    """Packets of the stream and what flushes the decoder at the end, also where reading breaks off."""
    try:
        yield from container.demux(stream)
    except DECODER_ERRORS:
        yield None


def _seek(container: av.container.InputContainer, stream: av.VideoStream, start: Fraction | float) -> None:
    """To the last key frame at or before `start` seconds; where the file cannot be searched, to its beginning."""
    try:
        container.seek(int(start / stream.time_base), stream=stream, backward=True)
    except DECODER_ERRORS:
        container.seek(0)
