"""Two rough strokes, as a person would paint them: one over the thing, from the handle to its body, and one around it.

They are made from the true layer of the picks' frame, but not along its outline: the first keeps to the middle of the thing, the
second stays well away from it, and both shake.
"""

from __future__ import annotations

import json
import zlib

import cv2
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from .cases import Case

AWAY = 9.0  # px of 128 between the thing and the stroke around it
SHAKE = 1.3  # px of 128
RADIUS = 1.5  # px of 128: of the brush
BODY = 0.7  # of the greatest thickness: what counts as a thick part
COARSE_SIDE = 128  # px of the picture that ways are looked for on


def with_strokes(case: Case) -> str:
    """The case's picks with strokes, as JSON of version 2."""
    picks = json.loads(case.picks)
    layer = case.layer[picks["frame"], 0].numpy() >= 0.5
    rng, unit = np.random.default_rng(zlib.crc32(case.name.encode())), min(layer.shape) / 128
    scale = np.array(layer.shape[::-1]) / picks["size"]
    strokes = [("thing", _middle_way(layer, (np.array(pair["handle"]) + 0.5) * scale - 0.5)) for pair in picks["pairs"]]
    strokes += [("ground", way) for way in _around(layer, AWAY * unit)]
    picks["version"] = 2
    picks["strokes"] = [
        {
            "kind": kind,
            "radius": RADIUS * unit / float(scale.min()),
            "points": (((_shaken(way, SHAKE * unit, rng) + 0.5) / scale) - 0.5).round(1).tolist(),
        }
        for kind, way in strokes
        if len(way) > 1
    ]
    return json.dumps(picks)


def _middle_way(layer: np.ndarray, start: np.ndarray) -> np.ndarray:
    """From the place of the layer (H, W) nearest to `start` to its farthest thick part, along its middle: (K, 2) px."""
    factor = max(layer.shape) / COARSE_SIDE
    size = tuple(round(side / factor) for side in layer.shape[::-1])
    small = cv2.resize(layer.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    inside = small >= min(0.3, small.max())
    thick = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    places = np.argwhere(inside)
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(len(places))
    edges = []
    for row, column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        near = places + [row, column]
        valid = (near >= 0).all(1) & (near < inside.shape).all(1)
        one, other = np.flatnonzero(valid), number[near[valid][:, 0], near[valid][:, 1]]
        kept = other >= 0
        cost = np.hypot(row, column) * (1 + 8 / thick[tuple(places[one[kept]].T)] ** 2)
        edges.append(np.stack([one[kept], other[kept], cost]))
    one, other, cost = np.concatenate(edges, 1)
    graph = coo_matrix((cost, (one.astype(int), other.astype(int))), shape=(len(places),) * 2)
    first = np.linalg.norm(places - ((start + 0.5) / factor - 0.5)[::-1], axis=1).argmin()
    away, before = dijkstra(graph, directed=False, indices=first, return_predecessors=True)
    reached = np.isfinite(away)
    body = reached & (thick[inside] >= BODY * thick[inside][reached].max())
    place = int(np.where(body, away, -1).argmax())
    way = [place]
    while place != first:
        place = before[place]
        way.append(place)
    return (places[way[::-1], ::-1] + 0.5) * factor - 0.5


def _around(layer: np.ndarray, away: float) -> list[np.ndarray]:
    """Ways (K, 2) px at about that distance around the layer; a person leaves the picture where the thing does."""
    distance = cv2.distanceTransform((~layer).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = (cv2.GaussianBlur(distance, (0, 0), away / 2) < away).astype(np.uint8)
    outlines, _ = cv2.findContours(np.pad(near, 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    step, ways = max(1, round(away / 2)), []
    for outline in outlines:
        ring = outline[::step, 0].astype(float) - 1
        shown = ((ring >= 1) & (ring <= np.array(layer.shape[::-1]) - 2)).all(1)
        ring = np.roll(ring, -int(shown.argmin()), 0) if not shown.all() else np.concatenate([ring, ring[:1]])
        shown = np.roll(shown, -int(shown.argmin())) if not shown.all() else np.ones(len(ring), bool)
        ends = np.flatnonzero(np.diff(shown.astype(int))) + 1
        ways += [part for part, seen in zip(np.split(ring, ends), np.split(shown, ends), strict=True) if seen.all()]
    return ways


def _shaken(way: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """The way with a slow tremor of that many px."""
    knots = max(2, len(way) // 6)
    tremor = rng.normal(size=(knots, 2)) * amount
    at = np.linspace(0, knots - 1, len(way))
    return way + np.stack([np.interp(at, np.arange(knots), tremor[:, k]) for k in (0, 1)], -1)
