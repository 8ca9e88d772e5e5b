"""How far each place of a mesh turns to begin with: a part that is long, or reaches on beyond its handle, swings about its joint.

The harmonic start carries all directions along as they were. For an arm that is pulled sideways that is wrong, and the rigid
rounds need a hundred steps to find out, since each carries a turn only from vertex to vertex. So the turn is guessed: the
joint is where the part begins to follow its handle, and the part turns as the line from the joint to the handle does. What is
round about its handle, a head on its neck, is moved and does not turn. Our addition; chosen on the drawn and the filmed benchmark.
"""

from __future__ import annotations

import numpy as np

from .mesh import Mesh

JOINT = (0.03, 0.2)  # of the handle's way: what follows so much is where the part begins
WHOLE = 0.15  # of the handle's way: what follows so much more than the joint's lower end turns wholly
HAND = 0.8  # of the handle's way: what follows more is the part about the handle
ROUND, LONG = 1.3, 1.5  # its length by its breadth: up to ROUND it does not turn, from LONG on it turns wholly
PIN = 0.1  # px: a point that moves less holds its place
LEAST = 4  # vertices that a joint, or the part about a handle, is judged by


def first_turns(mesh: Mesh, shares: np.ndarray, points: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """The turn of each vertex to begin with, (V,) radians.

    shares (P, V): how much of the way of each point (P, 2) px a vertex goes in the harmonic start; moves (P, 2) px: of the points.
    Nothing turns where several points move: they say themselves how the part goes.
    """
    turns, weights = np.zeros(len(mesh.vertices)), np.zeros(len(mesh.vertices))
    if (np.linalg.norm(moves, axis=1) > PIN).sum() > 1:
        return turns
    for share, point, move in zip(shares, points, moves, strict=True):
        turns += share * _turn(mesh, share, point, move)
        weights += share
    following = ((weights - JOINT[0]) / WHOLE).clip(0, 1)
    return following * turns / np.maximum(weights, JOINT[0])


def _turn(mesh: Mesh, share: np.ndarray, point: np.ndarray, move: np.ndarray) -> float:
    """The turn of the part that one point holds, radians. Its shape is judged in the largest circle that the picture holds."""
    at_joint = (share > JOINT[0]) & (share < JOINT[1])
    shown = min(point.min(), (np.array(mesh.size[::-1]) - 1 - point).min())
    away = mesh.vertices - point
    about = away[(share > HAND) & (np.linalg.norm(away, axis=1) <= shown)]
    if at_joint.sum() < LEAST or len(about) < LEAST:
        return 0.0
    arm = point - mesh.vertices[at_joint].mean(0)
    after = arm + move
    angle = np.arctan2(arm[0] * after[1] - arm[1] * after[0], arm @ after)
    breadth, length = np.sqrt(np.linalg.eigvalsh(about.T @ about).clip(1e-9))
    is_long = ((length / breadth - ROUND) / (LONG - ROUND)).clip(0, 1)
    is_sure = (2 * np.cos(angle)).clip(0, 1)  # a handle that is drawn to its joint, or past it, turns by nobody knows how much
    return float(is_long * is_sure * angle)
