"""A clean plate: the ground of one frame with what stood in front of it taken out, as far as an edit looks behind it.

What no frame shows is made up anew in every window of a film, and would change its look from one window to the next. So it is made
up once, in the picked frame, and every window takes it from there. And what frames of the window before did show is taken from
these: else it would be made up from one frame to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..types import Box, Size
from .camera import Mask
from .pictures import Picture, overlap


@dataclass(frozen=True)
class Plate:
    """The ground in a box of a frame."""

    box: Box  # in the frame's pixels
    picture: Picture  # (h, w, 3)
    known: Mask  # (h, w): where it shows ground, that which was made up included

    def as_tensors(self) -> dict[str, Tensor]:
        """What is handed over to another process."""
        octets = torch.from_numpy(np.ascontiguousarray(self.picture).view(np.uint8))
        return {"plate.box": self.box.as_tensor(), "plate.picture": octets, "plate.known": torch.from_numpy(self.known)}

    @staticmethod
    def of(tensors: dict[str, Tensor]) -> Plate | None:
        """The one that `as_tensors` made of bytes or of words of two; None where there was none."""
        if "plate.box" not in tensors:
            return None
        top, bottom, left, right = tensors["plate.box"].tolist()
        octets = tensors["plate.picture"].numpy()
        picture = octets.view(np.uint8 if octets.shape[-1] == 3 else np.uint16)
        return Plate(Box(slice(top, bottom), slice(left, right)), picture, tensors["plate.known"].numpy())

    @staticmethod
    def read_from(tensors: dict[str, Tensor], size: Size, dtype: np.dtype) -> Plate | None:
        """The one that `as_tensors` made of a frame of `size` (H, W); None where the tensors are none."""
        names = ("plate.box", "plate.picture", "plate.known")
        if not tensors.keys() >= {*names}:
            return None
        place, octets, known = (tensors[name] for name in names)
        box = Box.read_from(place, size)
        if box is None or octets.dtype != torch.uint8 or known.dtype != torch.bool:
            return None
        fits = known.shape == box.size and octets.shape == (*box.size, 3 * dtype.itemsize)
        return Plate.of(tensors) if fits else None

    def seen_in(self, box: Box) -> Plate:
        """The plate as it lies in another box of the same film: nothing is known beside its own."""
        picture, known = np.zeros((*box.size, 3), self.picture.dtype), np.zeros(box.size, bool)
        shared = overlap((box.rows, box.columns), (self.box.rows, self.box.columns))
        if shared is not None:
            here, there = shared
            picture[here], known[here] = self.picture[there], self.known[there]
        return Plate(box, picture, known)


def numbered(plates: Sequence[Plate]) -> dict[str, Tensor]:
    """The tensors of several plates."""
    return {f"{i}.{name}": tensor for i, plate in enumerate(plates) for name, tensor in plate.as_tensors().items()}


def of_each(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The tensors of each plate among those that `numbered` made."""
    count = sum(name.endswith(".plate.box") for name in tensors)
    starts = [f"{i}." for i in range(count)]
    return [{name.removeprefix(start): one for name, one in tensors.items() if name.startswith(start)} for start in starts]
