"""Laws of the true edits' deformations."""

from __future__ import annotations

import numpy as np
import pytest
from bench.fields import KINDS, Field

AMOUNTS = {"turned": (0.4, 0.9), "bent": (-0.6, 0.0), "moved": (15.0, 1.0)}


def field(kind: str) -> Field:
    return Field(kind, np.array([40.0, 60.0]), np.array([80.0, 30.0]), *AMOUNTS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_behind_the_joint_stays(kind):
    one = field(kind)
    behind = one.joint - np.array([[1.0], [0.5]]) * (one.handle - one.joint)
    assert np.abs(one.forward(behind) - behind).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_inverse_undoes_it_and_the_handle_moves(kind):
    one, rng = field(kind), np.random.default_rng(0)
    along = rng.uniform(-0.5, 1.5, (200, 1))
    places = one.joint + along * (one.handle - one.joint) + rng.uniform(-12, 12, (200, 2))
    assert np.abs(one.inverse(one.forward(places)) - places).max() < 0.1
    assert np.linalg.norm(one.forward(one.handle) - one.handle) > 8


def test_a_turn_keeps_distances_to_the_joint_where_it_does_not_scale():
    one = Field("turned", np.array([40.0, 60.0]), np.array([80.0, 30.0]), 0.4, 1.0)
    places = one.handle + np.array([[0.0, 0.0], [5.0, 2.0], [-4.0, 6.0]])
    before, after = (np.linalg.norm(where - one.joint, axis=-1) for where in (places, one.forward(places)))
    assert after == pytest.approx(before)


def test_bending_keeps_lengths_along_the_centre_line():
    one = field("bent")
    line = one.joint + np.linspace(0, 1.5, 300)[:, None] * (one.handle - one.joint)
    before, after = (np.linalg.norm(np.diff(where, axis=0), axis=1).sum() for where in (line, one.forward(line)))
    assert after == pytest.approx(before, rel=1e-3)


def test_too_much_is_said_by_nan_and_not_by_a_wrong_place():
    one = Field("turned", np.array([40.0, 60.0]), np.array([80.0, 30.0]), 1.0, 1.2)
    places = np.stack(np.meshgrid(np.arange(-200.0, 300.0, 5), np.arange(-200.0, 300.0, 5)), -1)
    back = one.inverse(places)
    settled = ~np.isnan(back).any(-1)
    assert not settled.all() and np.abs(one.forward(back[settled]) - places[settled]).max() <= 0.011
