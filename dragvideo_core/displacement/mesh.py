"""A mesh over the layer inside the edit mask, with a ring of held vertices where the layer goes on beyond the mask.

The mesh is a regular grid of square cells with a whole number of pixels a side (`spacing`); a cell belongs to the mesh where
the layer comes into it. Its corners are the vertices. They lie on the borders between pixels, so that a cell holds whole
pixels: a cell from vertex (x, y) holds the pixels with centres x + 0.5 ... x + spacing - 0.5. For drawing, each cell is two
triangles; for bending, its corners are joined along the four sides and both diagonals.

A vertex is held (an anchor) where a cell at it shows the layer outside of the edit mask. A thing wholly inside the mask has no
held vertices and moves as one piece. Where the layer reaches the border of the picture it goes on beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..types import Size

CELLS = 64  # along the shorter side of the picture
SMALLEST = 2  # px, of a cell's side
BITS = 32  # of a vertex's number


@dataclass(frozen=True)
class Mesh:
    """Vertices in rows from the top, numbered along the rows, so that joined vertices have numbers near each other."""

    vertices: np.ndarray  # (V, 2) float64 px
    cells: np.ndarray  # (M, 4) int: corners of each cell: top left, top right, bottom left, bottom right
    edges: np.ndarray  # (E, 2) int: joined vertices, the lower number first
    held: np.ndarray  # (V,) bool
    spacing: int  # px
    size: Size  # (H, W) of the picture
    corner: tuple[float, float]  # px, (x, y) of the top left vertex of the whole grid
    cell_at: np.ndarray  # (rows - 1, columns - 1) int: the cell at each place, -1 where there is none


def spacing_for(size: Size) -> int:
    """A cell's side in px for pictures of `size` (H, W)."""
    return max(SMALLEST, round(min(size) / CELLS))


def layer_mesh(region: np.ndarray, layer: np.ndarray, mask: np.ndarray, spacing: int, origin: tuple[int, int], beyond: int) -> Mesh:
    """The mesh over `region` (H, W) bool, which is the `layer` (H, W) bool and a rim, inside of the edit `mask` (H, W) bool.

    origin: px (x, y), a place that a vertex falls on: it moves with the thing, so that the mesh does not flicker. beyond: px by
    which the layer is continued over the border of the picture.
    """
    size = (mask.shape[0], mask.shape[1])
    rows, first_row = _grid_lines(mask.shape[0], beyond, spacing, origin[1])
    columns, first_column = _grid_lines(mask.shape[1], beyond, spacing, origin[0])
    pads = [
        (-first, count * spacing + first - side)
        for first, count, side in zip((first_row, first_column), (rows, columns), mask.shape, strict=True)
    ]
    region, layer, mask = (np.pad(picture, pads, mode="edge") for picture in (region, layer, mask))

    def in_cell(picture: np.ndarray) -> np.ndarray:
        lines = np.logical_or.reduce(picture.reshape(rows, spacing, -1), axis=1)  # over both axes at once it is slow
        return np.logical_or.reduce(lines.reshape(rows, columns, spacing), axis=2)

    near = cv2.dilate(in_cell(mask).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    chosen = in_cell(region) & near
    is_corner, is_held = np.zeros((rows + 1, columns + 1), bool), np.zeros((rows + 1, columns + 1), bool)
    fixed = chosen & in_cell(layer & ~mask)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        is_corner[down : down + rows, right : right + columns] |= chosen
        is_held[down : down + rows, right : right + columns] |= fixed
    number = np.where(is_corner, np.cumsum(is_corner).reshape(is_corner.shape) - 1, -1)
    y, x = np.nonzero(is_corner)
    corner = (first_column - 0.5, first_row - 0.5)
    corners = [number[down : down + rows, right : right + columns][chosen] for down, right in ((0, 0), (0, 1), (1, 0), (1, 1))]
    cells = np.stack(corners, -1)
    return Mesh(
        vertices=np.stack([corner[0] + x * float(spacing), corner[1] + y * float(spacing)], -1),
        cells=cells,
        edges=_edges(cells),
        held=is_held[is_corner],
        spacing=spacing,
        size=size,
        corner=corner,
        cell_at=np.where(chosen, np.cumsum(chosen).reshape(chosen.shape) - 1, -1),
    )


def place_in(mesh: Mesh, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell of each point (P, 2) px, (P,) int, -1 for none; and the shares (P, 4) of the cell's corners in it: those of
    the triangle that it lies in."""
    at = (points - np.array(mesh.corner)) / mesh.spacing
    column, row = np.floor(at).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < mesh.cell_at.shape[1]) & (row < mesh.cell_at.shape[0])
    cell = np.where(inside, mesh.cell_at[np.where(inside, row, 0), np.where(inside, column, 0)], -1)
    right, down = (at - np.floor(at)).T
    nought, over = np.zeros_like(right), right + down - 1
    upper, lower = np.stack([-over, right, down, nought], -1), np.stack([nought, 1 - down, 1 - right, over], -1)
    return cell, np.where(over[:, None] <= 0, upper, lower)


def _grid_lines(side: int, beyond: int, spacing: int, origin: int) -> tuple[int, int]:
    """How many cells cover `side` px and `beyond` at both ends, and the first pixel of the first one."""
    first = -beyond - (-beyond - origin) % spacing
    return -(-(side + beyond - first) // spacing), first


def _edges(cells: np.ndarray) -> np.ndarray:
    joined = np.concatenate([cells[:, [a, b]] for a, b in ((0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2))])
    joined.sort(1)
    numbers = np.unique(joined[:, 0] << BITS | joined[:, 1])  # over pairs it is slow
    return np.stack([numbers >> BITS, numbers & (1 << BITS) - 1], -1)
