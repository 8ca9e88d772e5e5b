"""Segment Anything (Kirillov et al. 2023), which splits the point sets into foreground and background (Sec. 3.2).

The dear step, the embedding of a frame, is apart from the cheap one, a mask for some points: each frame is embedded
once, and its embedding kept on the CPU. Weights come from a file, with no code in it run.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..types import UserError
from .given import check_count

MAX_FILE_BYTES = 6 * 2**30  # vit_h in float32 has 2.6 GB
MAX_EMBEDDINGS = 64  # kept, 4 MiB each
WHERE_TO_GET_IT = (
    "Download sam_vit_b_01ec64.pth (or vit_l, vit_h) from the links in the README of facebookresearch/segment-anything "
    "and put it into models/sams"
)
_KINDS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}  # by the width of the image encoder


def load_sam(path: str | Path, device: torch.device | str = "cpu") -> torch.nn.Module:
    """The SAM in a .pth or .safetensors checkpoint of vit_b, vit_l or vit_h, told apart by its shapes, in float32 and
    eval mode on `device`. Raises `UserError` if the file is missing or is not a SAM checkpoint.
    """
    from segment_anything import sam_model_registry

    path = Path(path)
    weights = _read_weights(path)
    position = weights.get("image_encoder.pos_embed")
    kind = _KINDS.get(position.shape[-1]) if isinstance(position, Tensor) and position.ndim == 4 else None
    if kind is None:
        raise _not_sam(path, "no image encoder of vit_b, vit_l or vit_h")
    with torch.device("meta"):  # shapes without numbers: nothing is drawn at random only to be overwritten
        sam = sam_model_registry[kind]()
    wanted = {name: tuple(value.shape) for name, value in sam.state_dict().items()}
    got = {name: tuple(value.shape) if _is_weight(value) else None for name, value in weights.items()}
    if wanted != got:
        odd = sorted(str(name) for name in wanted.keys() | got.keys() if wanted.get(name, 0) != got.get(name, 0))
        raise _not_sam(path, f"a {kind} in which {len(odd)} weights differ, the first is {odd[0][:80]!r}")
    sam.load_state_dict({name: value.float() for name, value in weights.items()}, assign=True)
    sam.pixel_mean = torch.tensor([123.675, 116.28, 103.53]).reshape(3, 1, 1)  # not in the checkpoint
    sam.pixel_std = torch.tensor([58.395, 57.12, 57.375]).reshape(3, 1, 1)
    sam.file = path  # SamSegmenter tells where it comes from
    return sam.eval().requires_grad_(False).to(device)


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"there is no SAM file '{path.name}' in '{path.parent}'. {WHERE_TO_GET_IT}.")
    size = _unpacked_bytes(path)
    if size > MAX_FILE_BYTES:
        raise _not_sam(path, f"{size / 2**30:.1f} GiB, more than any SAM has")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            weights = load_file(str(path))
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file fails in as many ways as there are files
        raise _not_sam(path, f"a file that cannot be read ({type(error).__name__})") from error
    if not isinstance(weights, dict):
        raise _not_sam(path, f"a {type(weights).__name__}")
    return weights


def _unpacked_bytes(path: Path) -> int:
    """Size of a file, or of what is packed inside it: a .pth is a zip, and a zip of a megabyte may hold a terabyte."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as packed:
            return max(size, sum(part.file_size for part in packed.infolist()))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):  # no zip, or one that cannot be read anyway
        return size


def _is_weight(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and value.is_floating_point()


def _not_sam(path: Path, got: str) -> UserError:
    return UserError(
        f"'{path.name}' in '{path.parent}' is not a SAM checkpoint: expected the weights of vit_b, vit_l or vit_h, "
        f"got {got}. {WHERE_TO_GET_IT}."
    )


class SamSegmenter:
    """A `Segmenter` that asks a `segment_anything` model for the thing under the points."""

    masks, asks_points = None, True

    def __init__(self, sam: torch.nn.Module, front: Tensor | None = None):
        from segment_anything import SamPredictor

        self.front = front
        self.file: Path | None = getattr(sam, "file", None)  # the checkpoint, where `load_sam` read it
        self._predictor = SamPredictor(sam)
        self._device = next(sam.parameters()).device
        self._embeddings: OrderedDict[tuple[int, bytes], tuple[Tensor, tuple[int, int]]] = OrderedDict()

    def check(self, frames: int) -> None:
        """UserError if the things in front are of another number of frames."""
        check_count("things in front", self.front, frames)

    def foreground(self, index: int, frame: Tensor, prompts: Tensor, ground: Tensor | None = None) -> Tensor:
        """Frame number `index`, its picture (3, H, W) in [0, 1], points (P, 2) on the thing and (G, 2) off it, (x, y) in pixels:
        (H, W) bool, the mask that SAM scores best. Points outside the frame are left out; with none on the thing it is empty.
        """
        places, labels = _labelled(prompts, ground, frame)
        if not labels.any():
            return torch.zeros(frame.shape[1:], dtype=torch.bool)
        self._show(index, frame)
        with torch.no_grad():
            masks, scores, _ = self._predictor.predict(places, labels, multimask_output=True)
        self._predictor.reset_image()
        return torch.from_numpy(masks[int(scores.argmax())].astype(bool))

    def free(self) -> None:
        """Gives back what the segmenter holds: embeddings are dropped, the weights leave the device. It can be used
        again, which puts them back.
        """
        self._embeddings.clear()
        self._predictor.reset_image()
        self._predictor.model.to("cpu")

    def _show(self, index: int, frame: Tensor) -> None:
        """Makes the predictor look at the frame, embedded before or now."""
        predictor, picture = self._predictor, as_bytes(frame)
        predictor.model.to(self._device)
        key = index, hashlib.blake2b(picture.tobytes(), digest_size=16, key=str(picture.shape).encode()).digest()
        if key in self._embeddings:
            self._embeddings.move_to_end(key)
            features, predictor.input_size = self._embeddings[key]
            predictor.features = features.to(self._device)
            predictor.original_size = picture.shape[:2]
            predictor.is_image_set = True
            return
        with torch.no_grad():
            predictor.set_image(picture)
        self._embeddings[key] = predictor.features.cpu(), predictor.input_size
        while len(self._embeddings) > MAX_EMBEDDINGS:
            self._embeddings.popitem(last=False)


class WrappedSamSegmenter:
    """A `Segmenter` around the inside of a SAM_MODEL of the Impact pack: `predict`, `prepare_device`, `release_device`."""

    masks, asks_points = None, True

    def __init__(self, wrapper: Any, front: Tensor | None = None):
        self._wrapper, self.front = wrapper, front

    def check(self, frames: int) -> None:
        """UserError if the things in front are of another number of frames."""
        check_count("things in front", self.front, frames)

    def foreground(self, index: int, frame: Tensor, prompts: Tensor, ground: Tensor | None = None) -> Tensor:
        """As `SamSegmenter.foreground`."""
        seen = torch.zeros(frame.shape[1:], dtype=torch.bool)
        places, labels = _labelled(prompts, ground, frame)
        if not labels.any():
            return seen
        self._wrapper.prepare_device()
        try:  # it gives all masks above the threshold, or else the best one: no mask reaches infinity
            masks = self._wrapper.predict(as_bytes(frame), places.tolist(), labels.tolist(), None, float("inf"))
        finally:
            self._wrapper.release_device()
        for mask in masks:
            seen |= torch.as_tensor(np.asarray(mask)).reshape(seen.shape) > 0
        return seen

    def free(self) -> None:
        """Nothing is held: the wrapper has its own ways."""


def _labelled(thing: Tensor, ground: Tensor | None, frame: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The points in the picture (P, 2) float32, and SAM's label of each (P,): 1 on the thing, 0 off it."""
    on, off = (points_inside(points, frame) for points in (thing, thing[:0] if ground is None else ground))
    return np.concatenate([on, off]), np.repeat([1, 0], [len(on), len(off)])


def points_inside(points: Tensor, frame: Tensor) -> np.ndarray:
    """Those of the points (P, 2) that lie in the picture (3, H, W): (P', 2) float32."""
    height, width = frame.shape[1:]
    x, y = points.detach().to("cpu", torch.float32).unbind(-1)
    is_inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)  # false for NaN too
    return torch.stack([x, y], -1)[is_inside].numpy()


def as_bytes(frame: Tensor) -> np.ndarray:
    """A picture (3, H, W) in [0, 1] as (H, W, 3) uint8."""
    return (frame.detach().to("cpu", torch.float32).permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
