"""Masks as files beside a job: a grey PNG for one, a `.safetensors` file with the tensor `mask` (N, H, W) for one or many.

Such a file may come from anybody: its size is looked at before it is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..types import UserError
from .unfinished import ENDING, write

NAME = "mask"  # of the tensor
MOST_PIXELS, MOST_MASKS = 2**26, 2**31  # of one mask; of all masks in a file together


def write_mask(path: Path, mask: Tensor) -> None:
    """Write masks (N, H, W) in [0, 1] as they are. UserError where that cannot be."""
    try:
        write(path, {NAME: mask.detach().cpu().float()})
    except OSError as error:
        raise UserError(f"the mask could not be written to '{path}': {error}. Free some space, and run it again.") from error


def read_mask(path: Path) -> Tensor:
    """The masks of a file: (N, H, W) float32 in [0, 1]. UserError for any other file."""
    try:
        return _tensor(path) if path.suffix.lower() == ENDING else _picture(path)
    except (OSError, SafetensorError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        raise _wrong(path, f"one that cannot be read ({str(error)[:200]})") from error


def _picture(path: Path) -> Tensor:
    with Image.open(path, formats=["PNG"]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise _wrong(path, f"{image.width} x {image.height} pixels")
        is_deep = image.mode.startswith("I")  # 16 bits
        values = np.asarray(image if is_deep else image.convert("L")).astype(np.float32)
    return torch.from_numpy(values / (2**16 - 1 if is_deep else 2**8 - 1))[None]


def _tensor(path: Path) -> Tensor:
    with safe_open(str(path), "pt") as file:
        if NAME not in file.keys():  # noqa: SIM118  safe_open is no dict
            raise _wrong(path, f"one without '{NAME}'")
        given = file.get_slice(NAME)
        shape, dtype = given.get_shape(), given.get_dtype()
        is_size = len(shape) == 3 and min(shape) >= 1 and shape[1] * shape[2] <= MOST_PIXELS
        if not is_size or np.prod(shape, dtype=float) > MOST_MASKS or dtype != "F32":
            raise _wrong(path, f"{dtype} {shape}")
        mask = file.get_tensor(NAME)
    if not bool(((mask >= 0) & (mask <= 1)).all()):  # false for NaN too
        raise _wrong(path, "values beyond [0, 1]")
    return mask


def _wrong(path: Path, got: str) -> UserError:
    return UserError(
        f"'{path.name}' is no mask: expected a grey PNG, or a {ENDING} file with '{NAME}' (N, H, W) float32 in [0, 1], of at most "
        f"{MOST_PIXELS} pixels each: got {got}. Save the mask again."
    )
