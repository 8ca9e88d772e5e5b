"""Video files and still pictures in, clips out, through PyAV.

A file is opened as an anonymous stream of bytes: its name and extension mean nothing, and a playlist inside it cannot
make the decoder open other files or addresses. Frames come one at a time, so memory depends on the frames that are
kept, never on the length of the file. Sizes are bounded before anything is allocated.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import torch
from torch import Tensor

from ..types import UserError, VideoClip, warn

MAX_PIXELS = 2**26  # of one source frame: twice 8K video
MAX_AUDIO_VALUES = 2**28  # samples times channels: 1 GiB
FIRST_FRAME_SECONDS = 8.0  # a file that has shown no picture by then is given up
_REORDER = 64  # packets: more than any codec keeps frames back
_DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}  # also where the picture is larger than its container says
_OPTIONS = _DECODER_OPTIONS | {"protocol_whitelist": "none"}  # no file or address but the bytes we hand over
_DECODER_ERRORS = (av.FFmpegError, ValueError, OSError)


class DamagedVideoWarning(UserWarning):
    """Some of the file could not be decoded; the frames that could be were loaded."""


@dataclass(frozen=True)
class VideoHeader:
    """What the file says of itself. It may be wrong."""

    width: int  # px, as stored: before rotation
    height: int
    rate: float  # frames per second, averaged over the file
    tick: float  # seconds: resolution of the time stamps
    aspect: float  # width of a stored pixel in heights
    frames: int | None  # how many; None = the file does not say
    is_counted: bool  # `frames` was counted when the file was written, not worked out here from its length
    seconds: float | None  # length of the video stream; None = the file does not say


@dataclass(frozen=True)
class SourceFrame:
    """One decoded frame, not yet turned into a picture."""

    index: int  # in the file, in order of display
    time: float  # seconds; never less than the frame's before
    seconds: float  # how long it is shown
    frame: av.VideoFrame


# ---------------------------------------------------------------------------------------------------------- reading


class VideoReader:
    """An open video: its header, and its frames one at a time. Made by `open_video`."""

    def __init__(self, container, stream, name: str):
        self._container, self._stream, self._name = container, stream, name
        self.header = _header(container, stream, name)

    def frames(self) -> Iterator[SourceFrame]:
        """Decodes in order of display. Packets that cannot be decoded are left out, and an end that comes earlier
        than the header says is accepted, each with a `DamagedVideoWarning`. Raises `UserError` if there is no picture.
        """
        header, opened = self.header, time.monotonic()
        index, last, bad, warned = 0, -math.inf, False, False
        for packet in self._packets():
            try:
                decoded = self._stream.decode(packet)
            except _DECODER_ERRORS:
                bad, decoded = True, []
            for frame in decoded:
                at = _seconds(frame)
                last = max(last, index / header.rate if at is None else at)
                shown = float((frame.duration or 0) * (frame.time_base or 0)) or 1.0 / header.rate
                if bad and not warned:
                    warned = True
                    self._warn("some of its packets cannot be decoded, their frames are left out")
                yield SourceFrame(index, last, shown, frame)
                index += 1
            if index == 0 and time.monotonic() - opened > FIRST_FRAME_SECONDS:
                break
        if index == 0:
            raise UserError(
                f"'{self._name}' shows no picture: expected at least one frame that decodes, got none. "
                "The file is truncated, damaged or of a codec that is not supported: convert it to H.264 mp4."
            )
        first = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        seconds = last - first + 1.0 / header.rate
        if header.seconds is not None and seconds < 0.95 * header.seconds - 2.0 / header.rate:
            self._warn(f"its {index} frames last {seconds:.2f} s, its header says {header.seconds:.2f} s")

    def time_of(self, index: int) -> float | None:
        """Seconds at which frame number `index` is shown, from the packets without decoding; None if there is no
        such frame. Moves the reader, so call it on one that has given no frames.
        """
        stamps = []
        for packet in self._packets():
            if packet is not None and packet.pts is not None:
                stamps.append(packet.pts)
            if len(stamps) > index + _REORDER:
                break
        return float(sorted(stamps)[index] * self._stream.time_base) if index < len(stamps) else None

    def _packets(self):
        """Packets of the video stream and what flushes the decoder at the end, also where reading breaks off."""
        try:
            yield from self._container.demux(self._stream)
        except _DECODER_ERRORS:
            yield None

    def _warn(self, what: str) -> None:
        text = f"'{self._name}' is truncated or damaged: {what}. What could be decoded is used; convert the file again."
        warn(text, DamagedVideoWarning)


@contextmanager
def open_video(path: str | Path) -> Iterator[VideoReader]:
    """Opens a video or a still picture whose extension may be wrong. Raises `UserError` if there is no such file, it
    is empty, it is not a video, has no video stream, or its frames are larger than `MAX_PIXELS`.
    """
    with _open_container(path) as container:
        stream = next((s for s in container.streams.video if not _is_cover(s)), None)
        if stream is None:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing: it is truncated or damaged"
            raise UserError(
                f"'{Path(path).name}' has no video stream: expected a video or a picture, got {kinds}. Choose or copy another file."
            )
        if stream.codec_context is None:
            raise UserError(f"no decoder for the video in '{Path(path).name}'. Convert it to H.264 mp4.")
        stream.thread_count = 2
        stream.codec_context.options = _DECODER_OPTIONS
        yield VideoReader(container, stream, Path(path).name)


@contextmanager
def _open_container(path: str | Path):
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no video '{path.name}' in '{path.parent}': expected a file. Check the name.")
    if path.stat().st_size == 0:
        raise UserError(f"'{path.name}' is empty: expected a video, got 0 bytes. Copy or download it again.")
    with open(path, "rb") as file:
        try:
            container = av.open(_Nameless(file), options=_OPTIONS, metadata_errors="ignore")
        except _DECODER_ERRORS as error:
            raise UserError(
                f"'{path.name}' cannot be read: expected a video or a picture, got something else, or a file that is "
                f"truncated (an mp4 has its index at the end) ({type(error).__name__}). Copy or convert it again."
            ) from error
        with container:
            yield container


class _Nameless:
    """A file without its name: with one, the decoder would guess the format by the extension."""

    def __init__(self, file):
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _seconds(frame) -> float | None:
    """When a picture or a block of sound begins; None if it has no time stamp."""
    return None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def _is_cover(stream) -> bool:
    """Is this the cover picture of a sound file?"""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _header(container, stream, name: str) -> VideoHeader:
    width, height = stream.width, stream.height
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise UserError(
            f"'{name}' cannot be used: expected frames of 1 to {MAX_PIXELS} px (8192 x 8192), got {width} x {height} "
            "or a size that cannot be read. Choose another file, or scale it down first."
        )
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if not 1e-3 <= rate <= 1e4:
        rate = 25.0  # what the decoder itself assumes of a stream without a rate
    tick = float(stream.time_base or 0)
    if stream.duration is not None:
        seconds = stream.duration * tick
    elif container.duration is not None and len(container.streams) == 1:
        seconds = container.duration / av.time_base
    else:
        seconds = None
    length = seconds if container.duration is None else container.duration / av.time_base
    frames = stream.frames or (None if length is None else math.ceil(length * rate))
    aspect = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    aspect = aspect if 0.1 <= aspect <= 10.0 else 1.0  # absurd, so nobody meant it
    return VideoHeader(width, height, rate, tick, aspect, frames, bool(stream.frames), seconds)


# ------------------------------------------------------------------------------------------------------------- audio


def read_audio(path: str | Path, clip: VideoClip) -> tuple[Tensor, int] | None:
    """The sound of the file `path` while the frames of `clip`, loaded from it, are shown: (1, channels, samples)
    float32 and the sample rate in Hz, silent where the file has none; None if it has no audio at all. Sample 0 is the
    moment of the clip's first frame, the length is that of the clip.
    """
    with open_video(path) as video:
        start = video.time_of(int(clip.source_index[0]))
    seconds = len(clip) / clip.fps
    with _open_container(path) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None or stream.codec_context is None or start is None:
            return None
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        samples = round(seconds * rate)
        if not (rate > 0 and 0 < channels <= 64 and 0 < samples * channels <= MAX_AUDIO_VALUES):
            raise UserError(
                f"the sound of '{Path(path).name}' cannot be read: got {channels} channels at {rate} Hz for "
                f"{seconds:.1f} s, expected at most {MAX_AUDIO_VALUES} values. Load fewer frames, or a file without "
                "sound."
            )
        sound = torch.zeros(channels, samples)
        for at, values in _audio_blocks(container, stream):
            offset = round((at - start) * rate)
            if offset >= samples:
                break
            first, after = max(0, -offset), min(values.shape[1], samples - offset)
            if first < after:
                sound[:, offset + first : offset + after] = values[:, first:after]
    return sound[None], rate


def _audio_blocks(container, stream) -> Iterator[tuple[float, Tensor]]:
    """(time in seconds, samples (channels, n) float32) in order; ends where the file can be read no further."""
    context = stream.codec_context
    resampler = av.AudioResampler(format="fltp", layout=context.layout, rate=context.sample_rate)
    played = 0
    try:
        for frame in container.decode(stream):
            at = _seconds(frame)
            at = played / frame.sample_rate if at is None else at
            played += frame.samples
            for block in resampler.resample(frame):
                yield at, torch.from_numpy(block.to_ndarray())
    except _DECODER_ERRORS:
        return


# ----------------------------------------------------------------------------------------------------------- writing


def write_video(path: str | Path, clip: VideoClip, crf: int = 12) -> None:
    """Writes the clip as H.264 mp4 (yuv420p, plays everywhere). `crf`: 0 = lossless .. 51 = worst."""
    if not (math.isfinite(clip.fps) and 1e-3 <= clip.fps <= 1e3):
        raise UserError(f"a video can be written at 0.001 to 1000 frames per second: got {clip.fps}.")
    height, width = clip.size
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        rate = Fraction(clip.fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, height, "yuv420p", 2
        for frame in clip.frames:
            values = (frame.permute(1, 2, 0) * 255.0).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
        container.mux(stream.encode())
