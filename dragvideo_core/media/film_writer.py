"""A film, written frame by frame: like another in size, times, sound, aspect and colours.

It is written under another name in the same folder and moved when it is whole: a full disk, a crash or a cancelled run
leave nothing half-written under the film's name.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from ..types import Box, UserError
from .colour import ColourTags
from .encoding import CODECS, container_for, options_for, pixels_for
from .film import Film, FilmFrame
from .filters import FilterChain, KeptChain
from .sound_copy import SoundCopy, sound_start
from .stored import from_rgb, keeps_planes, tags_to_write, upright, with_edit

GOOD = 12  # CRF that nobody tells from the source
X265_DELAY = 2  # frames: of a film without more than these x265 gives packets whatever lay in memory as decoding time
_TICK = Fraction(1, 90_000)  # seconds, where the source has no clock
_FAILED = (OSError, av.FFmpegError)
_NOT_COPIED = ("encoder", "major_brand", "minor_version", "compatible_brands")  # of this file, not of the film


class FilmWriter:
    """Use in a `with`: leaving it without an error puts the film in its place, leaving it with one removes all of it.

    `codec`: "h264", "hevc" (both in .mp4, .mov, .mkv) or "ffv1" (lossless; .mkv). `quality`: CRF, 0 = lossless to
    51 = worst. A 10-bit film stays one. .mkv keeps times to the millisecond, the others exactly. Raises `UserError`
    where the codec does not go with the file's ending, the folder is missing, or the file is the film itself.
    """

    def __init__(self, path: str | Path, like: Film, codec: str = "h264", quality: int = GOOD):
        self.path, self._film, self._codec = Path(path), like, codec
        container = container_for(self.path, codec, quality)
        _check_place(self.path, like)
        first = like.first.frame
        self._tags = tags_to_write(like.colours, like.is_toned, first.format)
        self._pixels = pixels_for(first.format, codec, like.size, like.orientation.is_quarter)
        self._keeps_planes = keeps_planes(first.format, self._pixels) and not like.is_toned
        self._tick = like.header.tick or _TICK
        self._origin = min(at for at in (like.first.time, sound_start(like)) if at is not None)
        self._to_rgb, self._from_rgb, self._from_whole = KeptChain(), KeptChain(), KeptChain()
        self._count = 0  # frames written
        self._last: int | None = None  # the time of the last frame, in ticks
        self._durations: dict[int, int] = {}  # of frames inside the encoder, by their time, in ticks
        self._unfinished = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        options = {"movflags": "+faststart+use_metadata_tags"} if container != "matroska" else {}
        self._output = av.open(str(self._unfinished), "w", format=container, options=options)
        try:
            self._stream = self._video_stream(codec, quality)
            self._sound = SoundCopy(like, self._output)
        except BaseException:
            self._remove()
            raise

    def _video_stream(self, codec: str, quality: int) -> av.VideoStream:
        film, wanted = self._film, CODECS[codec]
        rate = film.header.rate.limit_denominator(1_000_000)
        stream = self._output.add_stream(wanted.encoder, rate=rate, options=options_for(codec, quality))
        context = stream.codec_context
        context.height, context.width = film.size
        context.pix_fmt, context.time_base = self._pixels, self._tick
        context.sample_aspect_ratio = film.aspect
        context.colorspace, context.color_range = self._tags.matrix, self._tags.range
        context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer
        if wanted.tag is not None and self._output.format.name != "matroska":
            context.codec_tag = wanted.tag
        self._output.metadata.update({k: v for k, v in film.metadata.items() if k not in _NOT_COPIED})
        return stream

    def write(self, frame: FilmFrame, rgb: np.ndarray | None = None) -> None:
        """The next frame: as it is, or as `rgb` (H, W, 3) shows it, of the type of `frame.rgb`; pixels that `rgb` leaves
        as they are keep their stored values. Raises `UserError` where the disk is full or `rgb` does not fit."""
        if rgb is None:
            self._encode(frame, self._own(frame))
            return
        own = frame.rgb
        differs = _checked(rgb, own) != own
        changed = differs[..., 0] | differs[..., 1] | differs[..., 2]  # `any(-1)` is slow over three values
        self.write_part(frame, Box(slice(0, rgb.shape[0]), slice(0, rgb.shape[1])), changed, rgb[changed])

    def write_part(self, frame: FilmFrame, box: Box, changed: np.ndarray, values: np.ndarray) -> None:
        """The next frame: those pixels of a box that are `changed` (h, w) bool show `values` (P, 3), of the type of `frame.rgb`."""
        own = self._own(frame)
        if changed.any():
            own = with_edit(own, partial(self._shown, frame), box, changed, values, self._part_from_rgb)
        self._encode(frame, own)

    def _shown(self, frame: FilmFrame, box: Box) -> np.ndarray:
        return frame.part(box, self._to_rgb)

    def _part_from_rgb(self, rgb: np.ndarray) -> av.VideoFrame:
        return from_rgb(rgb, self._pixels, self._tags, self._from_rgb)

    def _encode(self, frame: FilmFrame, own: av.VideoFrame) -> None:
        at = round((frame.time - self._origin) / self._tick)
        at = at if self._last is None else max(at, self._last + 1)
        self._last = at
        self._count += 1
        self._durations[at] = max(1, round(frame.duration / self._tick))
        try:
            self._mux(self._stream.encode(_at(own, at, self._tick, self._tags)))
        except _FAILED as error:
            raise self._no_room(error) from error

    def _own(self, frame: FilmFrame) -> av.VideoFrame:
        """The film's own frame, upright, in the pixel format that is written."""
        if self._keeps_planes:
            return upright(frame.stored, self._pixels, self._film.orientation, self._tags)
        return from_rgb(frame.rgb, self._pixels, self._tags, self._from_whole)

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            if self._codec == "hevc" and self._count <= X265_DELAY:  # one or two frames are decoded in the order in which they show
                packet.dts = packet.pts
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._sound.copy_until(packet.dts * self._tick, self._origin)
            self._output.mux(packet)

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._remove()
            return
        try:
            if self._last is None:
                raise UserError(f"no frame was written to '{self.path.name}': expected at least one.")
            self._mux(self._stream.encode(None))
            self._sound.finish(self._origin)
            self._sound.close()
            self._output.close()
            with open(self._unfinished, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(self._unfinished, self.path)
        except _FAILED as failure:
            self._remove()
            raise self._no_room(failure) from failure
        except BaseException:
            self._remove()
            raise

    def _remove(self) -> None:
        """Takes away all that was written."""
        if hasattr(self, "_sound"):
            self._sound.close()
        with suppress(*_FAILED):  # it cannot be finished, which is why it goes
            self._output.close()
        self._unfinished.unlink(missing_ok=True)

    def _no_room(self, error: Exception) -> UserError:
        return UserError(
            f"'{self.path.name}' cannot be written to '{self.path.parent}': {getattr(error, 'strerror', None) or error}. "
            "Nothing was left there. Free some space, or choose another folder, and write it again."
        )


def _check_place(path: Path, film: Film) -> None:
    if not path.parent.is_dir():
        raise UserError(f"there is no folder '{path.parent}' to write '{path.name}' to. Make it, or choose another.")
    if path.is_dir():
        raise UserError(f"'{path}' is a folder: expected the name of a film to write. Choose another name.")
    if path.exists() and path.samefile(film.path):
        raise UserError(
            f"'{path.name}' is the film that is being read: it cannot be overwritten by its own edit. Choose another name."
        )


def _checked(rgb: np.ndarray, like: np.ndarray) -> np.ndarray:
    if rgb.shape != like.shape or rgb.dtype != like.dtype:
        raise UserError(
            f"an edited frame must be {like.shape} {like.dtype} as the film's own: got {rgb.shape} {rgb.dtype}. "
            "Scale it, or convert it."
        )
    return rgb


def _at(frame: av.VideoFrame, at: int, tick: Fraction, tags: ColourTags) -> av.VideoFrame:
    """The frame at the time `at` in ticks. A film's own frame is not changed: another stands for it where it would be."""
    if frame.pts is not None:
        if (frame.pts, frame.time_base) == (at, tick):
            return frame
        (frame,) = FilterChain(frame, ("null", "")).push(frame)
    frame.pts, frame.time_base = at, tick
    frame.colorspace, frame.color_range = tags.matrix, tags.range
    return frame
