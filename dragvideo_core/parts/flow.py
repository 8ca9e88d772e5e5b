"""Dense optical flow between two pictures (OpenCV's DIS), for smoothing and for the smoothness score."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..types import UserError


def optical_flow(first: Tensor, second: Tensor) -> Tensor:
    """Flow (2, H, W) in pixels, (x, y): a pixel p of `first` (3, H, W) is at p + flow[:, p] in `second`."""
    flow = _dis().calc(_gray(first), _gray(second), None)
    return torch.from_numpy(flow).permute(2, 0, 1)


def _dis():
    try:
        import cv2
    except ImportError:
        raise UserError(
            "optical flow needs OpenCV, which is not installed. Install it into ComfyUI's Python: pip install opencv-python-headless"
        ) from None
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)  # small pictures need the full resolution
    return dis


def _gray(picture: Tensor) -> np.ndarray:
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=picture.dtype)
    return (torch.einsum("chw,c->hw", picture.cpu().clamp(0, 1), weights) * 255).round().byte().numpy()
