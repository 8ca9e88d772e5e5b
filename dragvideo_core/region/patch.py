"""What an edit changed in some frames of a film: only the changed pixels are kept, so that they can wait on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .. import masked
from ..types import Size
from .box import Box

NAMES = ("patch.box", "patch.changed", "patch.values")


@dataclass(frozen=True)
class Patch:
    """The changed pixels of N frames inside one box."""

    box: Box
    changed: list[np.ndarray]  # N times (h, w) bool, of the box
    values: list[np.ndarray]  # N times (P, 3): what the changed pixels show, of the film's type

    @cached_property
    def tight(self) -> Box:
        """The smallest box that holds the changes of all pictures, in the pixels of the patch's own; all of that where nothing
        changes."""
        changed = np.logical_or.reduce(self.changed)
        lines = [np.flatnonzero(changed.any(axis)) for axis in (1, 0)]
        if not len(lines[0]):
            return self.box.within(self.box)
        return Box(*(slice(int(at[0]), int(at[-1]) + 1) for at in lines))

    def of(self, i: int) -> tuple[Box, np.ndarray, np.ndarray]:
        """What changes in picture i: a box, the same for all of them, where (h, w) bool in it, and to what (P, 3)."""
        rows, columns = self.tight.rows, self.tight.columns
        top, left = self.box.rows.start, self.box.columns.start
        box = Box(slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop))
        return box, self.changed[i][rows, columns], self.values[i]

    def applied(self, i: int, rgb: np.ndarray) -> np.ndarray:
        """Picture i (H, W, 3) with its changes, as a new array."""
        rgb = rgb.copy()
        masked.write(rgb[self.box.rows, self.box.columns], self.changed[i], self.values[i])
        return rgb

    def as_tensors(self) -> dict[str, Tensor]:
        """What goes into a file."""
        values = np.concatenate(self.values)
        return {
            "patch.box": self.box.as_tensor(),
            "patch.changed": torch.from_numpy(np.stack([np.packbits(one) for one in self.changed])),
            "patch.values": torch.from_numpy(values.view(np.uint8).copy()),
        }


def is_patched(tensors: dict[str, Tensor]) -> bool:
    """Whether the tensors hold any part of a patch."""
    return any(name in tensors for name in NAMES)


def patch_from(tensors: dict[str, Tensor], count: int, size: Size, dtype: np.dtype) -> Patch | None:
    """The patch of `count` frames of `size` (H, W) that `as_tensors` made; None where the tensors are no such patch."""
    if not tensors.keys() >= {*NAMES}:
        return None
    place, bits, octets = (tensors[name] for name in NAMES)
    box = Box.read_from(place, size)
    if box is None or bits.dtype != torch.uint8 or octets.dtype != torch.uint8:
        return None
    area = box.size[0] * box.size[1]
    if bits.shape != (count, -(-area // 8)) or octets.ndim != 2 or octets.shape[1] != 3 * dtype.itemsize:
        return None
    changed = [np.unpackbits(one.numpy(), count=area).astype(bool).reshape(box.size) for one in bits]
    ends = np.cumsum([int(one.sum()) for one in changed])
    if len(octets) != ends[-1]:
        return None
    values = np.ascontiguousarray(octets.numpy()).view(dtype).reshape(-1, 3)
    return Patch(box, changed, np.split(values, ends[:-1]))
