"""What the point sets of a frame ask of its mesh."""

from __future__ import annotations

import numpy as np

from .mesh import Mesh, place_in
from .rigid import Pulls

DISC = 1 / 16  # of the picture's shorter side: the radius of what is held in the hand
ALIKE = 1.25  # pairs whose distance changes by less than this factor turn what they hold: their discs may overlap


def settled(handles: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Handles (N, J, S, 2) px where a set that no frame shows is put between where it was seen before and after.

    visible (N, J, S) bool. Before the first and after the last frame that shows the set its own places stay.
    """
    handles, seen = handles.copy(), np.any(visible, axis=2)
    for j in range(handles.shape[1]):
        shown = np.flatnonzero(seen[:, j])
        for i in np.flatnonzero(~seen[:, j]):
            before, after = shown[shown < i], shown[shown > i]
            if len(before) and len(after):
                share = (i - before[-1]) / (after[0] - before[-1])
                handles[i, j] = (1 - share) * handles[before[-1], j] + share * handles[after[0], j]
    return handles


def frame_pulls(mesh: Mesh, handles: np.ndarray, moves: np.ndarray, visible: np.ndarray) -> Pulls:
    """The pulls of a frame: handles, moves (J, S, 2) px, visible (J, S) bool.

    A set pulls with one point, the middle of its visible points on the mesh, so that what it holds may turn; a set that is nowhere
    on the mesh asks for nothing.
    """
    middles: list[np.ndarray] = []
    ways: list[np.ndarray] = []
    for places, way, seen in zip(handles, moves, visible, strict=True):
        used = (seen if seen.any() else np.ones_like(seen)) & (place_in(mesh, places)[0] >= 0)
        if used.any():
            middles.append(_on_mesh(mesh, places[used]))
            ways.append(way[used].mean(0))
    points, wanted = np.array(middles).reshape(-1, 2), np.array(ways).reshape(-1, 2)
    return Pulls(points, wanted, _discs(mesh, points, wanted))


def _on_mesh(mesh: Mesh, places: np.ndarray) -> np.ndarray:
    """The middle of places (P, 2) on the mesh, or the one nearest to it where the middle is not on the mesh."""
    middle = places.mean(0)
    if place_in(mesh, middle[None])[0][0] >= 0:
        return middle
    return places[np.linalg.norm(places - middle, axis=1).argmin()]


def _discs(mesh: Mesh, points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(J, 3): x, y, radius px. A disc reaches at most half the way to an anchor, and to a point that comes nearer or goes away."""
    held = mesh.vertices[mesh.held]
    discs = []
    for j in range(len(points)):
        gaps, ends = (np.linalg.norm(places - places[j], axis=1) for places in (points, points + wanted))
        others = (gaps > 0) & ((ends < gaps / ALIKE) | (ends > gaps * ALIKE))
        to_held = np.linalg.norm(held - points[j], axis=1)
        reach = min(gaps[others].min(initial=np.inf), to_held.min(initial=np.inf)) / 2
        discs.append([*points[j], min(DISC * min(mesh.size), reach)])
    return np.array(discs).reshape(-1, 3)
