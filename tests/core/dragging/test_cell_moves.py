"""Laws of the displacement taken to cells: whole cells move, and nothing of the thing stays where ground came free."""

from dataclasses import replace

import torch
from core.tiny import tiny_clip, tiny_tracks

from dragvideo_core.dragging.cell_moves import cell_moves, with_fresh_noise
from dragvideo_core.points.sampling import cell_centres
from dragvideo_core.types import Displacement

CELLS, SIDE = (16, 16), 64


def shifted(frames: int = 2, by: tuple[float, float] = (8.0, -4.0)) -> Displacement:
    """A square of the left half that goes two cells to the right and one up; what it leaves is free."""
    centres = cell_centres((SIDE, SIDE), (SIDE, SIDE)).expand(frames, -1, -1, -1)
    backward, matte = centres.clone(), torch.zeros(frames, 1, SIDE, SIDE)
    backward[:, 12:28, 16:32] = centres[:, 12:28, 16:32] - torch.tensor(by)
    matte[..., 12:28, 16:32] = 1
    freed = torch.zeros(frames, 1, SIDE, SIDE, dtype=torch.bool)
    freed[..., 16:32, 8:16] = True
    nowhere = torch.zeros_like(freed)
    return Displacement(tiny_clip(frames).frames, backward, matte, freed, nowhere, torch.ones_like(matte))


def test_values_go_with_the_pixels_by_whole_cells():
    moves, values = cell_moves(shifted(), tiny_tracks(2), CELLS), torch.randn(2, 4, *CELLS)
    moved = moves.taken_along(values)
    assert torch.equal(moved[..., 3:7, 4:8], values[..., 4:8, 2:6])
    assert torch.equal(moved[..., 8:, :], values[..., 8:, :]) and torch.equal(moved[..., 8:], values[..., 8:])
    assert torch.equal(moves.taken_along(values[1:], slice(1, 2)), moved[1:])


def test_noise_is_new_where_ground_came_free_and_there_alike_in_every_frame():
    moves, noise = cell_moves(shifted(), tiny_tracks(2), CELLS), torch.randn(2, 4, *CELLS)
    made = with_fresh_noise(noise, moves, torch.Generator().manual_seed(1))
    freed = moves.freed.expand_as(noise)
    assert freed.any() and not bool((made == noise)[freed].any())
    assert torch.equal(made[~freed], moves.taken_along(noise)[~freed])
    assert torch.equal(made[0][freed[0]], made[1][freed[1]])


def test_the_thing_is_the_layer_where_it_is_known():
    layer = torch.zeros(2, 1, SIDE, SIDE)
    layer[..., 16:32, 8:24] = 1
    known = cell_moves(shifted(), replace(tiny_tracks(2), layer=layer), CELLS)
    assert known.covered[..., 4:8, 2:6].all() and known.covered.sum() == 2 * 16
    guessed = cell_moves(shifted(), tiny_tracks(2), CELLS)
    assert torch.equal(guessed.covered, guessed.freed)


def test_nothing_moves_nothing():
    still = shifted(by=(0.0, 0.0))
    moves = cell_moves(replace(still, freed=torch.zeros_like(still.freed)), tiny_tracks(2), CELLS)
    values = torch.randn(2, 4, *CELLS)
    assert not moves.touched.any() and torch.equal(moves.taken_along(values), values)
