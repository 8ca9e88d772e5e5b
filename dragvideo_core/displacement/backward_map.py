"""From a bent mesh to a map that says of every pixel where it comes from.

Every triangle of the mesh is drawn where it has gone; its pixels get the place at rest by their barycentric shares, which is exact
for a mesh of triangles and leaves no holes. Where two triangles land on the same pixel, the one that moved further is on top:
what the user drags passes in front. The mesh can be drawn at another size than the one it was bent at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from ..types import Size
from .mesh import Mesh

TRIANGLES = ((0, 1, 2), (1, 3, 2))  # of a cell's corners
STILL = 1 / 32  # px: less is no move
MARGIN = 8  # px around all that changes
NOTHING = 1e-9  # a share that is less below zero is none: pixels on the edge between two triangles belong to one of them


@dataclass(frozen=True)
class Warp:
    """Where the pixels of a box of one frame come from. Outside of the box nothing moved."""

    box: tuple[slice, slice]  # rows and columns of the frame
    places: np.ndarray  # (h, w, 2) float32 px, (x, y) in the frame; the pixel itself where the mesh does not land
    lands: np.ndarray  # (h, w) bool: the mesh lands there
    moves: np.ndarray  # (h, w) bool: what shows there comes from elsewhere
    left: np.ndarray  # (h, w) bool: what was at this pixel has moved away
    stretch: np.ndarray  # (h, w) float32: the largest stretch of the triangle that lands there; 1 elsewhere
    outside: np.ndarray  # (h, w) float32: by how many px the place lies outside of the picture

    @cached_property
    def at(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of the places in the box, (h, w) float32 each."""
        x, y = cv2.split(self.places)
        return x - np.float32(self.box[1].start), y - np.float32(self.box[0].start)


def backward(mesh: Mesh, moved: np.ndarray, size: Size, scale: float = 1.0) -> Warp | None:
    """The map of a picture of `size` (H, W) for displacements (V, 2) px of the mesh's vertices; None where nothing moves.

    scale: how many times as large the picture is as the one that the mesh was made for.
    """
    goes = np.linalg.norm(moved, axis=1) > STILL
    busy = goes[mesh.cells].any(1)
    if not busy.any():
        return None
    rest = (mesh.vertices + 0.5) * scale - 0.5
    bent = rest + moved * scale
    used = mesh.cells[busy].ravel()
    box = _box(np.concatenate([rest[used], bent[used]]), size)
    corner, shape = np.array([box[1].start, box[0].start]), (box[0].stop - box[0].start, box[1].stop - box[1].start)
    x, y = np.meshgrid(*(np.arange(part.start, part.stop, dtype=np.float32) for part in box[::-1]))
    own = np.stack([x, y], -1)
    corners = np.concatenate([mesh.cells[:, list(three)] for three in TRIANGLES])
    order = np.argsort(np.linalg.norm(moved, axis=1)[corners].mean(1), kind="stable")
    at_rest, now = rest[corners[order]], bent[corners[order]]
    pixel, place, stretched = _drawn(now - corner, at_rest, stretches(at_rest, now), shape)
    places, stretch, lands = own.copy(), np.ones(shape, np.float32), np.zeros(shape, bool)
    places.reshape(-1).view(np.complex64)[pixel] = place
    stretch.reshape(-1)[pixel] = stretched
    lands.reshape(-1)[pixel] = True
    away = cv2.absdiff(places, own) > STILL
    moves = lands & (away[..., 0] | away[..., 1])  # `any(-1)` is slow over two values
    return Warp(box, places, lands, moves, _left(mesh, busy, box, scale), stretch, _outside(places, at_rest, size))


def stretches(rest: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """How many times as long triangles (T, 3, 2) are along their most stretched direction, (T,) float32."""
    at_rest, now = (np.stack([t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]], -1) for t in (rest, bent))
    f = now @ np.linalg.inv(at_rest)
    half, area = (f**2).sum((1, 2)) / 2, np.linalg.det(f)
    return np.sqrt(half + np.sqrt(np.maximum(half**2 - area**2, 0))).astype(np.float32)


def _outside(places: np.ndarray, rest: np.ndarray, size: Size) -> np.ndarray:
    """By how many px places (h, w, 2) lie outside of the picture, (h, w): they are in it, or in the triangles at rest (T, 3, 2)."""
    column, row, most = places[..., 0], places[..., 1], (size[1] - 1, size[0] - 1)
    if (rest.min((0, 1)) >= 0).all() and (rest.max((0, 1)) <= most).all():
        return np.zeros_like(row)
    return np.maximum.reduce([-column, column - most[0], -row, row - most[1], np.zeros_like(row)])


def _box(places: np.ndarray, size: Size) -> tuple[slice, slice]:
    """Rows and columns of a picture of `size` (H, W) with all places (P, 2) px and a margin; at least one pixel."""
    low, high = np.floor(places.min(0)).astype(int) - MARGIN, np.ceil(places.max(0)).astype(int) + MARGIN + 1
    rows, columns = (
        slice(min(max(0, int(first)), side - 1), max(min(side, int(stop)), 1))
        for first, stop, side in zip(low[::-1], high[::-1], size, strict=True)
    )
    return rows, columns


def _drawn(triangles: np.ndarray, rest: np.ndarray, stretch: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel of every triangle (T, 3, 2), in their order: flat pixel numbers (P,), the places x + iy (P,) complex64 that these
    pixels have in the triangles at rest (T, 3, 2), and the stretch (P,) of their triangles, (T,).

    Row by row: of each row of a triangle it is worked out from which pixel to which the three shares are not negative, and at which
    place the first one is. From pixel to pixel the place goes on by the same step.
    """
    height, width = size
    first, last = np.ceil(triangles[..., 1].min(1)).clip(0).astype(int), np.floor(triangles[..., 1].max(1)).clip(max=height - 1)
    lines = np.maximum(last.astype(int) - first + 1, 0)
    triangle = np.repeat(np.arange(len(lines)), lines)
    y = first[triangle] + _along(lines)
    a, b, c = triangles.transpose(1, 0, 2)
    inverse = np.linalg.inv(np.stack([b - a, c - a], -1))
    across, down = np.concatenate([-inverse.sum(1, keepdims=True), inverse], 1).transpose(2, 1, 0)  # (3, T): of each share
    at_zero = np.array([[1], [0], [0]]) - across * a[:, 0] - down * a[:, 1]
    slope = across[:, triangle]
    shares = at_zero[:, triangle] + down[:, triangle] * y  # (3, S), at x = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = -(shares + NOTHING) / slope
    start = np.ceil(np.where(slope > 0, ends, -np.inf).max(0)).clip(0, width).astype(int)
    stop = np.floor(np.where(slope < 0, ends, np.inf).min(0)).clip(-1, width - 1).astype(int) + 1
    misses = ((slope == 0) & (shares < -NOTHING)).any(0)
    counts = np.where(misses, 0, np.maximum(stop - start, 0))
    at_first = shares + slope * start  # of each row's first pixel
    first_place = np.einsum("ks,skd->sd", at_first, rest[triangle]).astype(np.float32).view(np.complex64)[:, 0]
    step = np.einsum("kt,tkd->td", across, rest).astype(np.float32).view(np.complex64)[:, 0][triangle]
    along = _along(counts)
    place = np.repeat(step, counts) * along.astype(np.float32)  # complex: pairs of floats are slow to repeat
    place += np.repeat(first_place, counts)
    return np.repeat(y * width + start, counts) + along, place, np.repeat(stretch[triangle], counts)


def _along(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... up to each of the `counts` (K,), one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _left(mesh: Mesh, busy: np.ndarray, box: tuple[slice, slice], scale: float) -> np.ndarray:
    """Which pixels of the box lie, at rest, in a cell that moves: `busy` (M,) bool."""
    cells = np.where(mesh.cell_at >= 0, busy[mesh.cell_at], False)
    numbers = []
    for part, corner, most in zip(box, mesh.corner[::-1], cells.shape, strict=True):
        at = (np.arange(part.start, part.stop) + 0.5) / scale - 0.5
        numbers.append(np.floor((at - corner) / mesh.spacing).astype(int).clip(0, most - 1))
    return cells[np.ix_(*numbers)]
