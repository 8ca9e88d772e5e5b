"""A layer where nobody marked one: what has the colours of the dragged handles and hangs together with them.

Near the handles are the thing's colours, on the rim of the box around the edit mask are mostly the ground's. What is nearer to the
thing's is the first guess for GrabCut. Outside of the box the thing goes on as far as such colours hang together: there it only
holds what moves. It is no more than a guess: a thing of several colours is cut short. Strokes, a MASK or a SAM are better, and win.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .given import EverythingSegmenter
from .grabcut import cut
from .matte import matte
from .pixels import Coverage, Picture, Region, box_of, grown, opencv, shrunk, touching

THING = 4.0  # % of the picture's short side: within this radius of a handle are the thing's colours
CERTAIN = 1.0  # % of the same: within this radius the thing is certain
RIM = 2.5  # % of the same: width of the rim with the ground's colours
MARGIN = 0.1  # of the longer side of the edit mask's box, around it
OF_THING, OF_GROUND = 3, 5  # colours on each side
ROUNDS = 2  # of GrabCut
SMOOTH = 0.4  # % of the short side: colours are compared in a picture blurred by so much
LEAST, MOST = 0.005, 0.95  # share of the edit mask that a layer fills
CLOSED = 1.0  # % of the short side: half of the width of a bay that is closed
INNER, OUTER = 1.5, 4.0  # % of the short side: so far within and beyond the edge of a carried layer its colours decide


@dataclass(frozen=True)
class Colours:
    """Main colours (K, 3) of the thing and of the ground, CIE Lab."""

    thing: np.ndarray
    ground: np.ndarray

    def are_in(self, picture: Picture) -> Region:
        """(H, W): which pixels are nearer to the thing's colours than to the ground's."""
        smooth = _blurred_lab(picture)
        return _distance(smooth, self.thing) < _distance(smooth, self.ground)

    def put_right(self, picture: Picture, layer: Coverage) -> Coverage:
        """A layer (H, W) that was carried to this picture, with its edge where the colours part."""
        inside, short = layer >= 0.5, min(layer.shape) / 100
        core = shrunk(inside, INNER * short)
        if not core.any():
            return layer
        return matte(
            picture, _solid(touching(core | (grown(inside, OUTER * short) & self.are_in(picture)), core)).astype(np.float32)
        )


@dataclass(frozen=True)
class GuessedSegmenter(EverythingSegmenter):
    """Knows a guess on the picks' frame; as it is only a guess, every pixel is foreground."""

    layer: Tensor | None = None  # (1, H, W)
    colours: Colours | None = None


def held(layer: Tensor, edit_mask: Tensor, handles: Tensor, frame: int) -> Tensor:
    """A carried guess (N, 1, H, W), without the frames in which the part was torn off.

    If in the frame of the guess the part with the handles goes on outside of the edit mask (N, 1, H, W), it does in every frame.
    Where it seems not to, the guess failed, and everything is layer: all inside the mask bends, and its rim is held.
    handles: (N, J, 2) px of those that are dragged.
    """
    goes_on = []
    for one, mask, places in zip(layer[:, 0].numpy() >= 0.5, edit_mask[:, 0].numpy(), handles, strict=True):
        dots = np.zeros_like(mask)
        for x, y in places.round().long().tolist():
            dots[max(0, y - 1) : max(0, y + 2), max(0, x - 1) : max(0, x + 2)] = True
        goes_on.append(bool((touching(one, dots) & ~mask).any()))
    if not goes_on[frame]:
        return layer
    return torch.where(torch.tensor(goes_on)[:, None, None, None], layer, torch.ones(()))


def guessed_layer(picture: Picture, handles: Tensor, edit_mask: Region) -> tuple[Coverage, Colours] | None:
    """How much of each pixel shows the thing, (H, W), and the colours that this is known by. None where no thing stands out.

    handles: (J, 2) px, those that are dragged; edit_mask: (H, W), where the picture may change.
    """
    if not len(handles) or not edit_mask.any():
        return None
    box, short = box_of(edit_mask, MARGIN), min(edit_mask.shape) / 100
    y, x = np.mgrid[box]
    away = np.min([np.hypot(x - place[0], y - place[1]) for place in handles.numpy()], 0)
    thing, near = away <= max(1.0, CERTAIN * short), away <= THING * short
    width = max(1, round(RIM * short))
    rim = np.ones_like(near)
    rim[width:-width, width:-width] = False
    if not near.any() or not (rim & ~near).any():
        return None
    smooth = _blurred_lab(picture)[box]
    colours = Colours(_main_colours(smooth[near], OF_THING), _main_colours(smooth[rim & ~near], OF_GROUND))
    is_alike = colours.are_in(picture)
    layer = is_alike.astype(np.float32)
    layer[box] = cut(picture[box], thing, np.zeros_like(thing), touching(near | is_alike[box], thing), ROUNDS)
    start = np.zeros_like(edit_mask)
    start[box] = thing
    layer = _solid(touching(layer >= 0.5, start)).astype(np.float32)
    share = float((layer[edit_mask] >= 0.5).mean())
    return (matte(picture, layer), colours) if LEAST <= share <= MOST else None


def _solid(region: Region) -> Region:
    """The region (H, W) without its holes and narrow bays: what shines in a thing is part of it."""
    cv2 = opencv()
    side = 2 * max(1, round(CLOSED / 100 * min(region.shape))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE) > 0
    border = np.ones_like(region)
    border[1:-1, 1:-1] = False
    return ~touching(~closed, border)


def _blurred_lab(picture: Picture) -> np.ndarray:
    """CIE Lab colours (H, W, 3) float32, blurred a little."""
    cv2, sigma = opencv(), max(SMOOTH / 100 * min(picture.shape[:2]), 0.3)
    return cv2.GaussianBlur(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), sigma)


def _main_colours(colours: np.ndarray, count: int) -> np.ndarray:
    """The middles (at most count, 3) of the groups that the colours (K, 3) fall into."""
    cv2 = opencv()
    cv2.setRNGSeed(0)  # the same picture gives the same layer
    ends = cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0
    return cv2.kmeans(np.ascontiguousarray(colours), min(count, len(colours)), None, ends, 3, cv2.KMEANS_PP_CENTERS)[2]


def _distance(colours: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """From each colour (H, W, 3) to the nearest middle (K, 3): (H, W)."""
    return np.min([np.linalg.norm(colours - middle, axis=-1) for middle in middles], 0)
