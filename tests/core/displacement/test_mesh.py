"""Laws of the mesh over the layer."""

import numpy as np

from dragvideo_core.displacement.mesh import Mesh, layer_mesh, place_in


def disc_mesh(side: int = 64, spacing: int = 4) -> tuple[np.ndarray, Mesh]:
    """A disc in the middle of a square picture, with a mask that leaves its left part out."""
    y, x = np.mgrid[:side, :side]
    disc = np.hypot(x - side / 2, y - side / 2) < side / 4
    mask = np.zeros((side, side), bool)
    mask[:, side // 3 :] = True
    return disc, layer_mesh(disc, disc, mask, spacing, (side // 2, side // 2), spacing)


def test_every_pixel_of_the_layer_that_may_change_is_on_the_mesh():
    disc, mesh = disc_mesh()
    y, x = np.nonzero(disc)
    inside = x >= 64 // 3
    assert (place_in(mesh, np.stack([x, y], -1)[inside])[0] >= 0).all()
    assert place_in(mesh, np.array([[2.0, 2.0]]))[0][0] == -1


def test_shares_of_the_corners_give_the_point_back():
    _, mesh = disc_mesh()
    points = np.random.default_rng(0).uniform(26, 42, (40, 2))
    cell, shares = place_in(mesh, points)
    assert (cell >= 0).all()
    assert np.allclose((mesh.vertices[mesh.cells[cell]] * shares[..., None]).sum(1), points)
    assert np.allclose(shares.sum(1), 1) and (shares >= 0).all()


def test_what_the_mask_leaves_out_is_held():
    _, mesh = disc_mesh()
    assert mesh.held.any() and not mesh.held.all()
    assert mesh.vertices[mesh.held][:, 0].max() < mesh.vertices[~mesh.held][:, 0].max()
    assert mesh.vertices[mesh.held][:, 0].max() <= 64 // 3 + mesh.spacing


def test_a_vertex_falls_on_the_origin():
    _, mesh = disc_mesh()
    gap = (mesh.vertices + 0.5 - 32) % mesh.spacing
    assert np.allclose(gap, 0)
