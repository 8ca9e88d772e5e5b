"""Carrying a layer: by the motion of the thing, from the nearest frame that is known, both ways."""

import numpy as np
import torch

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.layers import carry as carrying
from dragvideo_core.layers.carry import carry, layer_motion, moved


def iou(one: torch.Tensor, other: torch.Tensor) -> float:
    one, other = one >= 0.5, other >= 0.5
    return float((one & other).sum() / (one | other).sum())


def test_a_drawn_layer_is_carried_from_the_first_the_middle_and_the_last_frame():
    drawn = demo_clip("creature", 100, 3)
    truth = drawn.layer
    for start in range(3):
        layer = carry(drawn.clip.frames, {start: truth[start, 0].numpy()})
        assert layer.shape == (3, 1, 128, 128) and layer.dtype == torch.float32
        assert torch.equal(layer[start], truth[start])  # what was given stays as it is
        assert min(iou(layer[i], truth[i]) for i in range(3)) >= 0.95
        stays = min(iou(truth[start], truth[i]) for i in range(3))
        assert stays < 0.95  # or carrying would not be needed


def test_each_frame_is_reached_from_the_nearest_known_one(monkeypatch):
    steps, frames = [], torch.arange(6.0).reshape(6, 1, 1, 1).expand(6, 3, 64, 64)

    def as_it_is(source, frame, layer, palette, hints) -> carrying.Moved:
        steps.append((int(source[0, 0, 0]), int(frame[0, 0, 0])))
        return carrying.Moved(layer, np.zeros((2, 0, 0)), (0, 0))

    monkeypatch.setattr(carrying, "moved", as_it_is)
    ones, zeros = np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32)
    layer = carry(frames, {1: ones, 4: zeros})
    assert sorted(steps) == [(1, 0), (1, 2), (4, 3), (4, 5)]
    assert layer.mean((1, 2, 3)).tolist() == [1, 1, 1, 0, 0, 0]


def test_the_motion_of_the_inside_goes_on_over_the_edge_and_the_grounds_does_not_count():
    layer = np.zeros((64, 64), np.float32)
    layer[20:44, 20:44] = 1
    flow = np.zeros((2, 64, 64), np.float32)
    flow[0] = -3.0  # the ground, and the rim of the thing as flow sees it
    flow[0, 22:42, 22:42] = 5.0
    motion = layer_motion(layer, flow, -_there(flow), 64)
    assert np.abs(motion[0, 18:46, 18:46] - 5).max() < 0.3 and np.abs(motion[1]).max() < 1e-5


def _there(flow: np.ndarray) -> np.ndarray:
    """The flow as it is seen from the other picture, in which the middle has moved by 5 px."""
    back = np.zeros_like(flow)
    back[0] = -3.0
    back[0, 22:42, 27:47] = 5.0
    return back


def test_an_empty_and_a_full_layer_stay_so():
    frames = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for value in (0.0, 1.0):
        layer = np.full((64, 64), value, np.float32)
        assert np.array_equal(moved(*frames, layer).layer, layer)
