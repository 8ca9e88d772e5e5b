"""A layer where nobody marked one: what has the colours of the dragged handles and hangs together with them.

Near the handles are the thing's colours, on the rim of the box around the edit mask are mostly the ground's. What is nearer to the
thing's is the first guess for GrabCut. It is no more than a guess: a thing of several colours is cut short. Strokes, a MASK
or a SAM are better, and win.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .grabcut import cut
from .pixels import Coverage, Picture, Region, box_of, opencv, touching

THING = 4.0  # % of the picture's short side: within this radius of a handle are the thing's colours
CERTAIN = 1.0  # % of the same: within this radius the thing is certain
RIM = 2.5  # % of the same: width of the rim with the ground's colours
MARGIN = 0.1  # of the longer side of the edit mask's box, around it
OF_THING, OF_GROUND = 3, 5  # colours on each side
ROUNDS = 2  # of GrabCut
SMOOTH = 0.4  # % of the short side: colours are compared in a picture blurred by so much
LEAST, MOST = 0.005, 0.95  # share of the edit mask that a layer fills


def guessed_layer(picture: Picture, handles: Tensor, edit_mask: Region) -> Coverage | None:
    """(H, W): how much of each pixel shows the thing. None where no thing stands out.

    handles: (J, 2) px, those that are dragged; edit_mask: (H, W), where the picture may change.
    """
    if not len(handles) or not edit_mask.any():
        return None
    rows, columns = box_of(edit_mask, MARGIN)
    part, short = picture[rows, columns], min(edit_mask.shape) / 100
    places = handles.numpy() - [columns.start, rows.start]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    away = np.min([np.hypot(x - place[0], y - place[1]) for place in places], 0)
    width = max(1, round(RIM * short))
    rim = np.ones(part.shape[:2], bool)
    rim[width:-width, width:-width] = False
    thing, near = away <= max(1.0, CERTAIN * short), away <= THING * short
    if not near.any() or rim.all():
        return None
    colours = _blurred_lab(part, SMOOTH * short)
    is_nearer = _distance(colours, _main_colours(colours[near], OF_THING)) < _distance(
        colours, _main_colours(colours[rim & ~near], OF_GROUND)
    )
    region = cut(part, thing, np.zeros_like(thing), touching(near | is_nearer, thing), ROUNDS)
    region = np.where(touching(region >= 0.5, thing), region, np.float32(0))
    layer = np.zeros(edit_mask.shape, np.float32)
    layer[rows, columns] = region
    share = float((layer[edit_mask] >= 0.5).mean())
    return layer if LEAST <= share <= MOST else None


def _blurred_lab(picture: Picture, sigma: float) -> np.ndarray:
    """CIE Lab colours (H, W, 3) float32, blurred by sigma px."""
    cv2 = opencv()
    return cv2.GaussianBlur(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), max(sigma, 0.3))


def _main_colours(colours: np.ndarray, count: int) -> np.ndarray:
    """The middles (at most count, 3) of the groups that the colours (K, 3) fall into."""
    cv2 = opencv()
    cv2.setRNGSeed(0)  # the same picture gives the same layer
    ends = cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0
    return cv2.kmeans(np.ascontiguousarray(colours), min(count, len(colours)), None, ends, 3, cv2.KMEANS_PP_CENTERS)[2]


def _distance(colours: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """From each colour (H, W, 3) to the nearest middle (K, 3): (H, W)."""
    return np.min([np.linalg.norm(colours - middle, axis=-1) for middle in middles], 0)
