import torch

from dragvideo_core.displacement.st_map import st_map
from dragvideo_core.points.sampling import cell_centres, lookup


def test_a_map_that_moves_nothing_counts_pixel_centres_from_the_bottom_left():
    still = cell_centres((4, 8), (4, 8))[None]
    picture = st_map(still, torch.zeros(1, 1, 4, 8))
    assert picture.shape == (1, 4, 8, 3)
    torch.testing.assert_close(picture[0, 3, 0], torch.tensor([0.5 / 8, 0.5 / 4, 0.0]))
    torch.testing.assert_close(picture[0, 0, 7], torch.tensor([7.5 / 8, 3.5 / 4, 0.0]))


def test_a_program_that_follows_the_map_gets_the_moved_picture():
    frame = torch.rand(1, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    moved = (cell_centres((6, 10), (6, 10)) - torch.tensor([2.0, 1.0]))[None]  # everything goes right by 2 and down by 1
    red, green, _ = st_map(moved, torch.ones(1, 1, 6, 10)).unbind(-1)
    places = torch.stack([red * 10 - 0.5, (1 - green) * 6 - 0.5], -1)
    picture = lookup(frame, places, (6, 10)).permute(0, 3, 1, 2)
    torch.testing.assert_close(picture[..., 1:, 2:], frame[..., :-1, :-2], atol=1e-5, rtol=0)
