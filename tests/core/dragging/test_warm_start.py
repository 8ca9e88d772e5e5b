from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.dragging import warm_start
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert


def square_mask(height: int = 64, width: int = 128) -> torch.Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[8:56, 20:100] = True
    return mask


def test_the_displacement_is_whole_at_the_target_and_none_outside_the_mask():
    handle, target, mask = torch.tensor([[44.0, 36.0]]), torch.tensor([[60.0, 30.0]]), square_mask()
    moves = warm_start.displacement(handle, target, mask)
    assert moves.shape == (64, 128, 2)
    torch.testing.assert_close(moves[30, 60], (target - handle)[0], rtol=1e-3, atol=1e-3)
    assert not moves[~mask].any()


def test_the_displacement_does_not_fold():
    """Of two pixels in a row the left one never comes from further right, with a drag of nearly half the way to the edge behind."""
    handle, target, mask = torch.tensor([[48.0, 32.0]]), torch.tensor([[60.0, 32.0]]), square_mask()
    moves = warm_start.displacement(handle, target, mask)
    come_from = torch.arange(128.0) - moves[32, :, 0]
    assert (come_from.diff() > 0).all()


def test_two_points_in_opposite_directions_each_get_their_way():
    handles, targets = torch.tensor([[40.0, 32.0], [80.0, 32.0]]), torch.tensor([[34.0, 32.0], [86.0, 32.0]])
    moves = warm_start.displacement(handles, targets, square_mask())
    assert moves[32, 34, 0] < -5.5 and moves[32, 86, 0] > 5.5


def test_what_is_at_the_handle_appears_at_the_target():
    frame = torch.zeros(1, 3, 64, 128)
    frame[..., 34:39, 42:47] = 1
    moves = warm_start.displacement(torch.tensor([[44.0, 36.0]]), torch.tensor([[60.0, 30.0]]), square_mask())
    moved = warm_start.moved_frames(frame, moves[None])
    assert moved[0, 0, 30, 60] > 0.95
    rows, columns = (moved[0, 0] > 0.5).nonzero().float().mean(0)
    assert abs(rows - 30) < 1 and abs(columns - 60) < 1


def test_noise_moves_by_whole_cells():
    """Same displacement as the picture, on a picture that is not square, and no value that was not there before."""
    noise = torch.randn(2, 4, 16, 32, generator=torch.Generator().manual_seed(0))
    moves = torch.tensor([8.0, -4.0]).expand(2, 64, 128, 2)  # 2 cells to the right, 1 up
    moved = warm_start.moved_noise(noise, moves)
    torch.testing.assert_close(moved[:, :, :-1, 2:], noise[:, :, 1:, :-2], rtol=0, atol=0)


def test_nothing_to_drag_starts_where_the_clip_is(inversion, model):
    tracks = tiny_tracks()
    begun = drag(inversion, replace(tracks, targets=tracks.handles + 0.0), model, DragSettings(iterations=0))
    assert not any(offset.any() for offset in begun.offsets.values())


def test_a_hidden_point_moves_nothing():
    tracks = tiny_tracks()
    visible = tracks.visible.clone()
    visible[1] = False
    moves = warm_start.displacements(replace(tracks, visible=visible))
    assert moves[0].any() and not moves[1].any()


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def inversion(model):
    return invert(tiny_clip(3), model, InvertSettings())


def test_only_the_highest_step_starts_with_an_offset(inversion, model):
    begun = drag(inversion, tiny_tracks(), model, DragSettings(iterations=0))
    assert begun.offsets[42].any()
    assert not any(begun.offsets[step].any() for step in (41, 35, 30))
    cold = drag(inversion, tiny_tracks(), model, DragSettings(iterations=0, warm_start=False))
    assert not any(offset.any() for offset in cold.offsets.values())


def test_one_frame_chunks_give_the_same_start(inversion, model):
    one, all_ = (drag(inversion, tiny_tracks(), model, DragSettings(iterations=0, chunk=c)) for c in (1, 3))
    torch.testing.assert_close(one.offsets[42], all_.offsets[42], rtol=1e-4, atol=1e-5)
