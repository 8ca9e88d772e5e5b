"""What the point sets of a frame ask of its mesh."""

from __future__ import annotations

import numpy as np

from .mesh import Mesh, place_in
from .rigid import Pulls

DISC = 1 / 16  # of the picture's shorter side: the radius of what is held in the hand


def settled(handles: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Handles (N, J, S, 2) px where a set that no frame shows is put between where it was seen before and after.

    visible (N, J, S) bool. Before the first and after the last frame that shows the set its own places stay.
    """
    handles, seen = handles.copy(), visible.any(2)
    for j in range(handles.shape[1]):
        shown = np.flatnonzero(seen[:, j])
        for i in np.flatnonzero(~seen[:, j]):
            before, after = shown[shown < i], shown[shown > i]
            if len(before) and len(after):
                share = (i - before[-1]) / (after[0] - before[-1])
                handles[i, j] = (1 - share) * handles[before[-1], j] + share * handles[after[0], j]
    return handles


def frame_pulls(mesh: Mesh, handles: np.ndarray, moves: np.ndarray, visible: np.ndarray, size: tuple[int, int]) -> Pulls:
    """The pulls of a frame: handles, moves (J, S, 2) px, visible (J, S) bool.

    Points off the mesh ask for nothing; of a set that is half hidden only the visible points do.
    """
    points, wanted, discs = [], [], []
    middles = handles.mean(1)
    held = mesh.vertices[mesh.held]
    for j in range(len(handles)):
        used = visible[j] if visible[j].any() else np.ones_like(visible[j])
        used = used & (place_in(mesh, handles[j])[0] >= 0)
        if not used.any():
            continue
        points.append(handles[j][used])
        wanted.append(moves[j][used])
        middle = handles[j][used].mean(0)
        others = np.delete(middles, j, 0)
        gaps = np.linalg.norm(np.concatenate([others, held]) - middle, axis=1)
        discs.append([*middle, min(DISC * min(size), 0.5 * gaps.min(initial=np.inf))])
    if not points:
        return Pulls(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 3)))
    return Pulls(np.concatenate(points), np.concatenate(wanted), np.array(discs))
