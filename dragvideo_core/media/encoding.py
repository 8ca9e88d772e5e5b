"""How a film is written: the codec, the pixel format, and the options that make it lossless where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from ..types import Size, UserError
from .colour import is_grey, is_ycbcr
from .filters import bits_of

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}  # of a file's ending
WORST = 51  # CRF


@dataclass(frozen=True)
class Codec:
    """An encoder and what it can hold."""

    encoder: str
    containers: tuple[str, ...]
    depths: tuple[int, ...]  # bits per value
    tag: str | None = None  # in mp4 and mov, where the usual one is not what players look for


CODECS = {
    "h264": Codec("libx264", ("mp4", "mov", "matroska"), (8, 10)),
    "hevc": Codec("libx265", ("mp4", "mov", "matroska"), (8, 10, 12), tag="hvc1"),
    "ffv1": Codec("ffv1", ("matroska",), (8, 10, 12, 16)),
}


def container_for(path: Path, codec: str, quality: int) -> str:
    """FFmpeg's name of the container for a file of that name. Raises `UserError` where it cannot hold the codec."""
    if codec not in CODECS:
        raise UserError(f"a film can be written as {', '.join(CODECS)}: got '{codec}'. Choose one of them.")
    if not 0 <= quality <= WORST:
        raise UserError(f"'quality' must be 0 (lossless) to {WORST} (worst): got {quality}.")
    endings = [ending for ending, name in CONTAINERS.items() if name in CODECS[codec].containers]
    if path.suffix.lower() not in endings:
        raise UserError(f"a film in {codec} needs a file ending in {' or '.join(endings)}: got '{path.name}'. Rename it.")
    return CONTAINERS[path.suffix.lower()]


def options_for(codec: str, quality: int) -> dict[str, str]:
    """The encoder's options. `quality` 0 = lossless: CRF 0 is not, at more than 8 bits."""
    if codec == "ffv1":
        return {"level": "3", "slicecrc": "1", "g": "1"}
    if quality > 0:
        return {"crf": str(quality)} | ({"x265-params": "log-level=error"} if codec == "hevc" else {})
    return {"qp": "0"} if codec == "h264" else {"x265-params": "log-level=error:lossless=1"}


def pixels_for(source: av.VideoFormat, codec: str, size: Size, is_quarter: bool) -> str:
    """The pixel format nearest to `source` that the codec holds in frames of `size` (H, W): no fewer bits than the
    source as far as the codec goes, no less chroma. Turned 4:2:2 needs 4:4:4, and so do odd sizes in all but FFV1.
    """
    depths = CODECS[codec].depths
    bits = next((depth for depth in depths if depth >= bits_of(source)), depths[-1])
    suffix = "" if bits == 8 else f"{bits}le"
    if codec == "ffv1" and is_grey(source):
        return "gray" + suffix
    halved = (is_grey(source),) * 2  # which has no chroma to lose
    if is_ycbcr(source):
        halved = source.chroma_width(64) <= 32, source.chroma_height(64) <= 32
    if is_quarter:
        halved = halved[::-1]
    if codec != "ffv1" and ((halved[0] and size[1] % 2) or (halved[1] and size[0] % 2)):
        halved = False, False
    chroma = {(True, True): "420", (True, False): "422"}.get(halved, "444")
    return f"yuv{chroma}p{suffix}"
