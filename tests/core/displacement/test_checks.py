"""Whether points lie on the layer."""

import torch

from dragvideo_core.displacement.checks import on_layer


def test_sets_on_the_layer_and_next_to_it_are_told_from_those_off_it():
    layer = torch.zeros(2, 1, 64, 64)
    layer[0, 0, 20:40, 20:40] = 1  # and none in the second frame
    middles = torch.tensor([[30.0, 30.0], [42.0, 30.0], [60.0, 5.0], [-9.0, 30.0]])
    handles = (middles[:, None] + torch.tensor([[-1.0, 0.0], [1.0, 0.0]])).expand(2, -1, -1, -1)
    assert on_layer(layer, handles).tolist() == [[True, True, False, False], [False] * 4]
