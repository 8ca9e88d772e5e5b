"""A layer from strokes: some painted over the thing, some over the ground around it, roughly, on one frame.

What a loop of ground strokes shuts out is ground as well, even if its ends do not quite meet. Of the rest each pixel is taken at
first for what it is nearer to, and GrabCut goes on from there. The picture's border counts as ground in that, but not for certain:
beside one stroke of ground all the rest of the picture would be nearer to the thing. Only the middle of a stroke over the thing is
certain: people paint over the edge of thin parts. The handles lie on the thing. What is no part of anything that was painted over
is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..types import Size, Stroke
from .grabcut import cut
from .pixels import Coverage, Picture, Region, distance_to, grown, opencv, touching

ROUNDS = 6  # of GrabCut
CERTAIN = 0.5  # share of the radius of a stroke over the thing
LEAST_RADIUS = 0.5  # px
HANDLE = 0.5  # % of the picture's short side: radius of what is certain around a handle
GAP = 4.0  # % of the same: half as wide as the gap that a loop may have
SMALL_HOLE = 0.02  # of the layer: a hole of this size in which nobody painted ground is filled
FINE = 4  # bits of a pixel's fraction in OpenCV's drawing


def layer_of_strokes(picture: Picture, strokes: Sequence[Stroke], handles: Tensor) -> Coverage:
    """(H, W): how much of each pixel shows the thing; handles (J, 2) px. There must be a stroke over the thing."""
    size = picture.shape[:2]
    dots = [Stroke("thing", HANDLE / CERTAIN / 100 * min(size), handle[None].float()) for handle in handles]
    strokes = [*strokes, *dots]
    thing, painted = (_painted(strokes, "thing", size, share) for share in (CERTAIN, 1.0))
    ground = _painted(strokes, "ground", size, 1.0)
    ground = (ground | _shut_out(ground, painted)) & ~thing
    guess = painted | (distance_to(painted) < distance_to(ground | _rim(size))) if ground.any() else painted
    layer = _filled(cut(picture, thing, ground, guess & ~ground, ROUNDS), ground)
    return np.where(touching(layer >= 0.5, thing), layer, np.float32(0))


def _painted(strokes: Sequence[Stroke], kind: str, size: Size, share: float) -> Region:
    """What the strokes of a kind cover, with this share of their radius."""
    cv2 = opencv()
    canvas = np.zeros(size, np.uint8)
    for stroke in strokes:
        if stroke.kind != kind:
            continue
        places = np.round(stroke.points.numpy() * 2**FINE).astype(np.int32)
        radius = max(share * stroke.radius, LEAST_RADIUS)
        for place in places if radius >= 1 or len(places) == 1 else ():
            cv2.circle(canvas, place.tolist(), round(radius * 2**FINE), 1, cv2.FILLED, cv2.LINE_8, FINE)
        cv2.polylines(canvas, [places.reshape(-1, 1, 2)], False, 1, max(1, round(2 * radius)), cv2.LINE_8, FINE)
    return canvas.astype(bool)


def _rim(size: Size) -> Region:
    """The outermost pixels of a picture."""
    rim = np.ones(size, bool)
    rim[1:-1, 1:-1] = False
    return rim


def _shut_out(ground: Region, painted: Region) -> Region:
    """What the ground strokes part from every stroke over the thing, if it reaches the border of the picture."""
    if not ground.any():
        return ground
    gap = GAP / 100 * min(ground.shape)
    free = ~grown(ground, gap)
    outside = touching(free, _rim(free.shape)) & ~touching(free, painted)
    return grown(outside, gap)


def _filled(layer: Coverage, ground: Region) -> Coverage:
    """The layer without its small holes in which nobody painted ground."""
    hole = layer < 0.5
    _, pieces, stats, _ = opencv().connectedComponentsWithStats(hole.astype(np.uint8), connectivity=4)
    is_small = stats[:, -1] <= SMALL_HOLE * float((~hole).sum())
    return np.where(hole & is_small[pieces] & ~touching(hole, ground), np.float32(1), layer)
