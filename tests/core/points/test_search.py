"""Points that flow has lost, searched for by the look of what is around them."""

import pytest
import torch
from torch.nn import functional

from dragvideo_core.points.search import look_alikes
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import EverythingSegmenter as Everything
from dragvideo_core.types import PointPicks, VideoClip

GROUND, THING, POST = (torch.tensor(colour)[:, None, None] for colour in ([-0.2, 0.0, 0.2], [0.2, 0.1, -0.2], [0.0, 0.3, -0.1]))
SIDE, MIDDLE = 256, torch.tensor([[90.0, 100.0]])
FLOW = PropagateSettings(tracker="flow", ends_at_cuts=False)


def texture(seed: int, colour: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    noise = torch.rand(1, 3, side + 4, side + 4, generator=torch.Generator().manual_seed(seed))
    return functional.avg_pool2d(noise, 5, 1)[0].sub(0.5).mul(2).add(0.5 + colour).clamp(0, 1)


def with_thing(places: list[tuple[int, int]], radius: int, colour: torch.Tensor = THING) -> torch.Tensor:
    """Frames with still ground and a square thing of its own texture around each place (x, y)."""
    frames = texture(0, GROUND).repeat(len(places), 1, 1, 1)
    for frame, (x, y) in zip(frames, places, strict=True):
        frame[:, y - radius : y + radius + 1, x - radius : x + radius + 1] = texture(1, colour, 2 * radius + 1)
    return frames


def test_a_thing_that_went_far_is_found_by_its_look():
    here, there = with_thing([(90, 100), (125, 81)], 20)
    (difference, shift), *others = look_alikes(here, there, MIDDLE, MIDDLE, 40)
    assert shift.tolist() == [35, -19] and difference < 1e-3 and not others
    expected = MIDDLE + torch.tensor([30.0, -16.0])
    assert look_alikes(here, there, MIDDLE, expected, 6)[0][1].tolist() == [35, -19]
    assert not look_alikes(here, there, MIDDLE, MIDDLE, 20)  # it is not so near


def test_a_look_alike_alone_is_not_believed():
    """A patch as large as the one that is compared went away, and what is beside it stayed."""
    here, there = with_thing([(90, 100), (125, 81)], 6, GROUND)
    assert not look_alikes(here, there, MIDDLE, MIDDLE, 40)


@pytest.mark.parametrize(
    "points", [[[3.0, 100.0]], [[252.0, 100.0]], [[60.0, 100.0], [110.0, 100.0]]], ids=["left border", "right border", "spread"]
)
def test_what_cannot_be_compared_is_not_found(points):
    here, there = with_thing([(90, 100), (95, 100)], 20)
    assert not look_alikes(here, there, torch.tensor(points), torch.tensor(points), 40)


def test_ground_of_one_colour_is_nowhere():
    plain = torch.full((3, SIDE, SIDE), 0.4)
    assert not look_alikes(plain, plain, MIDDLE, MIDDLE, 40)


def ways(places: list[tuple[int, int]], frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far the handle's set is from the thing in each frame, (N, S) px, and which points are seen."""
    at = torch.tensor(places, dtype=torch.float32)
    picks = PointPicks(at[:1], at[:1] + 5, torch.zeros(0, 2), 0, (SIDE, SIDE))
    clip = VideoClip(frames, torch.arange(len(frames)), 24.0)
    tracks = propagate(clip, picks, Everything(), None, FLOW)
    gap = (tracks.handles - tracks.handles[0]) - (at - at[0])[:, None, None]
    return gap[:, 0].norm(dim=-1), tracks.visible[:, 0]


def test_points_stay_on_a_thing_that_moves_by_more_than_flow_can_follow():
    places = [(40, 120), (76, 100), (112, 130), (148, 110), (184, 135)]
    gap, seen = ways(places, with_thing(places, 18))
    assert gap.max() < 1 and seen.all()


def test_points_are_found_again_where_a_thing_comes_out_from_behind_another():
    """It is behind a post for three frames, and out of it far from where it went in."""
    places = [(60, 120), (70, 120), (84, 120), (98, 121), (112, 123), (130, 126), (140, 128)]
    frames = with_thing(places, 18)
    frames[2:5, :, :, 58:138] = texture(2, POST)[:, :, 58:138]
    gap, seen = ways(places, frames)
    assert not seen[2:5].any() and seen[[0, 1, 5, 6]].all() and gap[[1, 5, 6]].max() < 1
