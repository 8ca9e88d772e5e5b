"""Animated WebP, which FFmpeg's decoder leaves out, read by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ..types import UserError
from .container import MAX_PIXELS, VideoHeader

_TICK = Fraction(1, 1000)  # WebP counts milliseconds
_SHORTEST = 10  # ms: what browsers show of a frame that says less


def is_animated_webp(path: str | Path) -> bool:
    """Whether it is one, by the file's first bytes (the VP8X chunk's flag for animation)."""
    try:
        with open(path, "rb") as file:
            start = file.read(21)
    except OSError:
        return False
    return start[:4] == b"RIFF" and start[8:16] == b"WEBPVP8X" and len(start) == 21 and bool(start[20] & 2)


def webp_header(path: str | Path) -> VideoHeader:
    """Raises `UserError` where it cannot be read."""
    with _open(path) as picture:
        frames = getattr(picture, "n_frames", 1)
        picture.seek(0)
        picture.load()
        rate = Fraction(1000, _milliseconds(picture))
        return VideoHeader(picture.width, picture.height, rate, _TICK, Fraction(1), frames, True, None, has_sound=False)


def webp_frames(path: str | Path) -> Iterator[av.VideoFrame]:
    """The frames with their times, as RGB or RGBA. Raises an `OSError` or a `ValueError` where it is damaged."""
    at = 0
    with _open(path) as picture:
        layout = "RGBA" if picture.mode == "RGBA" else "RGB"
        for index in range(getattr(picture, "n_frames", 1)):
            picture.seek(index)
            frame = av.VideoFrame.from_ndarray(np.array(picture.convert(layout)), format="rgba" if layout == "RGBA" else "rgb24")
            frame.pts, frame.time_base = at, _TICK
            at += _milliseconds(picture)
            yield frame


def _open(path: str | Path) -> Image.Image:
    try:
        picture = Image.open(path, formats=["WEBP"])
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(
            f"'{Path(path).name}' cannot be read: expected an animated WebP, got one that is damaged or too large "
            f"({type(error).__name__}). Save it again."
        ) from error
    if picture.width * picture.height > MAX_PIXELS:
        picture.close()
        raise UserError(
            f"'{Path(path).name}' cannot be used: expected frames of at most {MAX_PIXELS} px (8192 x 8192), got "
            f"{picture.width} x {picture.height}. Scale it down first."
        )
    return picture


def _milliseconds(picture: Image.Image) -> int:
    return max(_SHORTEST, int(picture.info.get("duration") or 0))
