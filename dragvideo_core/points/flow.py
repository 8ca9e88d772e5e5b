"""Dense optical flow between two pictures: OpenCV's DIS; for the smoothness score RAFT, if it is here.

RAFT (Teed and Deng 2020) is torchvision's `raft_large`. Its weights are never downloaded: they count as present when
torchvision's own file lies where torchvision itself would have put it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..types import UserError, size_of
from ..warning import warn

if TYPE_CHECKING:
    import cv2

RAFT_SIDE, RAFT_MULTIPLE = 128, 8  # px: RAFT takes pictures of at least this side, in multiples of this


@dataclass(frozen=True)
class Flow:
    """A way to measure optical flow."""

    name: str
    between: Callable[[Tensor, Tensor], Tensor]  # two pictures (3, H, W) in [0, 1] to (2, H, W) as in `optical_flow`
    reach: float = math.inf  # px at 512 x 512: what lies further away than this from a point does not matter to its flow


def optical_flow(first: Tensor, second: Tensor, halved: int = 0) -> Tensor:
    """Flow (2, H, W) in pixels, (x, y): a pixel p of `first` (3, H, W) is at p + flow[:, p] in `second`. By DIS.

    halved: so many times the pictures are halved before they are compared: each is four times as fast, and blurs small things.
    """
    flow = _dis(halved).calc(_gray(first), _gray(second), None)
    return torch.from_numpy(flow).permute(2, 0, 1)


DIS = Flow("OpenCV DIS", optical_flow, reach=96.0)


def opencv() -> ModuleType:
    """OpenCV. UserError where it is not installed."""
    try:
        import cv2
    except ImportError:
        raise UserError(
            "optical flow needs OpenCV, which is not installed. Install it into ComfyUI's Python: "
            "pip install opencv-python-headless"
        ) from None
    return cv2


def finest(device: torch.device | str = "cpu") -> Flow:
    """The best way to measure that is here: RAFT on `device` if its weights are present, else DIS.

    A file of weights that cannot be used is a warning, and DIS.
    """
    path = raft_file()
    if path is None:
        return DIS
    try:
        raft = _load_raft(path).to(device)
    except Exception as error:  # a damaged file fails in as many ways as there are files
        warn(
            f"the weights of RAFT in '{path}' cannot be used ({type(error).__name__}): the smoothness is measured with "
            f"{DIS.name} flow. Delete the file, or put torchvision's own in its place.",
        )
        return DIS
    return by_raft(raft)


def by_raft(raft: object) -> Flow:
    """The flow of a model that somebody loaded: torchvision's RAFT, large or small. UserError for anything else."""
    parts = ("feature_encoder", "context_encoder", "update_block")
    if not isinstance(raft, torch.nn.Module) or not all(hasattr(raft, part) for part in parts):
        raise UserError(
            f"expected torchvision's RAFT as optical flow: got {type(raft).__name__}. Wire in core's Load Optical Flow Model, or "
            "nothing."
        )
    model = raft
    return Flow("torchvision RAFT", lambda first, second: _raft_flow(model, first, second))


def name() -> str:
    """What the smoothness score is measured with here: the name of the `finest` flow."""
    return finest().name


def raft_file() -> Path | None:
    """torchvision's file of RAFT's weights in torch's folder of downloaded files, None if it is not there."""
    try:
        from torchvision.models.optical_flow import Raft_Large_Weights
    except ImportError:
        return None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Raft_Large_Weights.DEFAULT.url.rsplit("/", 1)[-1]
    return path if path.is_file() else None


def _load_raft(path: Path) -> torch.nn.Module:
    from torchvision.models.optical_flow import raft_large

    with torch.device("meta"):  # shapes without numbers: nothing is drawn at random only to be overwritten
        raft = raft_large(weights=None)
    raft.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), assign=True)
    return raft.float().eval().requires_grad_(False)


def _raft_flow(raft: torch.nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """As `optical_flow`, on the CPU. The pictures are continued to the right and below as far as RAFT needs."""
    height, width = size_of(first)
    missing = [max(RAFT_SIDE, -(-side // RAFT_MULTIPLE) * RAFT_MULTIPLE) - side for side in (height, width)]
    pair = torch.stack([first, second]).float().clamp(0, 1) * 2 - 1
    pair = functional.pad(pair, (0, missing[1], 0, missing[0]), mode="replicate").to(next(raft.parameters()).device)
    with torch.no_grad():
        flow = raft(pair[:1], pair[1:])[-1][0]  # of its refinements the last
    return flow[:, :height, :width].cpu()


class _OfThread(threading.local):
    """A thread's own measures of flow. They keep their memory from pair to pair: getting new takes up to a fifth of the time."""

    def __init__(self) -> None:
        self.by_halved: dict[int, cv2.DISOpticalFlow] = {}


_of_thread = _OfThread()


def _dis(halved: int) -> cv2.DISOpticalFlow:
    known = _of_thread.by_halved
    if halved not in known:
        cv2 = opencv()
        known[halved] = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        known[halved].setFinestScale(halved)
    return known[halved]


def _gray(picture: Tensor) -> np.ndarray:
    values = picture.detach().cpu().numpy()
    gray = np.float32(0.299) * values[0] + np.float32(0.587) * values[1] + np.float32(0.114) * values[2]
    return np.rint(gray.clip(0, 1) * 255).astype(np.uint8)
