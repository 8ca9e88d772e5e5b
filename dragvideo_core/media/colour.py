"""The colours of a frame: what its tags mean, and its pixels as RGB.

A YCbCr frame is read by the matrix and the range that it is tagged with. Without a matrix it is BT.601, without a range
limited, which is how FFmpeg itself reads it, whatever its size; the RGB values are those that the `ffmpeg` program gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np

from ..types import Box, Size, UserError
from .filters import KeptChain, bits_of, views_of

# Numbers of ITU-T H.273, as FFmpeg counts them.
UNSPECIFIED = 2
FULL_RANGE, LIMITED_RANGE = 2, 1  # of FFmpeg's AVColorRange
PQ, HLG = 16, 18  # transfer characteristics
_MATRICES = {1: "bt709", 4: "fcc", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}  # every other one is read as BT.601


@dataclass(frozen=True)
class ColourTags:
    """What a file says of its colours, in the numbers of H.273; `range` in FFmpeg's."""

    matrix: int = UNSPECIFIED
    range: int = 0
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (PQ, HLG)


BESIDE = 16  # px around a part of a frame that are converted with it: no chroma value is cut, and chroma is averaged over fewer
PLAIN = ColourTags()  # of a file that says nothing


def colour_tags(frame: av.VideoFrame, context: av.VideoCodecContext) -> ColourTags:
    """Of a frame that `context` has decoded. PyAV before 17 tells primaries and transfer of the decoder only."""
    primaries = getattr(frame, "color_primaries", None) or context.color_primaries
    transfer = getattr(frame, "color_trc", None) or context.color_trc
    full = LIMITED_RANGE if int(frame.color_range) == 0 else int(frame.color_range)
    colour_range = FULL_RANGE if frame.format.name.startswith("yuvj") else full
    return ColourTags(int(frame.colorspace), colour_range, int(primaries), int(transfer))


def to_rgb(
    frame: av.VideoFrame, size: Size | None = None, chain: KeptChain | None = None, part: Box | None = None
) -> tuple[np.ndarray, bool]:
    """A decoded frame as (H, W, 3 or 4) RGB, uint8, or uint16 where it has more than 8 bits, scaled to `size` (H, W) if
    that is given, or of the frame's own size and only that part of it; and whether the fourth channel, alpha, is there. Not turned
    yet, and not to be written to. `chain`: what is kept from frame to frame of a film. Raises `UserError` for a pixel format that
    has no way to RGB.
    """
    is_deep = bits_of(frame.format) > 8
    has_alpha = frame.format.has_palette or any(c.is_alpha for c in frame.format.components)
    layout = ("rgba64le" if has_alpha else "rgb48le") if is_deep else ("rgba" if has_alpha else "rgb24")
    whole = Box(slice(0, frame.height), slice(0, frame.width))
    around = whole if part is None or _cuts_chroma(frame) else part.widened(BESIDE, whole.size)
    height, width = size or around.size
    scaling = f"{width}:{height}:flags={'area' if size else 'bicubic'}"
    filters = [("scale", scaling + _source_of(frame)), ("format", layout)]
    if around != whole:
        filters.insert(0, ("crop", f"{width}:{height}:{around.columns.start}:{around.rows.start}:exact=1"))
    try:
        rgb = views_of((chain or KeptChain()).convert(frame, *filters))[0]
    except (av.FFmpegError, ValueError) as error:
        raise UserError(
            f"a frame of {frame.width} x {frame.height} px in the pixel format '{frame.format.name}' cannot be turned "
            f"into RGB ({error}). Convert the video to H.264 mp4."
        ) from error
    if part is not None:
        inside = part.within(around)
        rgb = rgb[inside.rows, inside.columns]
    return rgb, has_alpha


def over_black(values: np.ndarray) -> np.ndarray:
    """RGBA (H, W, 4) uint8 or uint16 to RGB of the same type."""
    most = np.iinfo(values.dtype).max
    rgb = values[..., :3].astype(np.float32) * (values[..., 3:].astype(np.float32) / most)
    return np.rint(rgb).astype(values.dtype)


def matrix_and_range(tags: ColourTags) -> tuple[str, str]:
    """The names that FFmpeg's `scale` has for them."""
    return _MATRICES.get(tags.matrix, "smpte170m"), "full" if tags.range == FULL_RANGE else "limited"


def is_ycbcr(pixels: av.VideoFormat) -> bool:
    """Is a matrix needed on the way to RGB? Not from RGB, palettes and grey."""
    return not pixels.is_rgb and not pixels.has_palette and len([c for c in pixels.components if not c.is_alpha]) > 1


def is_grey(pixels: av.VideoFormat) -> bool:
    """Grey alone, without alpha"""
    return len(pixels.components) == 1 and not pixels.has_palette


def _cuts_chroma(frame: av.VideoFrame) -> bool:
    """Does the last chroma value of a line or a column belong to fewer pixels than the others? FFmpeg then stretches the chroma
    over the picture, so that a part of it by itself would look different."""
    pixels = frame.format
    return frame.width * pixels.chroma_width(64) % 64 > 0 or frame.height * pixels.chroma_height(64) % 64 > 0


def _source_of(frame: av.VideoFrame) -> str:
    if not is_ycbcr(frame.format):
        return ""
    is_full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    matrix, colour_range = matrix_and_range(ColourTags(int(frame.colorspace), FULL_RANGE if is_full else LIMITED_RANGE))
    return f":in_color_matrix={matrix}:in_range={colour_range}"
