"""A layer from strokes: some painted over the thing, some over the ground around it, roughly, on one frame.

What a loop of ground strokes shuts out is ground as well, even if its ends do not quite meet. Of the rest each pixel is taken at
first for what it is nearer to, and GrabCut goes on from there. The picture's border counts as ground in that, but not for certain:
beside one stroke of ground all the rest of the picture would be nearer to the thing. Only the middle of a stroke over the thing is
certain: people paint over the edge of thin parts. The handles lie on the thing. What is no part of anything that was painted over
is dropped.

Where other frames show that the thing moves apart from the ground, the edge is then drawn anew by what moves so, by the colours
near by, and along the edges of the picture (`apart.py`, `walk.py`): GrabCut's few colours lose ends of a colour of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree
from torch import Tensor

from ..types import Size, Stroke
from .apart import odds_of_motion, view
from .colours import blurred_lab
from .grabcut import LARGEST, WORKING, cut
from .pixels import Coverage, Picture, Region, distance_to, grown, opencv, resized, shrunk, touching
from .walk import Walk

ROUNDS = 6  # of GrabCut
CERTAIN = 0.5  # share of the radius of a stroke over the thing
LEAST_RADIUS = 0.5  # px
HANDLE = 0.5  # % of the picture's short side: radius of what is certain around a handle
GAP = 4.0  # % of the same: half as wide as the gap that a loop may have
SMALL_HOLE = 0.02  # of the layer: a hole of this size in which nobody painted ground is filled
REACH = 32.0  # px at 256 px, short side: the edge is drawn anew so far from GrabCut's
TURNS = 2  # of drawing it
BY_GRABCUT = 0.5  # odds of what GrabCut found
ALIKE = 8.0  # CIE Lab: a colour so much nearer to the thing's than to the ground's has odds of 1
MOST_ODDS = 2.0  # of colours
BESIDE = 0.35  # CIE Lab: a colour that is found one pixel further off counts as so much more different
EXAMPLES = 3000  # pixels on each side whose colours are compared, at most
NEAREST = 3  # of them count
BACKED = 3.0  # px: GrabCut's answer is changed where motion so near by does not speak against it
SURE = 0.85  # of the walks must come to one side: its colours are examples
FINE = 4  # bits of a pixel's fraction in OpenCV's drawing


def layer_of_strokes(picture: Picture, strokes: Sequence[Stroke], handles: Tensor, others: Sequence[Picture] = ()) -> Coverage:
    """(H, W): how much of each pixel shows the thing; handles (J, 2) px. There must be a stroke over the thing.

    others: frames of the same film at `moving.STEPS` from the picture, those that there are.
    """
    size = picture.shape[:2]
    dots = [Stroke("thing", HANDLE / CERTAIN / 100 * min(size), handle[None].float()) for handle in handles]
    strokes = [*strokes, *dots]
    thing, painted = (_painted(strokes, "thing", size, share) for share in (CERTAIN, 1.0))
    ground = _painted(strokes, "ground", size, 1.0)
    ground = (ground | _shut_out(ground, painted)) & ~thing
    guess = painted | (distance_to(painted) < distance_to(ground | _rim(size))) if ground.any() else painted
    layer = cut(picture, thing, ground, guess & ~ground, ROUNDS)
    if others and ground.any():
        layer = _drawn_anew(picture, others, layer, thing, ground)
    layer = _filled(layer, ground)
    return np.where(touching(layer >= 0.5, thing), layer, np.float32(0))


def _drawn_anew(picture: Picture, others: Sequence[Picture], layer: Coverage, thing: Region, ground: Region) -> Coverage:
    """The layer (H, W) with the edge where the thing moves apart from the ground; as it is where no frame shows that."""
    size, scale = layer.shape, min(LARGEST, WORKING / min(layer.shape))
    small = round(size[0] * scale), round(size[1] * scale)
    picture, first, thing, ground = (resized(values, small) for values in (picture, layer, thing, ground))
    views = [view(picture, resized(other, small)) for other in others]
    inside, reach = first >= 0.5, REACH * min(small) / WORKING
    known = thing | ground | (distance_to(inside) > reach) | (distance_to(~inside) > reach)
    if known.all():
        return layer
    colours = blurred_lab(picture, min(small) // 2)  # less than elsewhere: a walk stops at thin edges
    walk = Walk(colours, known, inside & ~ground | thing)
    found, motion = first, np.zeros(small)
    for _ in range(TURNS):
        told = odds_of_motion(picture, views, (shrunk(found >= 0.5, 1.5) | thing) & ~ground, shrunk(ground, 2.0))
        if told is None:
            break
        motion, odds = told, told + BY_GRABCUT * (2 * first - 1)
        if found is not first:
            odds[~known] += _odds_of_colours(colours, found, ~known)
        found = walk.to_thing(odds, found)
    if found is first:
        return layer
    change = (found >= 0.5).astype(np.float32) - (first >= 0.5)
    backing = opencv().GaussianBlur((motion * change).astype(np.float32), (0, 0), BACKED)
    return resized(np.where((change != 0) & (backing > 0), found, first), size)


def _odds_of_colours(colours: np.ndarray, found: Coverage, asked: Region) -> np.ndarray:
    """Of the asked pixels (P,): above 0 where the thing has more similar colours (H, W, 3) near by than the ground."""
    rows, columns = np.mgrid[: asked.shape[0], : asked.shape[1]].astype(np.float32)
    looks = np.dstack([colours, BESIDE * columns, BESIDE * rows])
    sides = found <= 1 - SURE, found >= SURE
    if min(side.sum() for side in sides) < NEAREST:
        return np.zeros(int(asked.sum()))
    examples = [looks[side][:: -(-int(side.sum()) // EXAMPLES)] for side in sides]
    nearest = range(1, 1 + NEAREST)
    to_ground, to_thing = (KDTree(one).query(looks[asked], k=nearest, eps=0.3)[0].mean(1) for one in examples)
    return ((to_ground - to_thing) / ALIKE).clip(-MOST_ODDS, MOST_ODDS)


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
