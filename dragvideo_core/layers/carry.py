"""A layer that is known in some frames, carried to all others: outward from each, moved by optical flow, its edge cut anew.

Flow alone loses a pixel or two of the edge with every frame. So in each frame what lies within a narrow band along the moved
edge is decided again by its colours (GrabCut), and the rest is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..points.flow import optical_flow
from .grabcut import cut
from .matte import matte
from .pixels import Coverage, as_picture, grown, opencv, shrunk

BAND = 3.0  # px at 256 px, short side: flow errs by less from one frame to the next
REFERENCE = 256
ROUNDS = 1  # of GrabCut: more let the colours of both sides run into each other


def carry(frames: Tensor, known: dict[int, Coverage], on_frame: Callable[[], None] = lambda: None) -> Tensor:
    """The layer of every frame of (N, 3, H, W): (N, 1, H, W) float32 in [0, 1].

    known: frame -> its layer (H, W), which stays as it is; at least one. A frame between two known ones is reached from the
    nearer. `on_frame` is called once for each frame that was not known.
    """
    layers = dict(known)
    for frame, source in _outward(len(frames), sorted(known)):
        layers[frame] = moved(frames[source], frames[frame], layers[source])
        on_frame()
    return torch.from_numpy(np.stack([layers[i] for i in range(len(frames))]))[:, None]


def moved(source: Tensor, frame: Tensor, layer: Coverage) -> Coverage:
    """The layer (H, W) of the picture `source` (3, H, W) as it is in the neighbouring picture `frame`."""
    if not layer.any() or layer.all():
        return layer.copy()
    guess = warped(layer, optical_flow(frame, source).numpy())
    inside, picture = guess >= 0.5, as_picture(frame)
    band = BAND * max(0.5, min(inside.shape) / REFERENCE)
    return matte(picture, cut(picture, shrunk(inside, band), ~grown(inside, band), inside, ROUNDS))


def warped(layer: Coverage, flow: np.ndarray) -> Coverage:
    """The layer (H, W) fetched from where the flow (2, H, W) px points; the border goes on outside of the picture."""
    cv2 = opencv()
    rows, columns = np.mgrid[: layer.shape[0], : layer.shape[1]].astype(np.float32)
    return cv2.remap(layer, columns + flow[0], rows + flow[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _outward(count: int, known: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(frame, the frame next to it that it is reached from), those near a known frame first."""
    nearest = {i: min(known, key=lambda k: (abs(k - i), k)) for i in range(count)}
    for i in sorted(range(count), key=lambda i: (abs(nearest[i] - i), i)):
        if i not in known:
            yield i, i + (1 if nearest[i] > i else -1)
