"""Laws of the bent mesh: pulls are met, held vertices stay, and what nobody holds goes along as a piece."""

import numpy as np
import pytest

from dragvideo_core.displacement.mesh import layer_mesh
from dragvideo_core.displacement.rigid import Pulls, bend

SIDE = 48


def bar_mesh(held: bool):
    """A bar from left to right; `held`: its left end lies outside of the mask."""
    bar, mask = np.zeros((SIDE, SIDE), bool), np.ones((SIDE, SIDE), bool)
    bar[20:28, 8:40] = True
    mask[:, :12] = not held
    return layer_mesh(bar, bar, mask, 4, (24, 24), 4)


def pull(*moves: tuple[float, float]) -> Pulls:
    points = np.array([[36.0, 24.0], [28.0, 24.0]][: len(moves)])
    return Pulls(points, np.array(moves), np.zeros((0, 3)))


@pytest.mark.parametrize("rounds", [0, 5])
def test_without_an_anchor_everything_moves_with_the_handle(rounds):
    moved = bend(bar_mesh(held=False), pull((5.0, -3.0)), rounds)
    assert np.allclose(moved, [5.0, -3.0], atol=0.02)


@pytest.mark.parametrize("rounds", [0, 5])
def test_held_vertices_stay_and_the_handle_arrives(rounds):
    mesh = bar_mesh(held=True)
    moved = bend(mesh, pull((0.0, -6.0)), rounds)
    assert mesh.held.any() and not moved[mesh.held].any()
    near = np.linalg.norm(mesh.vertices - [36, 24], axis=1) < 3
    assert np.allclose(moved[near].mean(0), [0, -6], atol=0.7)


def test_no_pull_no_move():
    mesh = bar_mesh(held=True)
    assert not bend(mesh, pull((0.0, 0.0)), 3).any()
    assert not bend(mesh, Pulls(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 3))), 3).any()


def test_rounds_keep_the_lengths_of_edges_better_than_the_harmonic_start():
    mesh = bar_mesh(held=True)

    def change_of_length(rounds: int) -> float:
        u, v = mesh.edges.T
        after = mesh.vertices + bend(mesh, pull((-4.0, -12.0)), rounds)
        before = np.linalg.norm(mesh.vertices[u] - mesh.vertices[v], axis=1)
        return float(np.square(np.linalg.norm(after[u] - after[v], axis=1) / before - 1).mean())

    assert change_of_length(20) < 0.8 * change_of_length(0)
