"""Laws of the map from a bent mesh: shifts are exact, what nobody moved is left alone, size does not matter."""

import numpy as np
import pytest

from dragvideo_core.displacement.backward_map import backward, stretches
from dragvideo_core.displacement.mesh import Mesh, layer_mesh


def square_mesh() -> Mesh:
    region = np.zeros((64, 64), bool)
    region[20:40, 20:40] = True
    return layer_mesh(region, region, np.ones((64, 64), bool), 4, (32, 32), 4)


def test_a_mesh_that_does_not_move_has_no_map():
    mesh = square_mesh()
    assert backward(mesh, np.zeros_like(mesh.vertices), (64, 64)) is None


@pytest.mark.parametrize("scale", [1, 2])
def test_a_shifted_mesh_comes_from_where_it_was(scale):
    mesh = square_mesh()
    warp = backward(mesh, np.tile([6.0, -3.0], (len(mesh.vertices), 1)), (64 * scale, 64 * scale), scale)
    rows, columns = warp.box
    y, x = np.mgrid[rows, columns]
    came = warp.places - np.stack([x, y], -1)
    assert warp.moves[(y >= 20 * scale) & (y < 34 * scale) & (x >= 28 * scale) & (x < 44 * scale)].all()
    assert np.allclose(came[warp.moves], [-6.0 * scale, 3.0 * scale], atol=1e-3)
    assert np.allclose(came[~warp.lands], 0) and np.allclose(warp.stretch, 1, atol=1e-4)
    assert warp.left[(y == 38 * scale) & (x == 22 * scale)].all() and not warp.left[(y < 10 * scale)].any()


def test_a_stretch_is_measured_along_its_own_direction():
    rest = np.array([[[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    for matrix, wanted in ((turn, 1.0), (np.diag([3.0, 1.0]) @ turn, 3.0), (np.diag([0.5, 0.25]), 0.5)):
        assert np.allclose(stretches(rest, rest @ matrix.T), wanted)
