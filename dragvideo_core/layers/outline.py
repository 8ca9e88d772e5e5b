"""How well a layer's outline fits its picture: whether the colours differ on its two sides."""

from __future__ import annotations

import numpy as np

from .pixels import Picture, Region, grown, opencv, shrunk

STEP = 8.0  # difference of colour, CIE Lab, that is an edge
BESIDE = 1.2  # % of the short side: the colours are compared within this distance of the outline


def share_on_edges(picture: Picture, layer: Region, edit_mask: Region) -> float:
    """The share of the layer's outline inside the edit mask, both (H, W), that lies on edges of the picture; 0 without an outline.

    At each pixel of the outline the mean colour of the layer beside it is compared with that of what is not layer. The outermost
    pixels on both sides are left out, as they show a mixture. Where the picture ends is no outline.
    """
    cv2, beside = opencv(), max(2.0, BESIDE * min(layer.shape) / 100)
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    window = (2 * round(beside) + 3,) * 2
    inside, outside = (_mean_colours(lab, shrunk(side, 1.0) & ~shrunk(side, beside + 1.0), window) for side in (layer, ~layer))
    outline = layer & grown(~layer, 1.0) & edit_mask
    steps = np.linalg.norm(inside - outside, axis=-1)[outline]
    known = steps[np.isfinite(steps)]
    return float((known >= STEP).mean()) if len(known) else 0.0


def _mean_colours(colours: np.ndarray, region: Region, window: tuple[int, int]) -> np.ndarray:
    """Means (H, W, 3) of the colours (H, W, 3) of the region's pixels in the window around each pixel; NaN where it has none."""
    cv2 = opencv()
    weight = cv2.blur(region.astype(np.float32), window)
    total = cv2.blur(np.where(region[..., None], colours, 0).astype(np.float32), window)
    return np.where(weight[..., None] > 1e-4, total / np.maximum(weight, 1e-4)[..., None], np.nan)
