"""A tuned LoRA as a file, in the names that ComfyUI's LoRA loaders and most other programs read.

A layer `down_blocks.0...attn1.to_q` becomes `lora_unet_down_blocks_0_..._attn1_to_q` with `.lora_up.weight`,
`.lora_down.weight` and `.alpha`. The file also says what it was trained on, so that the same training is not done twice,
and a training that was broken off goes on where it was (`unfinished`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..types import UserError
from ..warning import warn
from .unfinished import NOT_KEPT, Unfinished, write

PREFIX = "lora_unet_"
ENDINGS = {".lora_A.weight": ".lora_down.weight", ".lora_B.weight": ".lora_up.weight"}  # peft's, the common ones
TRAINED_ON, LOSSES = "drag_a_video_trained_on", "drag_a_video_losses"  # entries of the file's metadata


@dataclass(frozen=True)
class LoraStore:
    """Where a training keeps what it makes."""

    file: Path | None = None  # of the finished LoRA; None: it is not kept
    unfinished: Unfinished = NOT_KEPT  # for trainings that were broken off, or have no file

    def check(self) -> None:
        """UserError, before the training, if the file exists and is somebody else's."""
        if self.file is not None and self.file.exists() and TRAINED_ON not in _metadata(self.file):
            raise UserError(
                f"the LoRA file {self.file.name} exists and was not made by Drag-A-Video: expected a free name, to "
                "overwrite "
                "nothing of yours. Choose another 'save_as'."
            )

    def finished(self, fingerprint: str) -> tuple[dict[str, Tensor], tuple[float, ...]] | None:
        """The LoRA (common names) and its losses, if the file is there and was trained on exactly this."""
        if self.file is None or not self.file.exists():
            return None
        metadata = _metadata(self.file)
        if metadata.get(TRAINED_ON) != fingerprint:
            return None
        try:
            losses = tuple(float(loss) for loss in json.loads(metadata[LOSSES]))
            with safe_open(str(self.file), "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, losses  # noqa: SIM118  safe_open is no dict
        except (SafetensorError, LookupError, TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise UserError(
                f"the LoRA file {self.file.name} is damaged: expected what was trained before ({type(error).__name__}). "
                "Delete it, or choose another 'save_as'."
            ) from error

    def keep(self, lora: dict[str, Tensor], losses: tuple[float, ...], fingerprint: str) -> bool:
        """Write the finished LoRA (common names) if it has a file; a warning where that fails. Whether it is kept."""
        if self.file is None:
            return False
        metadata = {TRAINED_ON: fingerprint, LOSSES: json.dumps([round(loss, 6) for loss in losses])}
        try:
            write(self.file, lora, metadata)
        except OSError as error:
            warn(
                f"the LoRA could not be written to {self.file.name} ({error}); the edit goes on with it. Free some space "
                "in models/loras, or make the folder writable.",
            )
            return False
        return True


NO_STORE = LoraStore()


def common_names(lora: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adapters in peft's names, whose alpha is their rank, to the names that others read."""
    renamed = {}
    for name, weight in lora.items():
        layer, ending = _split(name)
        key = PREFIX + layer.replace(".", "_")
        renamed[key + ENDINGS[ending]] = weight.contiguous()
        if ENDINGS[ending] == ".lora_down.weight":  # (rank, columns)
            renamed[key + ".alpha"] = torch.tensor(float(len(weight)))
    return renamed


def peft_names(lora: dict[str, Tensor], like: dict[str, Tensor]) -> dict[str, Tensor]:
    """The way back, to the names of `like`; UserError where a weight is missing, has another shape, or is no number."""
    renamed = {}
    for name, wanted in like.items():
        layer, ending = _split(name)
        key = PREFIX + layer.replace(".", "_") + ENDINGS[ending]
        weight = lora.get(key)
        if weight is None or weight.shape != wanted.shape or not _is_finite(weight):
            raise UserError(
                f"the LoRA has no {key} of shape {tuple(wanted.shape)} and finite numbers: expected one that was tuned on this "
                "model. Delete it, or choose another 'save_as'."
            )
        renamed[name] = weight
    return renamed


def _is_finite(weight: Tensor) -> bool:
    return weight.is_floating_point() and bool(torch.isfinite(weight.float()).all())


def _split(name: str) -> tuple[str, str]:
    for ending in ENDINGS:
        if name.endswith(ending):
            return name.removesuffix(ending), ending
    raise ValueError(f"a weight of an adapter in peft's names is expected: got {name}")


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(str(path), "pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError):
        return {}
