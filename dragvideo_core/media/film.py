"""A film, read frame by frame: of any length, with its exact times, colours and sound's place kept.

`open_film` reads the header alone. Every walk over the frames opens the file anew, so several can go on at once, any
can be given up at any frame (that is how one cancels), and memory depends on the frames that are kept, never on the
length of the film.

    film = open_film(path)
    with FilmWriter(edited_path, like=film) as writer:
        for frame in film.frames():
            writer.write(frame, edit(frame.rgb))
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path

import av
import numpy as np

from ..types import Box, Size
from ..warning import warn, warnings_go_to
from .colour import ColourTags, over_black, to_rgb
from .container import VideoHeader, VideoWarning, open_container, read_header, seconds_of, sound_streams, video_stream
from .decoding import DecodedFrame, decoded_frames
from .filters import FilterChain, KeptChain
from .hdr import to_sdr
from .joins import CLOCKS_JUMP, Part, Parts
from .orientation import Orientation, orientation_of
from .webp import is_animated_webp, webp_header

_REORDER = 64  # packets: more than any codec keeps frames back


@dataclass(frozen=True)
class FilmFrame:
    """One frame of a film, of the size, pixel format and orientation of its first."""

    index: int  # in the film, in order of display
    time: Fraction  # seconds, exact, on the clock that the film's sound has too
    duration: Fraction  # seconds until the next frame, of the last one as the file says
    stored: av.VideoFrame  # as decoded: not turned, in the film's own colours
    film: Film

    @property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, or uint16 (0 to 65535) of films with more than 8 bits: upright, over black where it is
        transparent, in BT.709 where the film is HDR, unless it was opened with `keep_hdr`. Not to be written to. Converted
        whenever it is asked for, as whoever has many frames would need much memory for their pictures."""
        values = np.ascontiguousarray(self._shown(self.film.to_rgb))
        values.flags.writeable = False
        return values

    def part(self, box: Box, chain: KeptChain) -> np.ndarray:
        """The same of a box alone. chain: what is kept from frame to frame, while the box stays."""
        return self._shown(chain, self.film.orientation.stored_box(box, (self.stored.height, self.stored.width)))

    def _shown(self, chain: KeptChain, part: Box | None = None) -> np.ndarray:
        values, has_alpha = to_rgb(self.stored, chain=chain, part=part)
        values = self.film.orientation.apply(over_black(values) if has_alpha else values)
        values = to_sdr(values, self.film.colours.transfer) if self.film.is_toned else values
        values.flags.writeable = False
        return values


@dataclass(frozen=True)
class _Clock:
    """What a file's packets say of time."""

    times: list[Fraction]  # s, in order, where there is one part
    parts: list[Part]  # recordings that it was joined of


@dataclass(frozen=True)
class Film:
    """A file of moving or still pictures. Made by `open_film`. What it is seen to be, rather than what its header says,
    is found by decoding its first frame, once it is asked for; that raises `UserError` where there is none."""

    path: Path
    header: VideoHeader
    keep_hdr: bool = False

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def first(self) -> DecodedFrame:
        """The first frame, decoded."""
        with warnings_go_to(lambda text: None):  # whoever walks over the frames is warned
            return next(self.decoded())

    @cached_property
    def to_rgb(self) -> KeptChain:
        """What turns its frames into RGB."""
        return KeptChain()

    @cached_property
    def metadata(self) -> dict[str, str]:
        """Title, date and the like."""
        if is_animated_webp(self.path):
            return {}
        with open_container(self.path) as container:
            return dict(container.metadata)

    @cached_property
    def orientation(self) -> Orientation:
        return orientation_of(self.first.frame)

    @property
    def size(self) -> Size:
        """(H, W) px of the frames, upright, before pixels that are not square are stretched"""
        return self.orientation.size((self.first.frame.height, self.first.frame.width))

    @property
    def aspect(self) -> Fraction:
        """The width of a pixel in heights, upright."""
        return 1 / self.header.aspect if self.orientation.is_quarter else self.header.aspect

    @property
    def colours(self) -> ColourTags:
        return self.first.colours

    @property
    def bits(self) -> int:
        """Per value, as stored."""
        return max(c.bits for c in self.first.frame.format.components)

    @cached_property
    def dtype(self) -> np.dtype:
        """Of `FilmFrame.rgb`: uint8 or uint16."""
        return FilmFrame(0, self.first.time, self.first.duration, self.first.frame, self).rgb.dtype

    @property
    def is_toned(self) -> bool:
        """Does `FilmFrame.rgb` bring a high dynamic range down?"""
        return self.colours.is_hdr and not self.keep_hdr

    def frames(self, start: Fraction | float | None = None, stop: Fraction | float | None = None) -> Iterator[FilmFrame]:
        """The frames that begin at `start` <= time < `stop` in seconds, by default all of them. Frames of another size
        or pixel format than the first are brought to it, frames that cannot be decoded are left out, interlaced ones
        are deinterlaced: each with a `VideoWarning`.
        """
        first, index, warned = self.first.frame, None, False
        for source in self.decoded(start):
            if start is not None and source.time < start:
                continue
            if stop is not None and source.time >= stop:
                return
            if index is None:
                index = 0 if start is None else bisect_left(self.times, source.time)
            stored = source.frame
            if (stored.width, stored.height, stored.format.name) != (first.width, first.height, first.format.name):
                if not warned and (stored.width, stored.height) != (first.width, first.height):
                    warned = True
                    text = (
                        f"'{self.name}' changes its size from {first.width} x {first.height} to {stored.width} x {stored.height} "
                    )
                    warn(text + f"px at {float(source.time):.2f} s: it is scaled to the first.", VideoWarning)
                stored = _like(stored, first)
            yield FilmFrame(index, source.time, source.duration, stored, self)
            index += 1

    def between(self, begin: int, end: int | None) -> Iterator[FilmFrame]:
        """The frames from number `begin` to before number `end`, None: to the last. Where the file's clock jumps, as in films
        that were joined by their bytes, no moment can be searched for: then all before them are decoded too."""
        times = self.times
        if begin >= len(times) or (end is not None and end <= begin):
            return iter(())
        if len(self.parts) > 1:
            return islice(self.frames(), begin, end)
        first = begin  # a frame that has its time alone can be searched for: from there frames are counted
        while first and times[first] in (times[first - 1], *times[first + 1 : first + 2]):
            first -= 1
        start, stop = times[first] if first else None, None
        if end is not None and end < len(times) and times[end] > times[end - 1]:
            stop, end = times[end], None
        return islice(self.frames(start, stop), begin - first, None if end is None else end - first)

    def decoded(self, start: Fraction | float | None = None) -> Iterator[DecodedFrame]:
        """The frames as they are decoded, from a key frame at or before `start`, deinterlaced, of whatever size."""
        return decoded_frames(self.path, self.header, lambda: self.parts, start)

    @cached_property
    def times(self) -> list[Fraction]:
        """When each frame is shown, in seconds, from the packets; by decoding it all where the file's clock jumps."""
        return [source.time for source in self.decoded()] if len(self.parts) > 1 else self._clock.times

    @property
    def parts(self) -> list[Part]:
        """The recordings that the file was joined of, nearly always one."""
        return self._clock.parts

    @cached_property
    def _clock(self) -> _Clock:
        return self._read_clock(math.inf)

    @property
    def pictures(self) -> int:
        """How many the file holds, without decoding them."""
        return len(self._clock.times)

    def time_of(self, index: int) -> Fraction | None:
        """When frame number `index` is shown; None if there is no such frame. Reads no more packets than it takes."""
        clock = self._read_clock(index + 1 + _REORDER)
        times = self.times if len(clock.parts) > 1 else clock.times
        return times[index] if index < len(times) else None

    def _read_clock(self, most: float) -> _Clock:
        """Of the first so many packets."""
        if is_animated_webp(self.path):
            return _Clock([source.time for source in self.decoded()], [])
        stamps, all_stamps, has_key = [], [], False
        with open_container(self.path) as container:
            stream = video_stream(container, self.name)
            parts = Parts(self.header.rate, container.format.name in CLOCKS_JUMP)
            for packet in _packets(container, [stream, *sound_streams(container)]):
                is_picture = packet.stream.index == stream.index
                has_key = has_key or (is_picture and packet.is_keyframe)
                at = seconds_of(packet)
                if at is None or packet.is_discard:  # an edit list leaves it out
                    continue
                parts.add(packet, is_picture)
                if not is_picture:
                    continue
                all_stamps.append(at)
                if has_key:  # nothing is shown before the first key frame
                    stamps.append(at)
                if len(stamps) >= most:
                    break
        return _Clock(sorted(stamps or all_stamps), parts.found())


def open_film(path: str | Path, keep_hdr: bool = False) -> Film:
    """Opens a video or a still picture whose extension may be wrong. With `keep_hdr` the frames of an HDR film stay in
    its own colours (BT.2020, HLG or PQ). Raises `UserError` if there is no such file, it is empty, it is not a video,
    has no video stream, or its frames are larger than `MAX_PIXELS`.
    """
    path = Path(path)
    if is_animated_webp(path):
        return Film(path, webp_header(path), keep_hdr)
    with open_container(path) as container:
        return Film(path, read_header(container, video_stream(container, path.name), path.name), keep_hdr)


def warn_of_lost_sound(film: Film) -> None:
    """Warns where not all of the film's sound can be read."""
    if film.header.loses_sound:
        what = "some of its sound" if film.header.has_sound else "its sound"
        text = f"{what} in '{film.name}' cannot be read (no decoder, or a broken header): it is left out. Convert the file to mp4."
        warn(text, VideoWarning)


def _packets(container: av.container.InputContainer, streams: list[av.stream.Stream]) -> Iterator[av.Packet]:
    """Packets of the streams; ends where reading breaks off."""
    try:
        yield from container.demux(streams)
    except (av.FFmpegError, ValueError, OSError):
        return


def _like(frame: av.VideoFrame, first: av.VideoFrame) -> av.VideoFrame:
    """The frame in the size and pixel format of `first`, its time kept."""
    chain = FilterChain(frame, ("scale", f"{first.width}:{first.height}:flags=bicubic"), ("format", first.format.name))
    (scaled,) = chain.push(frame)
    return scaled
