"""From a bent mesh to a map that says of every pixel where it comes from.

Every triangle of the mesh is drawn where it has gone; its pixels get the place at rest by their barycentric shares, which is exact
for a mesh of triangles and has no holes. Where two triangles land on the same pixel, the one that moved further is on top:
what the user drags passes in front.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mesh import Mesh

TRIANGLES = ((0, 1, 2), (1, 3, 2))  # of a cell's corners
STILL = 1 / 32  # px: less is no move
MENDS = 12  # rounds of smoothing that may undo a fold
HALVINGS = 6  # of the whole drag, where smoothing did not


@dataclass(frozen=True)
class Warp:
    """Where the pixels of one frame come from."""

    places: np.ndarray  # (H, W, 2) float32 px, (x, y); the pixel itself where the mesh does not land
    lands: np.ndarray  # (H, W) bool: the mesh lands there
    stretch: np.ndarray  # (H, W) float32: the largest stretch of the triangle that lands there; 1 elsewhere
    left: np.ndarray  # (H, W) bool: what was at this pixel has moved away


def still(size: tuple[int, int]) -> Warp:
    """Nothing moved."""
    return Warp(_pixels(size), np.zeros(size, bool), np.ones(size, np.float32), np.zeros(size, bool))


def backward(mesh: Mesh, moved: np.ndarray, size: tuple[int, int]) -> Warp:
    """The map of a picture of `size` (H, W) for displacements (V, 2) px of the mesh's vertices."""
    nothing = still(size)
    if not np.abs(moved).max(initial=0.0) > STILL:
        return nothing
    corners = np.concatenate([mesh.cells[:, list(three)] for three in TRIANGLES])
    rest, bent = mesh.vertices[corners], (mesh.vertices + moved)[corners]
    order = np.argsort(np.linalg.norm(moved, axis=1)[corners].mean(1), kind="stable")
    rest, bent = rest[order], bent[order]
    pixel, triangle, shares = _drawn(bent, size)
    places = nothing.places.reshape(-1, 2)
    places[pixel] = np.einsum("pk,pkc->pc", shares, rest[triangle])
    stretch = nothing.stretch.reshape(-1)
    stretch[pixel] = stretches(rest, bent)[triangle]
    lands = nothing.lands.reshape(-1)
    lands[pixel] = True
    return Warp(places.reshape(*size, 2), lands.reshape(size), stretch.reshape(size), _left(mesh, moved, size))


def unfolded(mesh: Mesh, moved: np.ndarray) -> tuple[np.ndarray, bool]:
    """Displacements (V, 2) px without folds, and whether there were any.

    A triangle that has turned over is a fold. The vertices round folds are moved to the mean of their neighbours; where a fold is
    still there after MENDS rounds, the whole drag is made shorter.
    """
    corners = np.concatenate([mesh.cells[:, list(three)] for three in TRIANGLES])
    folded = _turned_over(mesh, moved, corners)
    if not folded.any():
        return moved, False
    moved = moved.copy()
    u, v = mesh.edges.T
    count = np.bincount(u, minlength=len(moved)) + np.bincount(v, minlength=len(moved))
    for _ in range(MENDS):
        near = np.zeros(len(moved), bool)
        near[corners[folded]] = True
        near[u] |= near[v]
        near[v] |= near[u]
        mean = np.stack([np.bincount(u, part[v], len(moved)) + np.bincount(v, part[u], len(moved)) for part in moved.T], -1)
        chosen = near & ~mesh.held
        moved[chosen] = (mean / count[:, None])[chosen]
        folded = _turned_over(mesh, moved, corners)
        if not folded.any():
            return moved, True
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _turned_over(mesh, middle * moved, corners).any() else (middle, high)
    return low * moved, True


def stretches(rest: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """How many times as long triangles (T, 3, 2) are along their most stretched direction, (T,) float32."""
    at_rest, now = (np.stack([t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]], -1) for t in (rest, bent))
    f = now @ np.linalg.inv(at_rest)
    half, area = (f**2).sum((1, 2)) / 2, np.linalg.det(f)
    return np.sqrt(half + np.sqrt(np.maximum(half**2 - area**2, 0))).astype(np.float32)


def _turned_over(mesh: Mesh, moved: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(T,) bool"""
    a, b, c = (mesh.vertices + moved)[corners].transpose(1, 0, 2)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return area <= 0


def _drawn(triangles: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel of every triangle (T, 3, 2), triangles in order: flat pixel numbers, triangle numbers, shares (P, 3)."""
    height, width = size
    low = np.ceil(triangles.min(1)).clip(0).astype(int)
    high = np.minimum(np.floor(triangles.max(1)).astype(int), [width - 1, height - 1])
    columns, rows = np.maximum(high - low + 1, 0).T
    count = columns * rows
    number = np.repeat(np.arange(len(triangles)), count)
    nth = np.arange(len(number)) - np.repeat(np.cumsum(count) - count, count)
    y, x = np.divmod(nth, columns[number])
    x, y = x + low[number, 0], y + low[number, 1]
    a, b, c = triangles.transpose(1, 0, 2)
    matrix = np.stack([b - a, c - a], -1)
    inverse = np.linalg.inv(matrix)
    dx, dy = x - a[number, 0], y - a[number, 1]
    second = inverse[number, 0, 0] * dx + inverse[number, 0, 1] * dy
    third = inverse[number, 1, 0] * dx + inverse[number, 1, 1] * dy
    inside = (second >= -1e-9) & (third >= -1e-9) & (second + third <= 1 + 1e-9)
    second, third = second[inside], third[inside]
    return (y * width + x)[inside], number[inside], np.stack([1 - second - third, second, third], -1)


def _left(mesh: Mesh, moved: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which pixels (H, W) lie in a cell of the mesh at rest that moved."""
    goes = np.linalg.norm(moved, axis=1)[mesh.cells].max(1) > STILL
    cells = np.where(mesh.cell_at >= 0, goes[mesh.cell_at], False)
    whole = cells.repeat(mesh.spacing, 0).repeat(mesh.spacing, 1)
    left = np.zeros(size, bool)
    x, y = (round(edge + 0.5) for edge in mesh.corner)  # of the first pixel: 0 or less
    part = whole[-y : size[0] - y, -x : size[1] - x]
    left[: part.shape[0], : part.shape[1]] = part
    return left


def _pixels(size: tuple[int, int]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32))
    return np.stack([x, y], -1)
