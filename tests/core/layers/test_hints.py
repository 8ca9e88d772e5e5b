"""Points whose moves are known help flow over what it is too slow for, and do no harm where they are wrong."""

import cv2
import numpy as np
import pytest
import torch

from dragvideo_core.exchange.tracks import GivenTracks
from dragvideo_core.layers.carry import carry
from dragvideo_core.layers.hints import Hint, flow_with_hints, hints_of
from dragvideo_core.points.flow import optical_flow
from dragvideo_core.stages.follow import follow
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import Correction, PointPicks, VideoClip

SIDE, PART = 128, 24
FROM, TO = np.array([40, 40]), np.array([66, 60])  # column and row of the middle of what jumps


def texture(side: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(side, side, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (0.5 + 0.15 * smooth / smooth.std()).clip(0, 1)


def jump() -> tuple[torch.Tensor, np.ndarray]:
    """Two frames (2, 3, H, W) in which a square jumps that has the colours of its ground, and where it is: (2, H, W) bool."""
    frames, layers = [], np.zeros((2, SIDE, SIDE), bool)
    for layer, (column, row) in zip(layers, (FROM, TO), strict=True):
        layer[row - PART // 2 : row + PART // 2, column - PART // 2 : column + PART // 2] = True
        picture = texture(SIDE, 0)
        picture[layer] = texture(PART, 1).reshape(-1, 3)
        frames.append(torch.from_numpy(picture).permute(2, 0, 1))
    return torch.stack(frames), layers


FRAMES, TRUTH = jump()


def iou(layer: torch.Tensor | np.ndarray) -> float:
    found = np.asarray(layer) >= 0.5
    return float((found & TRUTH[1]).sum() / (found | TRUTH[1]).sum())


def picks() -> PointPicks:
    handle = torch.from_numpy(FROM).float()[None]
    return PointPicks(handle, handle + 8, torch.zeros(0, 2), frame=0, size=(SIDE, SIDE))


def test_flow_that_misses_a_jump_is_started_from_a_known_move():
    missed, found = optical_flow(*FRAMES).numpy(), flow_with_hints(*FRAMES, 0, [Hint(FROM, TO - FROM)], SIDE)
    middle = TRUTH[0] & (np.abs(np.mgrid[:SIDE, :SIDE] - FROM[::-1, None, None]).max(0) < 8)
    away = (np.abs(flow - (TO - FROM)[:, None, None]).max(0)[middle].max() for flow in (missed, found))
    assert next(away) > 10 and next(away) < 1
    assert np.array_equal(found[:, 90:], missed[:, 90:])  # far from the point nothing changes


@pytest.mark.parametrize(
    "place, move", [(FROM, [-20.0, 15.0]), (np.array([100, 100]), [12.0, 0.0]), (np.array([-4, 60]), [9.0, 0.0])]
)
def test_a_wrong_move_and_a_place_outside_change_nothing(place: np.ndarray, move: list[float]):
    still = FRAMES[:1].expand(2, -1, -1, -1)
    flow = flow_with_hints(*still, 0, [Hint(place, np.array(move))], SIDE)
    assert np.array_equal(flow, optical_flow(*still).numpy())


def test_a_set_says_how_it_goes_by_those_of_its_points_that_are_seen():
    before = torch.tensor([[[10.0, 10.0], [20.0, 10.0], [90.0, 90.0]], [[5.0, 5.0], [6.0, 6.0], [7.0, 7.0]]])
    after = before + torch.tensor([3.0, -2.0])
    after[0, 2] = 0
    hints = hints_of(before, after, torch.tensor([[True, True, False], [False, False, False]]))
    assert [(hint.place.tolist(), hint.move.tolist()) for hint in hints] == [([15.0, 10.0], [3.0, -2.0])]


def test_a_layer_jumps_with_its_handle():
    handles, first = torch.tensor(np.stack([FROM, TO])).float()[:, None, None], {0: TRUTH[0].astype(np.float32)}
    assert iou(carry(FRAMES, first)[1, 0]) < 0.5
    assert iou(carry(FRAMES, first, handles, torch.ones(2, 1, 1, dtype=torch.bool))[1, 0]) > 0.9
    assert iou(carry(FRAMES, first, handles, torch.tensor([True, False])[:, None, None])[1, 0]) < 0.5  # it was not seen there


def test_a_layer_jumps_with_a_corrected_handle_and_along_given_tracks():
    clip, mask = VideoClip(FRAMES, torch.arange(2), 25.0), segment(torch.from_numpy(TRUTH[0]).float())
    correction = Correction(frame=1, pair=0, handle=torch.from_numpy(TO).float())
    by_hand = propagate(clip, picks(), mask, settings=PropagateSettings(tracker="flow"), corrections=[correction])
    places = torch.from_numpy(np.stack([FROM, TO])).float()[:, None]
    along = follow(clip, picks(), GivenTracks(places, torch.ones(2, 1, dtype=torch.bool)), segmenter=mask)
    assert iou(by_hand.layer[1, 0]) > 0.9 and iou(along.layer[1, 0]) > 0.9
