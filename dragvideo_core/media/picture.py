"""Decoded frames and image batches to the pictures that the stages work on: (3, H, W) float32 RGB in [0, 1].

A picture is turned and stretched as its file says, cut to the shape that is asked for, and resized with antialiasing.
"""

from __future__ import annotations

import math

import av
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..types import UserError, VideoClip


def picture(frame: av.VideoFrame, size: tuple[int, int], aspect: float = 1.0, scale: bool = True) -> Tensor:
    """A decoded frame, whose stored pixels are `aspect` times as wide as high, as it is meant to be seen: turned as
    its display matrix says, over black where it is transparent, cut by `centre_window` and resized to `size` (H, W).
    (3, H, W) float32 RGB in [0, 1]. Raises `UserError` for a pixel format that has no way to RGB.
    """
    stored, has_alpha = _stored_values(frame, _shrink(frame, size) if scale else 1)
    turn = _Turn(frame)
    upright, aspect = turn.apply(stored), 1.0 / aspect if turn.is_quarter else aspect
    rows, columns = centre_window(upright.shape[:2], size, aspect, scale)
    window = upright[rows, columns].astype(np.float32) / np.iinfo(upright.dtype).max
    rgb = torch.from_numpy(window[..., :3] * window[..., 3:] if has_alpha else window)
    return resize(rgb.permute(2, 0, 1), size)


def natural_size(frame: av.VideoFrame, aspect: float = 1.0) -> tuple[int, int]:
    """(H, W) at which the frame is seen, each floored to a multiple of 64. Pixels that are not square are stretched,
    never shrunk. Raises `UserError` if it is smaller than 64 x 64.
    """
    seen = _seen_size((frame.height, frame.width), aspect)
    height, width = (math.floor(side + 1e-6) for side in (reversed(seen) if _Turn(frame).is_quarter else seen))
    if height < 64 or width < 64:
        raise UserError(
            f"a clip at the source's own size needs at least 64 x 64 px: got {width} x {height}. "
            "Set 'width' and 'height' to multiples of 64 instead of 0."
        )
    return height // 64 * 64, width // 64 * 64


def centre_window(source: tuple[int, int], size: tuple[int, int], aspect: float = 1.0, scale: bool = True) -> tuple[slice, slice]:
    """Rows and columns of the largest centred window of the shape of `size` (H, W) in a `source` (H', W') with pixels
    `aspect` times as wide as high: resized to `size`, the short side fits and the long one is cropped. With
    `scale=False` the window has the size of `size` itself, if the source is not smaller.
    """
    seen_height, seen_width = _seen_size(source, aspect)
    zoom = min(seen_height / size[0], seen_width / size[1])  # of the window, over `size`
    if not scale and zoom >= 1.0 - 1e-6:
        zoom = 1.0
    rows = min(source[0], max(1, round(size[0] * zoom * source[0] / seen_height)))
    columns = min(source[1], max(1, round(size[1] * zoom * source[1] / seen_width)))
    top, left = (source[0] - rows) // 2, (source[1] - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def resize(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    """(3, H', W') to (3, *size), antialiased; the values stay within the range of the picture's."""
    if rgb.shape[1:] != tuple(size):
        rgb = F.interpolate(rgb[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
    return rgb.clamp(0.0, 1.0).contiguous()


def _seen_size(stored: tuple[int, int], aspect: float) -> tuple[float, float]:
    return stored[0] * max(1.0, 1.0 / aspect), stored[1] * max(1.0, aspect)


def _shrink(frame: av.VideoFrame, size: tuple[int, int]) -> int:
    """How many times smaller a very large frame can be made on its way to RGB, with twice `size` left."""
    return max(1, min(frame.width, frame.height) // (2 * max(size)))


def _stored_values(frame: av.VideoFrame, shrink: int) -> tuple[np.ndarray, bool]:
    """(H, W, 3 or 4) uint8 or uint16, not turned yet; and whether the fourth channel, alpha, is there."""
    is_deep = any(c.bits > 8 for c in frame.format.components)
    has_alpha = frame.format.has_palette or any(c.is_alpha for c in frame.format.components)
    layout = ("rgba64le" if is_deep else "rgba") if has_alpha else "rgb48le" if is_deep else "rgb24"
    try:
        return frame.to_ndarray(
            format=layout, width=frame.width // shrink, height=frame.height // shrink, interpolation="AREA"
        ), has_alpha
    except (av.FFmpegError, ValueError) as error:
        raise UserError(
            f"a frame of {frame.width} x {frame.height} px in the pixel format '{frame.format.name}' cannot be turned "
            f"into RGB ({error}). Convert the video to H.264 mp4."
        ) from error


class _Turn:
    """The display matrix of a frame, rounded to quarter turns and mirrorings."""

    def __init__(self, frame: av.VideoFrame):
        data = frame.side_data.get("DISPLAYMATRIX")
        values = [1, 0, 0, 0, 1] if data is None else np.frombuffer(bytes(data), np.int32)[:5].tolist()
        a, b, _, c, d = values  # x' = a x + c y, y' = b x + d y
        self.is_quarter = abs(b) + abs(c) > abs(a) + abs(d)
        self._flip_x, self._flip_y = (c < 0, b < 0) if self.is_quarter else (a < 0, d < 0)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """(H, W, C), as stored, to a view of it as it is meant to be seen"""
        if self.is_quarter:
            values = values.swapaxes(0, 1)
        return values[:: -1 if self._flip_y else 1, :: -1 if self._flip_x else 1]


def clip_from_frames(images: Tensor, fps: float) -> VideoClip:
    """A ComfyUI IMAGE batch, (N, H, W, C) float in [0, 1] with C = 1 (grey), 3 (RGB) or 4 (RGBA, put over black), and
    its frame rate as a `VideoClip`. Values beyond [0, 1] are clipped. Raises `UserError` for anything else.
    """
    shape = tuple(images.shape)
    if images.ndim != 4 or shape[-1] not in (1, 3, 4) or not images.is_floating_point():
        raise UserError(
            "frames must be an IMAGE batch of shape (N, H, W, C), floats in [0, 1], C = 1 (grey), 3 (RGB) or 4 (RGBA): "
            f"got shape {shape}, {images.dtype}. Wire in an IMAGE output, not a MASK or LATENT."
        )
    if not (math.isfinite(fps) and fps > 0):
        raise UserError(f"the frame rate must be a number above 0: got {fps}. Wire in the loader's fps.")
    frames = images.detach().to("cpu", torch.float32).clamp(0.0, 1.0).movedim(-1, 1)
    if shape[-1] == 4:
        frames = frames[:, :3] * frames[:, 3:]
    frames = frames.expand(-1, 3, -1, -1).clone(memory_format=torch.contiguous_format)
    return VideoClip(frames, torch.arange(shape[0]), float(fps))
