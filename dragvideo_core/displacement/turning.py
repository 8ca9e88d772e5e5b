"""How each place of a mesh turns and stretches to begin with: a part that swings about its joint keeps its bow.

The harmonic start carries all directions along as they were. For an arm that is pulled sideways that is wrong, and the rigid
rounds need a hundred steps to find out, since each carries a turn only from vertex to vertex. It also draws a bowed neck straight.
So the part's way is guessed. Its joint is where it begins to follow its handle. What lies between the two turns as the line from
the joint to the handle does, and grows along the part as that line grows; its breadth stays. So a bow stays the same share of its
length. What is about the handle does not grow, and turns only where it is long: an arm's end does, a round head on its neck does
not. Our addition; chosen on the drawn and the filmed benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mesh import Mesh

JOINT = (0.03, 0.2)  # of the handle's way: what follows so much is where the part begins
WHOLE = 0.15  # of the handle's way: what follows so much more than the joint's lower end turns and grows wholly
HAND = 0.8  # of the handle's way: what follows more tells whether the part about the handle is long
HELD = 0.9  # of the handle's way: what follows more goes with the hand, wholly what follows all of it
AROUND, ASIDE = 0.7, 0.9  # how far the joint's middle is from the handle, by how far its parts are: up to AROUND it is no joint
ROUND, LONG = 1.3, 1.5  # its length by its breadth: up to ROUND it does not turn, from LONG on it turns wholly
PIN = 0.1  # px: a point that moves less holds its place
LEAST = 4  # vertices that a joint, or the part about a handle, is judged by
MOST = 2.0  # times as long, or as short, as a part becomes


@dataclass(frozen=True)
class FirstTurns:
    """How each of a mesh's V vertices turns and stretches to begin with."""

    angle: np.ndarray  # (V,) radians
    growth: np.ndarray  # (V,) how much longer it becomes along its part, as a share: 0 is as long as it was
    along: np.ndarray  # (V, 2) unit vectors along the part; 0 where it has no direction

    @staticmethod
    def none(count: int) -> FirstTurns:
        """Of `count` vertices that neither turn nor stretch."""
        return FirstTurns(np.zeros(count), np.zeros(count), np.zeros((count, 2)))

    def stretched(self, vertices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Vectors (E, 2) px at rest, as they are stretched at these vertices (E,), before they turn."""
        along = self.along[vertices]
        return vectors + (self.growth[vertices] * (vectors * along).sum(1))[:, None] * along


def first_turns(mesh: Mesh, shares: np.ndarray, points: np.ndarray, moves: np.ndarray) -> FirstTurns:
    """The turns to begin with, for points (P, 2) px of the mesh that go by moves (P, 2) px.

    shares (P, V): how much of the way of each point a vertex goes in the harmonic start. Nothing turns where several points move:
    they say themselves how the part goes.
    """
    count = len(mesh.vertices)
    moving = np.linalg.norm(moves, axis=1) > PIN
    if moving.sum() != 1:
        return FirstTurns.none(count)
    share, point, move = shares[moving][0], points[moving][0], moves[moving][0]
    turn, size, hand = _way(mesh, share, point, move)
    in_hand = ((share - HELD) / (1 - HELD)).clip(0, 1)
    follows = ((share - JOINT[0]) / WHOLE).clip(0, 1)
    angle = follows * (in_hand * hand + (1 - in_hand) * turn)
    return FirstTurns(angle, np.exp(follows * (1 - in_hand) * np.log(size)) - 1, _along(mesh, share))


def _way(mesh: Mesh, share: np.ndarray, point: np.ndarray, move: np.ndarray) -> tuple[float, float, float]:
    """The turn of the part that a point holds, radians; how many times as long it becomes; and the turn of what is about the point.

    The shape of what is about it is judged in the largest circle that the picture holds.
    """
    at_joint = (share > JOINT[0]) & (share < JOINT[1])
    if at_joint.sum() < LEAST:
        return 0.0, 1.0, 0.0
    arms = point - mesh.vertices[at_joint]
    arm = arms.mean(0)
    length = np.linalg.norm(arm)
    is_aside = ((length / np.linalg.norm(arms, axis=1).mean() - AROUND) / (ASIDE - AROUND)).clip(0, 1)
    after = arm + move
    angle = np.arctan2(arm[0] * after[1] - arm[1] * after[0], arm @ after)
    # A handle that is drawn to its joint, or past it, turns by nobody knows how much.
    is_sure = is_aside * (2 * np.cos(angle)).clip(0, 1)
    size = (np.linalg.norm(after) / max(length, 1e-6)).clip(1 / MOST, MOST)
    turn = float(is_sure * angle)
    return turn, float(size**is_sure), turn * _is_long(mesh, share, point)


def _is_long(mesh: Mesh, share: np.ndarray, point: np.ndarray) -> float:
    """Whether what is about a point is long, 0 to 1."""
    shown = min(point.min(), (np.array(mesh.size[::-1]) - 1 - point).min())
    away = mesh.vertices - point
    about = away[(share > HAND) & (np.linalg.norm(away, axis=1) <= shown)]
    if len(about) < LEAST:
        return 0.0
    breadth, length = np.sqrt(np.linalg.eigvalsh(about.T @ about).clip(1e-9))
    return float(((length / breadth - ROUND) / (LONG - ROUND)).clip(0, 1))


def _along(mesh: Mesh, share: np.ndarray) -> np.ndarray:
    """Unit vectors (V, 2) in which the share rises, 0 where it does not: along the part, towards the handle."""
    u, v = mesh.edges.T
    way = mesh.vertices[v] - mesh.vertices[u]
    rise = (share[v] - share[u])[:, None] * way / (way**2).sum(1, keepdims=True)
    slope = np.stack([np.bincount(u, part, len(share)) + np.bincount(v, part, len(share)) for part in rise.T], -1)
    return slope / np.linalg.norm(slope, axis=1, keepdims=True).clip(1e-9)
