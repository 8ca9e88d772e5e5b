"""Smooth deformations of the plane about a joint, in closed form, as no editor of ours makes them.

Each kind takes places px in the part's own axes (origin at the joint, first axis towards the handle) and leaves everything well
behind the joint where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

KINDS = ("turned", "bent", "moved")
ROUNDS = 40  # of the fixed-point iteration
TABLE = 400  # points on the bent centre line


@dataclass(frozen=True)
class Field:
    """One deformation. It is a value: call `forward` and `inverse`."""

    kind: str
    joint: np.ndarray  # (2,) px
    handle: np.ndarray  # (2,) px
    amount: float  # radians at the handle (turned, bent), or px (moved)
    more: float  # scale at the handle (turned), direction of the move in radians (moved); nothing for bent

    def forward(self, places: np.ndarray) -> np.ndarray:
        """Where places (.., 2) px go."""
        along = self.handle - self.joint
        length = float(np.hypot(*along))
        axes = np.stack([along, [-along[1], along[0]]]) / length  # rows: unit vectors along and across
        own = (places - self.joint) @ axes.T
        return _BY_KIND[self.kind](own, length, self.amount, self.more) @ axes + self.joint

    def inverse(self, places: np.ndarray) -> np.ndarray:
        """What goes to places (.., 2) px, to 0.01 px; NaN where the fixed-point iteration does not settle: far to the sides."""
        source = places.copy()
        for _ in range(ROUNDS):
            source = source + 0.8 * (places - self.forward(source))
        settled = np.abs(self.forward(source) - places).max(-1, keepdims=True) <= 0.01
        return np.where(settled, source, np.nan)


def _turned(own: np.ndarray, length: float, angle: float, scale: float) -> np.ndarray:
    share = _ramp(own[..., 0], length)[..., None]
    turn, size = share * angle, 1 + share * (scale - 1)
    x, y = own[..., :1], own[..., 1:]
    return size * np.concatenate([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], -1)


def _bent(own: np.ndarray, length: float, angle: float, _: float) -> np.ndarray:
    """The centre line becomes a curve whose direction turns by `angle` on the way from the joint to the handle."""
    along = np.linspace(-length, 4 * length, TABLE)
    turn = angle * _smooth(along / length)
    step = along[1] - along[0]
    line = np.stack([np.cos(turn), np.sin(turn)], -1)
    line = np.cumsum(np.concatenate([[[-length, 0.0]], (line[1:] + line[:-1]) / 2 * step]), 0)
    s = own[..., 0].clip(along[0], along[-1])
    left = own[..., 0] - s  # beyond the table everything goes on straight
    at = np.stack([np.interp(s, along, line[:, k]) for k in (0, 1)], -1)
    angle = np.interp(s, along, turn)
    ahead, across = np.stack([np.cos(angle), np.sin(angle)], -1), np.stack([-np.sin(angle), np.cos(angle)], -1)
    return at + left[..., None] * ahead + own[..., 1:] * across


def _moved(own: np.ndarray, length: float, distance: float, direction: float) -> np.ndarray:
    return own + distance * _smooth(own[..., 0] / length)[..., None] * np.array([np.cos(direction), np.sin(direction)])


def _ramp(along: np.ndarray, length: float) -> np.ndarray:
    return _smooth((along + 0.25 * length) / (0.75 * length))


def _smooth(share: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, with continuous slope between."""
    share = share.clip(0, 1)
    return share * share * (3 - 2 * share)


_BY_KIND: dict[str, Callable[[np.ndarray, float, float, float], np.ndarray]] = {"turned": _turned, "bent": _bent, "moved": _moved}
