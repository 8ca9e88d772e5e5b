"""What finds points in another frame: flow, DIFT, and the surer of both. Each follows a whole clip's points in `propagate`."""

from dataclasses import replace

import pytest
import torch
from core.tiny import shifted_clip, tiny_model, tiny_picks

from dragvideo_core.points import finders
from dragvideo_core.points.flow import Flow
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import EverythingSegmenter as Everything
from dragvideo_core.types import Correction, UserError

QUICK = PropagateSettings(ensemble=1, recipe="video", mask_radius=96.0)
FLOW = replace(QUICK, tracker="flow")


def test_flow_moves_every_point_with_a_shifted_picture_and_asks_no_model():
    model, clip = tiny_model(), shifted_clip(2, frames=5)
    model.denoiser.register_forward_pre_hook(lambda *asked: pytest.fail("the model was asked"))
    for frame in (0, 2, 4):
        tracks = propagate(clip, tiny_picks(frame=frame), Everything(), model, FLOW)
        expected = 2.0 * (torch.arange(5) - frame)
        for points in (tracks.handles.flatten(1, 2), tracks.mask_points):
            motion = points - points[frame]
            assert (motion[..., 0] - expected[:, None]).abs().max() < 0.5 and motion[..., 1].abs().max() < 0.5
        assert tracks.visible.all()


def test_flow_finds_what_was_hidden_again():
    """Something stands in front of the points in the two frames in the middle."""
    clip = shifted_clip(1, frames=6)
    frames = clip.frames.clone()
    frames[2:4, :, 18:42, 18:36] = torch.rand(2, 3, 1, 1)
    tracks = propagate(replace(clip, frames=frames), tiny_picks(), Everything(), tiny_model(), FLOW)
    assert tracks.visible[[0, 1, 4, 5]].all() and not tracks.visible[2:4].any()
    motion = (tracks.handles - tracks.handles[0])[[1, 4, 5]]
    torch.testing.assert_close(motion[..., 0], torch.tensor([1.0, 4, 5])[:, None, None].expand_as(motion[..., 0]), atol=0.6, rtol=0)


def test_flow_goes_on_from_a_correction_and_leaves_the_other_pair_alone():
    picks = replace(
        tiny_picks(), handles=torch.tensor([[24.0, 30.0], [12.0, 44.0]]), targets=torch.tensor([[36.0, 26.0], [20.0, 40.0]])
    )
    clip = shifted_clip(2, frames=5)
    plain = propagate(clip, picks, Everything(), tiny_model(), FLOW)
    correction = Correction(frame=2, pair=0, handle=torch.tensor([40.0, 20.0]))
    tracks = propagate(clip, picks, Everything(), tiny_model(), FLOW, corrections=[correction])
    assert tracks.handles[2, 0, 4].tolist() == [40.0, 20.0]
    torch.testing.assert_close(tracks.handles[4, 0, 4], torch.tensor([44.0, 20.0]), atol=0.5, rtol=0)
    assert torch.equal(tracks.handles[:2], plain.handles[:2]) and torch.equal(tracks.handles[:, 1], plain.handles[:, 1])


def test_a_point_that_jumps_further_than_the_window_is_hidden_for_flow():
    tracks = propagate(shifted_clip(4), tiny_picks(), Everything(), tiny_model(), replace(FLOW, window=8.0))  # 1 px here
    assert not tracks.visible[1:].any() and torch.equal(tracks.handles[2], tracks.handles[0])


def test_the_surest_finder_takes_flow_where_it_is_sure_and_dift_elsewhere():
    class Says:
        def __init__(self, place, seen):
            self.place, self.seen, self.settled = torch.tensor(place), torch.tensor(seen), []

        def find(self, i, places):
            return self.place, self.seen

        def settle(self, i, places, seen):
            self.settled.append(places)

    flow, features = (Says([[1.0, 1], [2, 2], [3, 3]], [True, False, False]), Says([[7.0, 7], [8, 8], [9, 9]], [True, True, False]))
    finder = finders.SurestFinder(flow, features)
    matched, seen = finder.find(1, torch.zeros(3, 2))
    assert matched.tolist() == [[1, 1], [8, 8], [9, 9]] and seen.tolist() == [True, True, False]
    finder.settle(1, matched, seen)
    assert len(flow.settled) == len(features.settled) == 1


def test_auto_asks_no_model_where_flow_is_sure_and_needs_none():
    model, clip = tiny_model(), shifted_clip(2, frames=3)
    model.denoiser.register_forward_pre_hook(lambda *asked: pytest.fail("the model was asked"))
    auto = propagate(clip, tiny_picks(), Everything(), model, QUICK)
    assert auto.visible.all()
    assert torch.equal(auto.handles, propagate(clip, tiny_picks(), Everything(), None, QUICK).handles)


def test_dift_without_a_model_is_refused():
    with pytest.raises(UserError, match="Wire a model"):
        propagate(shifted_clip(2), tiny_picks(), Everything(), None, replace(QUICK, tracker="dift"))


def test_a_flow_from_elsewhere_takes_the_place_of_our_own():
    still = Flow("still", lambda first, second: torch.zeros(2, *first.shape[-2:]))
    tracks = propagate(shifted_clip(4), tiny_picks(), Everything(), None, FLOW, flow=still)
    assert torch.equal(tracks.handles[2], tracks.handles[0])


def test_a_pair_is_followed_alike_whatever_other_pairs_there_are():
    clip = shifted_clip(2, frames=4)
    alone = propagate(clip, tiny_picks(), Everything(), None, FLOW)
    more = replace(
        tiny_picks(), handles=torch.tensor([[24.0, 30.0], [40.0, 50.0]]), targets=torch.tensor([[36.0, 26.0], [20.0, 40.0]])
    )
    assert torch.equal(alone.handles[:, 0], propagate(clip, more, Everything(), None, FLOW).handles[:, 0])


def test_another_light_hides_no_point_and_another_thing_does():
    clip = shifted_clip(1, frames=3)
    darker = clip.frames * torch.tensor([1.0, 0.7, 0.5])[:, None, None, None]
    assert propagate(replace(clip, frames=darker), tiny_picks(), Everything(), None, FLOW).visible.all()
    plain = clip.frames.clone()
    plain[2, :, 10:50, 5:50] = torch.tensor([1.0, 0.2, 0.1])[:, None, None]
    assert not propagate(replace(clip, frames=plain), tiny_picks(), Everything(), None, FLOW).visible[2].any()
