"""Files of moving or still pictures: opened safely, and what their headers say.

A file is opened as an anonymous stream of bytes: its name and extension mean nothing, and a playlist inside it cannot
make the decoder open other files or addresses. Sizes are bounded before anything is allocated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from ..types import UserError

MAX_PIXELS = 2**26  # of one source frame: twice 8K video
DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}  # also where the picture is larger than its container says
DECODER_ERRORS = (av.FFmpegError, ValueError, OSError)
_OPTIONS = DECODER_OPTIONS | {"protocol_whitelist": "none"}  # no file or address but the bytes we hand over
_DEFAULT_RATE = Fraction(25)  # what the decoder itself assumes of a stream without a rate


class VideoWarning(UserWarning):
    """The frames that come out are not quite those of the file: the text says how they differ."""


class DamagedVideoWarning(VideoWarning):
    """Some of the file could not be decoded; the frames that could be were loaded."""


@dataclass(frozen=True)
class VideoHeader:
    """What the file says of itself. It may be wrong."""

    width: int  # px, as stored: before rotation
    height: int
    rate: Fraction  # frames per second, averaged over the file
    tick: Fraction  # seconds: resolution of the time stamps
    aspect: Fraction  # width of a stored pixel in heights
    frames: int | None  # how many; None = the file does not say
    is_counted: bool  # `frames` was counted when the file was written, not worked out here from its length
    seconds: float | None  # length of the video stream; None = the file does not say
    has_sound: bool  # of which something can be heard
    loses_sound: bool = False  # it has some that no decoder is there for, or whose header is broken


@contextmanager
def open_container(path: str | Path) -> Iterator[av.container.InputContainer]:
    """Opens a file whose extension may be wrong. Raises `UserError` if there is none, or it is empty or no video."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no video '{path.name}' in '{path.parent}': expected a file. Check the name.")
    if path.stat().st_size == 0:
        raise UserError(f"'{path.name}' is empty: expected a video, got 0 bytes. Copy or download it again.")
    with open(path, "rb") as file:
        try:
            container = av.open(_Nameless(file), options=_OPTIONS, metadata_errors="ignore")
        except DECODER_ERRORS as error:
            raise UserError(
                f"'{path.name}' cannot be read: expected a video or a picture, got something else, or a file that is "
                f"truncated (an mp4 has its index at the end) ({type(error).__name__}). Copy or convert it again."
            ) from error
        with container:
            yield container


class _Nameless:
    """A file without its name: with one, the decoder would guess the format by the extension."""

    def __init__(self, file: BinaryIO):
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def video_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The first stream of pictures, ready to be decoded. Raises `UserError` if there is none, or no decoder for it."""
    stream = next((s for s in container.streams.video if not _is_cover(s)), None)
    if stream is None:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing: it is truncated or damaged"
        raise UserError(f"'{name}' has no video stream: expected a video or a picture, got {kinds}. Choose or copy another file.")
    if stream.codec_context is None:
        raise UserError(f"no decoder for the video in '{name}'. Convert it to H.264 mp4.")
    stream.thread_count = 2
    stream.codec_context.options = DECODER_OPTIONS
    return stream


def _is_cover(stream: av.VideoStream) -> bool:
    """Is this the cover picture of a sound file?"""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def sound_streams(container: av.container.InputContainer) -> list[av.AudioStream]:
    """The streams of sound that there is a decoder for and whose headers make sense."""
    streams = [s for s in container.streams.audio if s.codec_context is not None]
    return [s for s in streams if s.codec_context.sample_rate > 0 and 0 < s.codec_context.channels <= 64]


def read_header(container: av.container.InputContainer, stream: av.VideoStream, name: str) -> VideoHeader:
    """Raises `UserError` where frames would be larger than `MAX_PIXELS`."""
    width, height = stream.width, stream.height
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise UserError(
            f"'{name}' cannot be used: expected frames of 1 to {MAX_PIXELS} px (8192 x 8192), got {width} x {height} "
            "or a size that cannot be read. Choose another file, or scale it down first."
        )
    rate = Fraction(stream.average_rate or stream.guessed_rate or 0)
    if not Fraction(1, 1000) <= rate <= 10_000:
        rate = _DEFAULT_RATE
    tick = Fraction(stream.time_base or 0)
    if stream.duration is not None:
        seconds = float(stream.duration * tick)
    elif container.duration is not None and len(container.streams) == 1:
        seconds = container.duration / av.time_base
    else:
        seconds = _tagged_seconds(stream)
    length = seconds if container.duration is None else container.duration / av.time_base
    frames = stream.frames or (None if length is None else math.ceil(length * rate))
    aspect = Fraction(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    aspect = aspect if Fraction(1, 10) <= aspect <= 10 else Fraction(1)  # absurd, so nobody meant it
    heard = sound_streams(container)
    loses_sound = len(heard) < len(container.streams.audio)
    return VideoHeader(width, height, rate, tick, aspect, frames, bool(stream.frames), seconds, bool(heard), loses_sound)


def _tagged_seconds(stream: av.VideoStream) -> float | None:
    """The length of the stream that Matroska keeps as a text, "00:01:02.500000000"."""
    parts = re.fullmatch(r"(\d{1,4}):(\d\d):(\d\d\.\d+)", stream.metadata.get("DURATION", ""))
    return None if parts is None else int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3])


def seconds_of(frame: av.VideoFrame | av.AudioFrame | av.Packet) -> Fraction | None:
    """When a picture or a block of sound begins, exactly; None if it has no time stamp."""
    return None if frame.pts is None or frame.time_base is None else frame.pts * Fraction(frame.time_base)
