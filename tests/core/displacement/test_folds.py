"""Laws of meshes without folds."""

import numpy as np

from dragvideo_core.displacement.backward_map import TRIANGLES
from dragvideo_core.displacement.folds import unfolded
from dragvideo_core.displacement.mesh import Mesh, layer_mesh


def square_mesh() -> Mesh:
    """A square whose outermost vertices are held."""
    region, mask = np.zeros((48, 48), bool), np.zeros((48, 48), bool)
    region[8:40, 8:40] = True
    mask[12:36, 12:36] = True
    return layer_mesh(region, region, mask, 4, (24, 24), 4)


def areas(mesh: Mesh, moved: np.ndarray) -> np.ndarray:
    corners = np.concatenate([mesh.cells[:, list(three)] for three in TRIANGLES])
    a, b, c = (mesh.vertices + moved)[corners].transpose(1, 0, 2)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def test_without_a_fold_nothing_changes():
    mesh = square_mesh()
    moved = np.where(mesh.held[:, None], 0.0, [1.0, 0.5])
    after, had_folds = unfolded(mesh, moved, np.zeros(len(moved), bool))
    assert not had_folds and np.array_equal(after, moved)


def test_a_fold_is_undone_and_held_vertices_stay():
    mesh = square_mesh()
    middle = np.linalg.norm(mesh.vertices - 24, axis=1) < 3
    for kept in (np.zeros(len(middle), bool), middle):  # smoothed away, or the whole drag made shorter
        moved = np.where(middle[:, None], [14.0, 0.0], 0.0)
        given = moved.copy()
        assert (areas(mesh, moved) <= 0).any()
        after, had_folds = unfolded(mesh, moved, kept)
        assert had_folds and (areas(mesh, after) > 0).all()
        assert not after[mesh.held].any() and np.array_equal(moved, given)
