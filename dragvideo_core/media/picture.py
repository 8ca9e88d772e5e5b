"""Decoded frames and image batches to the pictures that the stages work on: (3, H, W) float32 RGB in [0, 1].

A picture is turned and stretched as its file says, cut to the shape that is asked for, and resized with antialiasing.
"""

from __future__ import annotations

import math

import av
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..types import Size, UserError, VideoClip
from .colour import PLAIN, ColourTags, to_rgb
from .hdr import to_sdr
from .orientation import orientation_of


def picture(frame: av.VideoFrame, size: Size, aspect: float = 1.0, scale: bool = True, colours: ColourTags = PLAIN) -> Tensor:
    """A decoded frame, whose stored pixels are `aspect` times as wide as high, as it is meant to be seen: turned as
    its display matrix says, over black where it is transparent, in BT.709 where `colours` are HDR, cut by
    `centre_window` and resized to `size` (H, W). (3, H, W) float32 RGB in [0, 1]. Raises `UserError` for a pixel format
    that has no way to RGB.
    """
    shrink = _shrink(frame, size) if scale else 1
    stored, _ = to_rgb(frame, (frame.height // shrink, frame.width // shrink) if shrink > 1 else None)
    turn = orientation_of(frame)
    upright, aspect = turn.apply(stored), 1.0 / aspect if turn.is_quarter else aspect
    rows, columns = centre_window(upright.shape[:2], size, aspect, scale)
    seen = upright[rows, columns]
    if colours.is_hdr:
        seen = to_sdr(seen[..., :3], colours.transfer)
    window = seen.astype(np.float32) / np.iinfo(seen.dtype).max
    rgb = torch.from_numpy(window[..., :3] * window[..., 3:] if window.shape[-1] == 4 else window)
    return resize(rearrange(rgb, "h w c -> c h w"), size)


def natural_size(frame: av.VideoFrame, aspect: float = 1.0) -> Size:
    """(H, W) at which the frame is seen, each floored to a multiple of 64. Pixels that are not square are stretched,
    never shrunk. Raises `UserError` if it is smaller than 64 x 64.
    """
    seen = _seen_size((frame.height, frame.width), aspect)
    height, width = (math.floor(side + 1e-6) for side in (reversed(seen) if orientation_of(frame).is_quarter else seen))
    if height < 64 or width < 64:
        raise UserError(
            f"a clip at the source's own size needs at least 64 x 64 px: got {width} x {height}. "
            "Set 'width' and 'height' to multiples of 64 instead of 0."
        )
    return height // 64 * 64, width // 64 * 64


def centre_window(source: Size, size: Size, aspect: float = 1.0, scale: bool = True) -> tuple[slice, slice]:
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


def resize(rgb: Tensor, size: Size) -> Tensor:
    """(3, H', W') to (3, *size), antialiased; the values stay within the range of the picture's."""
    if rgb.shape[1:] != tuple(size):
        rgb = F.interpolate(rgb[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
    return rgb.clamp(0.0, 1.0).contiguous()


def _seen_size(stored: Size, aspect: float) -> tuple[float, float]:
    return stored[0] * max(1.0, 1.0 / aspect), stored[1] * max(1.0, aspect)


def _shrink(frame: av.VideoFrame, size: Size) -> int:
    """How many times smaller a very large frame can be made on its way to RGB, with twice `size` left."""
    return max(1, min(frame.width, frame.height) // (2 * max(size)))


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
    frames = rearrange(images.detach().to("cpu", torch.float32).clamp(0.0, 1.0), "n h w c -> n c h w")
    if shape[-1] == 4:
        frames = frames[:, :3] * frames[:, 3:]
    frames = frames.expand(-1, 3, -1, -1).clone(memory_format=torch.contiguous_format)
    return VideoClip(frames, torch.arange(shape[0]), float(fps))
