import torch

from dragvideo_core.dragging import supervision


def mean_over_frames(features: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Eq. 3 of all frames at once."""
    return supervision.mean_of_sum(supervision.sum_over_frames(features, visible), visible)


def test_directions_are_unit_vectors_and_zero_at_the_target():
    d = supervision.directions(torch.tensor([[0.0, 0.0], [5.0, 5.0]]), torch.tensor([[3.0, 4.0], [5.0, 5.0]]))
    torch.testing.assert_close(d, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_eq_3_is_the_mean_over_frames():
    features = torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1, 1)
    assert mean_over_frames(features, torch.ones(3, 1, 1, dtype=torch.bool)).item() == 3.0


def test_eq_3_hidden_frames_do_not_pull_the_mean():
    features = torch.tensor([1.0, 2.0, 600.0]).reshape(3, 1, 1, 1, 1)
    seen = torch.tensor([True, True, False]).reshape(3, 1, 1)
    assert mean_over_frames(features, seen).item() == 1.5


def test_eq_4_by_hand():
    features = torch.tensor([[1.0, 3.0], [2.0, 2.0]]).reshape(2, 1, 1, 1, 2)  # two frames, two channels
    template = torch.tensor([1.0, 1.0]).reshape(1, 1, 1, 2)
    loss, distance = supervision.drag_loss(features, template, torch.ones(2, 1, 1))
    assert loss.item() == 2.0  # (0 + 2) / 2 + (1 + 1) / 2
    assert distance.item() == 2.0


def test_eq_4_no_gradient_passes_the_template():
    features = torch.randn(2, 1, 1, 1, 3, requires_grad=True)
    ahead = torch.randn(2, 1, 1, 1, 3, requires_grad=True)
    template = mean_over_frames(features, torch.ones(2, 1, 1))
    supervision.drag_loss(ahead, template, torch.ones(2, 1, 1))[0].backward()
    assert features.grad is None and ahead.grad is not None


def test_eq_5_counts_only_outside_the_mask():
    z, mask = torch.zeros(1, 4, 2, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 1, 2, 2)
    assert supervision.mask_loss(z + 0.5, z, mask).item() == 4 * 2 * 0.5


def test_average_share_is_freedrags():
    first = torch.tensor([[10.0, 10.0, 10.0]])
    share = supervision.average_share(torch.tensor([[2.0, 8.0, 10.0]]), first)
    torch.testing.assert_close(share, torch.tensor([[0.5, 0.1, 0.0507]]), atol=1e-3, rtol=0)


def test_moving_average_by_hand():
    template, newest = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 6.0)
    assert supervision.moving_average(template, newest, torch.full((1, 1), 0.25)).item() == 3.0


def test_patch_is_counted_in_cells_of_half_resolution():
    assert supervision.patch_offsets(1).tolist()[0] == [-2.0, -2.0]
    assert supervision.patch_offsets(1).shape == (9, 2) and supervision.patch_offsets(0).tolist() == [[0.0, 0.0]]


def test_eq_3_can_be_summed_up_chunk_by_chunk():
    generator = torch.Generator().manual_seed(0)
    features, visible = torch.randn(5, 2, 3, 4, 6, generator=generator), torch.rand(5, 2, 3, generator=generator) > 0.4
    total = sum(supervision.sum_over_frames(features[part], visible[part]) for part in (slice(0, 2), slice(2, 5)))
    whole = mean_over_frames(features, visible)
    torch.testing.assert_close(supervision.mean_of_sum(total, visible), whole)
    seen = visible[..., None, None]
    by_hand = (features * seen).sum(0) / seen.sum(0)
    torch.testing.assert_close(whole[visible.any(0)], by_hand[visible.any(0)])
