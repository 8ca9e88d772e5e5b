"""Finds where a bent mesh has turned over, and undoes it."""

from __future__ import annotations

import numpy as np

from .backward_map import TRIANGLES
from .mesh import Mesh

MENDS = 12  # rounds of smoothing that may undo a fold
HALVINGS = 6  # in the search for the longest drag without a fold, where smoothing did not help


def unfolded(mesh: Mesh, moved: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, bool]:
    """Displacements (V, 2) px without folds, and whether there were any.

    A triangle whose corners go round the other way is a fold. In each round the vertices at folds, and their neighbours, move to
    the mean of the vertices they are joined to; those that are held or `kept` (V,) bool stay. Where a fold is left after MENDS
    rounds, the whole drag is made shorter.
    """
    corners = np.concatenate([mesh.cells[:, list(three)] for three in TRIANGLES])
    folded = _turned_over(mesh, moved, corners)
    if not folded.any():
        return moved, False
    moved = moved.copy()
    u, v = mesh.edges.T
    joined = np.bincount(u, minlength=len(moved)) + np.bincount(v, minlength=len(moved))
    for _ in range(MENDS):
        near = np.zeros(len(moved), bool)
        near[corners[folded]] = True
        beside = np.concatenate([v[near[u]], u[near[v]]])
        near[beside] = True
        mean = np.stack([np.bincount(u, part[v], len(moved)) + np.bincount(v, part[u], len(moved)) for part in moved.T], -1)
        chosen = near & ~mesh.held & ~kept
        moved[chosen] = (mean / joined[:, None])[chosen]
        folded = _turned_over(mesh, moved, corners)
        if not folded.any():
            return moved, True
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _turned_over(mesh, middle * moved, corners).any() else (middle, high)
    return low * moved, True


def _turned_over(mesh: Mesh, moved: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(T,) bool"""
    a, b, c = (mesh.vertices + moved)[corners].transpose(1, 0, 2)
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) <= 0
