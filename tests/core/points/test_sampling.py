import pytest
import torch
from torch.nn import functional

from dragvideo_core.points.sampling import cell_centres, lookup, mask_to_cells


def test_lookup_at_integer_points_returns_the_map():
    features = torch.randn(2, 5, 6, 9)  # not square: x and y must not be swapped
    y, x = torch.meshgrid(torch.arange(6), torch.arange(9), indexing="ij")
    points = torch.stack([x, y], -1).float().expand(2, -1, -1, -1)
    torch.testing.assert_close(lookup(features, points, (6, 9)), features.permute(0, 2, 3, 1))


def test_lookup_half_way_is_the_mean():
    features = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    assert lookup(features, torch.tensor([[[0.5, 0.0]]]), (2, 2)).item() == 2.0
    assert lookup(features, torch.tensor([[[0.0, 0.5]]]), (2, 2)).item() == 4.0


def test_lookup_at_cell_centres_of_a_coarse_map_returns_the_map():
    features = torch.randn(1, 3, 4, 6)
    centres = cell_centres((4, 6), (32, 48))
    assert centres[0, 0].tolist() == [3.5, 3.5]  # a cell of 8 pixels has its centre between pixels 3 and 4
    torch.testing.assert_close(lookup(features, centres[None], (32, 48))[0], features[0].permute(1, 2, 0))


def test_lookup_outside_gives_the_border():
    features = torch.randn(1, 2, 4, 4)
    sampled = lookup(features, torch.tensor([[[-7.0, -7.0], [99.0, 99.0]]]), (4, 4))
    torch.testing.assert_close(sampled[0], torch.stack([features[0, :, 0, 0], features[0, :, 3, 3]]))


@pytest.mark.parametrize("cells", [(4, 6), (16, 24), (1, 7)])
def test_lookup_is_grid_sample_with_border_padding_and_so_is_its_gradient(cells):
    """Apple's devices do not have the gradient of that padding, so `lookup` does without it."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, *cells, generator=generator)
    points = torch.rand(2, 300, 2, generator=generator) * torch.tensor([80.0, 60.0]) - 16  # many outside the 48 x 32 picture
    points[0, 0], points[0, 1] = torch.tensor([-0.5, -0.5]), torch.tensor([47.5, 31.5])

    def by_border(features, points):
        grid = ((points + 0.5) * 2 / torch.tensor([48, 32]) - 1)[:, None]
        sampled = functional.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return sampled[:, :, 0].transpose(1, 2)

    results = []
    for way in (by_border, lambda features, points: lookup(features, points, (32, 48))):
        inputs = features.clone().requires_grad_(), points.clone().requires_grad_()
        sampled = way(*inputs)
        results.append((sampled, *torch.autograd.grad((sampled**2).sum(), inputs)))
    for wanted, got in zip(*results, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-3, rtol=1e-4)


def test_lookup_uses_no_border_padding(monkeypatch):
    asked = []
    sample = functional.grid_sample
    monkeypatch.setattr(functional, "grid_sample", lambda *values, **more: asked.append(more) or sample(*values, **more))
    lookup(torch.zeros(1, 1, 2, 2), torch.zeros(1, 3, 2), (4, 4))
    assert [more["padding_mode"] for more in asked] == ["zeros"]


def test_one_pixel_opens_its_cell():
    mask = torch.zeros(1, 1, 16, 24, dtype=torch.bool)
    mask[0, 0, 9, 17] = True
    cells = mask_to_cells(mask, (4, 6))
    assert cells.sum() == 1 and cells[0, 0, 2, 4] == 1
