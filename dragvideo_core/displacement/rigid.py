"""Bends a mesh so that the handles come to their targets and everything between stays as rigid as it can.

As-rigid-as-possible deformation (Igarashi 2005; Sorkine and Alexa 2007) on the graph of the mesh: find displacements d that make

    sum over edges (u, v) of  w_uv |d_u - d_v - (r_uv - e_uv)|^2  +  PULL * sum over sets k of |B_k d - g_k|^2

small, with e_uv = p_u - p_v at rest, r_uv = (R_u S_u + R_v S_v) / 2 e_uv its turned and stretched self, d = 0 at the held
vertices, and B_k the shares of the corners of the triangle that the middle of set k lies in. With all R = S = 1 this is the
harmonic solution; the start has the R and S of `turning.py`. Then a few rounds of: the rotation R_u that fits the edges of each
vertex best, and the same linear system with another right side; S stays. Its matrix never changes, so that it is factorised
once; along the rows of the mesh it is banded (band = vertices in a row + 2).

Edges inside of the disc round a handle are STIFF times as strong: the part that is held in the hand moves as a piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from .mesh import Mesh, place_in
from .turning import first_turns

PULL = 1000.0  # of a set, in units of an edge's strength
STIFF = 20.0  # of an edge in a disc
STAY = 1e-5  # holds pieces of the mesh that no point and no anchor holds


@dataclass(frozen=True)
class Pulls:
    """What the points ask of a mesh."""

    points: np.ndarray  # (P, 2) px, on the mesh
    moves: np.ndarray  # (P, 2) px: target - handle
    discs: np.ndarray  # (J, 3): x, y, radius px of what moves as one piece


def bend(mesh: Mesh, pulls: Pulls, rounds: int) -> np.ndarray:
    """Displacements (V, 2) px of the mesh's vertices after the start and so many rigid rounds."""
    moved = np.zeros_like(mesh.vertices)
    free = np.flatnonzero(~mesh.held)
    if len(free) == 0 or len(pulls.points) == 0:
        return moved
    strength = _strengths(mesh, pulls.discs)
    cell, shares = place_in(mesh, pulls.points)
    factor = _factorised(mesh, free, strength, mesh.cells[cell], shares)
    asks = np.zeros((len(pulls.points), len(moved)))
    np.add.at(asks, (np.arange(len(cell))[:, None], mesh.cells[cell]), PULL * shares)
    follows = np.zeros_like(asks)
    follows[:, free] = cho_solve_banded((factor, True), asks[:, free].T).T
    first = first_turns(mesh, follows, pulls.points, pulls.moves)
    angle, pulled = first.angle, asks.T @ pulls.moves
    u, v = mesh.edges.T
    rest = mesh.vertices[u] - mesh.vertices[v]
    at_u, at_v = first.stretched(u, rest), first.stretched(v, rest)
    for done in range(rounds + 1):
        if done:
            angle = _angles(mesh, strength, (at_u + at_v) / 2, rest + moved[u] - moved[v])
        turned = (_rotated(at_u, angle[u]) + _rotated(at_v, angle[v])) / 2 - rest
        asked = pulled + _gathered(len(moved), u, v, strength[:, None] * turned)
        moved[free] = cho_solve_banded((factor, True), asked[free])
    return moved


def _strengths(mesh: Mesh, discs: np.ndarray) -> np.ndarray:
    """(E,)"""
    middle = mesh.vertices[mesh.edges].mean(1)
    in_disc = (np.linalg.norm(middle[:, None] - discs[:, :2], axis=-1) <= discs[:, 2]).any(1)
    return np.where(in_disc, STIFF, 1.0)


def _factorised(mesh: Mesh, free: np.ndarray, strength: np.ndarray, corners: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor of the free vertices' matrix, in scipy's banded form."""
    count = len(mesh.vertices)
    place = np.full(count, -1)
    place[free] = np.arange(len(free))
    u, v = mesh.edges.T
    diagonal = STAY + np.bincount(u, strength, count) + np.bincount(v, strength, count)
    i, j = np.repeat(corners, 4, 1).ravel(), np.tile(corners, (1, 4)).ravel()
    pull = PULL * (shares[:, :, None] * shares[:, None]).ravel()
    rows = np.concatenate([np.arange(count), v, i])
    columns = np.concatenate([np.arange(count), u, j])
    values = np.concatenate([diagonal, -strength, pull])
    kept = (place[rows] >= 0) & (place[columns] >= 0) & (rows >= columns)
    rows, columns, values = place[rows[kept]], place[columns[kept]], values[kept]
    band = int((rows - columns).max())
    matrix = np.zeros((band + 1, len(free)))
    np.add.at(matrix, (rows - columns, columns), values)
    return cholesky_banded(matrix, overwrite_ab=True, lower=True, check_finite=False)


def _angles(mesh: Mesh, strength: np.ndarray, rest: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """The turn of each vertex that takes its edges at rest nearest to the bent ones, (V,) radians; 0 at held ones."""
    along = strength * (rest * bent).sum(1)
    across = strength * (rest[:, 0] * bent[:, 1] - rest[:, 1] * bent[:, 0])
    u, v = mesh.edges.T
    count = len(mesh.vertices)
    cosine, sine = (np.bincount(u, part, count) + np.bincount(v, part, count) for part in (along, across))
    return np.where(mesh.held, 0.0, np.arctan2(sine, cosine))


def _rotated(vectors: np.ndarray, angle: np.ndarray) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * vectors[:, 0] - s * vectors[:, 1], s * vectors[:, 0] + c * vectors[:, 1]], -1)


def _gathered(count: int, u: np.ndarray, v: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of edge values (E, 2) at their first vertex, minus those at their second, (V, 2)."""
    return np.stack([np.bincount(u, part, count) - np.bincount(v, part, count) for part in values.T], -1)
