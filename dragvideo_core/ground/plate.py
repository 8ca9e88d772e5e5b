"""A clean plate: the ground of one frame with what stood in front of it taken out, as far as an edit looks behind it.

What no frame shows is made up anew in every window of a film, and would change its look from one window to the next. So it is made
up once, in the picked frame, and every window takes it from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..types import Box
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
        rows, columns = self.box.rows, self.box.columns
        box = torch.tensor([rows.start, rows.stop, columns.start, columns.stop])
        octets = torch.from_numpy(np.ascontiguousarray(self.picture).view(np.uint8))
        return {"plate.box": box, "plate.picture": octets, "plate.known": torch.from_numpy(self.known)}

    @staticmethod
    def of(tensors: dict[str, Tensor]) -> Plate | None:
        """The one that `as_tensors` made of bytes or of words of two; None where there was none."""
        if "plate.box" not in tensors:
            return None
        top, bottom, left, right = tensors["plate.box"].tolist()
        octets = tensors["plate.picture"].numpy()
        picture = octets.view(np.uint8 if octets.shape[-1] == 3 else np.uint16)
        return Plate(Box(slice(top, bottom), slice(left, right)), picture, tensors["plate.known"].numpy())

    def seen_in(self, box: Box) -> Plate:
        """The plate as it lies in another box of the same film: nothing is known beside its own."""
        picture, known = np.zeros((*box.size, 3), self.picture.dtype), np.zeros(box.size, bool)
        shared = overlap((box.rows, box.columns), (self.box.rows, self.box.columns))
        if shared is not None:
            here, there = shared
            picture[here], known[here] = self.picture[there], self.known[there]
        return Plate(box, picture, known)
