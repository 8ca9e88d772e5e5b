import torch

from dragvideo_core.points import dift
from dragvideo_core.points.sampling import cell_centres


def test_dift_matches_a_map_with_itself_at_once():
    features = torch.nn.functional.normalize(torch.randn(16, 8, 12), dim=0)
    points = cell_centres((8, 12), (32, 48)).reshape(-1, 2)[[5, 40, 77]]
    matched, similarity = dift.match(dift.sample(features, points, (32, 48)), features, (32, 48))
    assert (matched - points).abs().max() < 0.5 and similarity.min() > 0.999


def test_dift_window_keeps_the_match_near():
    features = torch.nn.functional.normalize(torch.randn(16, 8, 8), dim=0)
    wanted = dift.sample(features, torch.tensor([[29.5, 29.5]]), (32, 32))
    matched, _ = dift.match(wanted, features, (32, 32), around=torch.tensor([[5.0, 5.0]]), window=6.0)
    assert (matched - 5).abs().max() <= 6 + 4 * 1.6
