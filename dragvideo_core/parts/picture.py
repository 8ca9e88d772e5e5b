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


def picture(frame: av.VideoFrame, aspect: float = 1.0) -> tuple[Tensor, float]:
    """A decoded frame, whose stored pixels are `aspect` times as wide as high, as it is meant to be seen: (3, H, W)
    float32 RGB in [0, 1], turned as its display matrix says, over black where it is transparent; and the aspect of
    its pixels after turning. Raises `UserError` for a pixel format that has no way to RGB.
    """
    is_deep = any(c.bits > 8 for c in frame.format.components)
    has_alpha = frame.format.has_palette or any(c.is_alpha for c in frame.format.components)
    if has_alpha:
        layout = "rgba64le" if is_deep else "rgba"
    else:
        layout = "rgb48le" if is_deep else "rgb24"
    try:
        stored = frame.to_ndarray(format=layout)
    except (av.FFmpegError, ValueError) as error:
        raise UserError(
            f"a frame of {frame.width} x {frame.height} px in the pixel format '{frame.format.name}' cannot be turned "
            f"into RGB ({error}). Convert the video to H.264 mp4."
        ) from error
    values = torch.from_numpy(stored.astype(np.float32)) / (65535.0 if is_deep else 255.0)
    rgb = values[..., :3] * values[..., 3:] if has_alpha else values
    rgb = rgb.permute(2, 0, 1)
    turn = _display_matrix(frame)
    if turn is not None:
        (a, b), (c, d) = turn  # x' = a x + c y, y' = b x + d y: rounded to quarter turns and mirrorings
        is_quarter = abs(b) + abs(c) > abs(a) + abs(d)
        if is_quarter:
            rgb, aspect = rgb.transpose(1, 2), 1.0 / aspect
        flip_x, flip_y = (c < 0, b < 0) if is_quarter else (a < 0, d < 0)
        rgb = rgb.flip([axis for axis, flip in ((2, flip_x), (1, flip_y)) if flip])
    return rgb, aspect


def _display_matrix(frame: av.VideoFrame) -> np.ndarray | None:
    """The upper left (2, 2) of the display matrix, None if the frame has none."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None or len(bytes(data)) != 36:
        return None
    return np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2].astype(np.float64)


def natural_size(rgb: Tensor, aspect: float) -> tuple[int, int]:
    """(H, W) at which a picture (3, H', W') with pixels `aspect` times as wide as high is seen, each floored to a
    multiple of 64. Pixels that are not square are stretched, never shrunk. Raises `UserError` if it is smaller.
    """
    height, width = (math.floor(side + 1e-6) for side in _seen_size(rgb, aspect))
    if height < 64 or width < 64:
        raise UserError(
            f"a clip at the source's own size needs at least 64 x 64 px: got {width} x {height}. "
            "Set 'width' and 'height' to multiples of 64 instead of 0."
        )
    return height // 64 * 64, width // 64 * 64


def _seen_size(rgb: Tensor, aspect: float) -> tuple[float, float]:
    return rgb.shape[1] * max(1.0, 1.0 / aspect), rgb.shape[2] * max(1.0, aspect)


def fit(rgb: Tensor, size: tuple[int, int], aspect: float = 1.0, scale: bool = True) -> Tensor:
    """Cuts the largest centred window of the shape of `size` (H, W) out of a picture (3, H', W') and resizes it to
    `size`: the short side fits, the long one is cropped. With `scale=False` the window is `size` itself, if it is
    not larger than the picture. The values stay within the range of the picture's.
    """
    height, width = rgb.shape[1:]
    seen_height, seen_width = _seen_size(rgb, aspect)
    zoom = min(seen_height / size[0], seen_width / size[1])  # of the window, over `size`
    if not scale and zoom >= 1.0 - 1e-6:
        zoom = 1.0
    rows = min(height, max(1, round(size[0] * zoom * height / seen_height)))
    columns = min(width, max(1, round(size[1] * zoom * width / seen_width)))
    top, left = (height - rows) // 2, (width - columns) // 2
    window = rgb[:, top : top + rows, left : left + columns]
    if window.shape[1:] != tuple(size):
        window = F.interpolate(window[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
    return window.clamp(0.0, 1.0).contiguous()


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
