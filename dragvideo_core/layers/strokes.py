"""A layer from strokes: some painted over the thing, some over the ground around it, roughly, on one frame.

What a loop of ground strokes shuts out is ground as well. Of the rest each pixel is taken at first for what it is nearer to,
and GrabCut goes on from there. Only the middle of a stroke over the thing is certain: people paint over the edge of thin parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import Stroke
from .grabcut import cut
from .pixels import Coverage, Picture, Region, distance_to, opencv

ROUNDS = 6  # of GrabCut
CERTAIN = 0.5  # share of the radius of a stroke over the thing
LEAST_RADIUS = 0.5  # px
SMALL_HOLE = 0.02  # of the layer: a hole of this size in which nobody painted ground is filled
FINE = 4  # bits of a pixel's fraction in OpenCV's drawing


def layer_of_strokes(picture: Picture, strokes: Sequence[Stroke]) -> Coverage:
    """(H, W): how much of each pixel shows the thing. There must be a stroke over the thing."""
    size = picture.shape[:2]
    thing, painted = (_painted(strokes, "thing", size, share) for share in (CERTAIN, 1.0))
    ground = _painted(strokes, "ground", size, 1.0)
    ground = (ground | _shut_out(ground, painted)) & ~thing
    guess = painted | (distance_to(painted) < distance_to(ground)) if ground.any() else painted
    return _filled(cut(picture, thing, ground, guess & ~ground, ROUNDS), ground)


def _painted(strokes: Sequence[Stroke], kind: str, size: tuple[int, int], share: float) -> Region:
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


def _shut_out(ground: Region, painted: Region) -> Region:
    """What the ground strokes part from every stroke over the thing, if it reaches the border of the picture."""
    _, parts = opencv().connectedComponents((~ground).astype(np.uint8), connectivity=4)
    at_border = {*parts[0].tolist(), *parts[-1].tolist(), *parts[:, 0].tolist(), *parts[:, -1].tolist()}
    with_thing = {*np.unique(parts[painted & ~ground]).tolist()}
    return np.isin(parts, [*(at_border - with_thing - {0})])


def _filled(layer: Coverage, ground: Region) -> Coverage:
    """The layer without its small holes."""
    hole = layer < 0.5
    _, parts, stats, _ = opencv().connectedComponentsWithStats(hole.astype(np.uint8), connectivity=4)
    most = SMALL_HOLE * float((~hole).sum())
    edge = {*parts[0].tolist(), *parts[-1].tolist(), *parts[:, 0].tolist(), *parts[:, -1].tolist()}
    kept = edge | {*np.unique(parts[ground]).tolist()} | {0}
    small = [part for part in range(len(stats)) if part not in kept and stats[part, -1] <= most]
    return np.where(np.isin(parts, small), np.float32(1), layer)
