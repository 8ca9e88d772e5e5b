"""Optical flow: DIS, and RAFT for the smoothness score where torchvision's weights are present."""

import warnings

import pytest
import torch
from core.stages.test_evaluate import QUICK, moving
from core.tiny import tiny_clip, tiny_model, tiny_tracks
from torchvision.models.optical_flow import Raft_Large_Weights, raft_large

from dragvideo_core.points import flow
from dragvideo_core.stages.evaluate import evaluate
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.temporal import metrics
from dragvideo_core.types import PointPicks, UserError

RAFT, DIS = "torchvision RAFT", "OpenCV DIS"


@pytest.fixture
def weights(tmp_path):
    """Where RAFT's file belongs; nothing is there, and none of this machine's files is seen."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    yield tmp_path / "checkpoints" / Raft_Large_Weights.DEFAULT.url.rsplit("/", 1)[-1]
    torch.hub.set_dir(before)


@pytest.fixture(scope="module")
def raft():
    torch.manual_seed(0)
    return raft_large(weights=None).eval()


def flow_of_the_score() -> str:
    clip = tiny_clip(3)
    return evaluate(clip, clip, tiny_tracks(3), tiny_model(), QUICK)["smoothness"].meaning


def test_flow_points_where_the_picture_went():
    frames = moving([16, 20])
    went = flow.optical_flow(frames[0], frames[1])
    assert (went[0, 26:38, 20:36].median() - 4).abs() < 0.7 and went[1, 26:38, 20:36].median().abs() < 0.7


def test_a_raft_that_somebody_loaded_measures_the_flow_and_nothing_else_is_taken_for_one(raft):
    frames = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        wanted = raft(*(frames * 2 - 1).split(1))[-1][0]
    torch.testing.assert_close(flow.by_raft(raft).between(*frames), wanted)
    for other in (None, torch.nn.Identity(), "raft"):
        with pytest.raises(UserError, match="RAFT"):
            flow.by_raft(other)


def test_points_are_followed_by_the_flow_that_is_given():
    clip, calls = tiny_clip(3), []
    still = flow.Flow("still", lambda first, second: calls.append(1) or torch.zeros(2, *first.shape[-2:]))
    picks = PointPicks(torch.tensor([[20.0, 20.0]]), torch.tensor([[25.0, 20.0]]), torch.zeros(0, 2), 0, clip.size)
    tracks = propagate(clip, picks, segment(), None, PropagateSettings(set_side=1, tracker="flow"), flow=still)
    assert calls and (tracks.handles == picks.handles[0]).all()


def test_without_weights_it_is_dis_and_nobody_is_warned(weights):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert flow.finest() is flow.DIS and flow.name() == DIS
        assert DIS in flow_of_the_score()


def test_with_weights_the_score_is_measured_by_raft_and_says_so(weights, raft):
    torch.save(raft.state_dict(), weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert flow.name() == RAFT and RAFT in flow_of_the_score()
    frames = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        first, second = (frames * 2 - 1).split(1)
        wanted = raft(first, second)[-1][0]
    torch.testing.assert_close(flow.finest().between(*frames), wanted)
    torch.testing.assert_close(flow.optical_flow(*frames), flow.DIS.between(*frames))  # others keep DIS


def test_the_benchmarks_smoothness_is_by_the_finest_flow(weights, monkeypatch):
    straight, jump = moving([12, 16, 20, 24]), moving([12, 19, 13, 24])
    assert metrics.smoothness(jump, straight) > 1
    blind = flow.Flow("blind", lambda first, second: torch.zeros(2, *first.shape[-2:]))
    monkeypatch.setattr(flow, "finest", lambda: blind)
    assert metrics.smoothness(jump, straight) == 0


def test_raft_measures_pictures_of_any_size(weights, raft):
    """Continued to the right and below: the answer for the picture is the answer for what it was continued to."""
    torch.save(raft.state_dict(), weights)
    between = flow.finest().between
    small = torch.rand(2, 3, 130, 64)
    wide = torch.nn.functional.pad(small, (0, 64, 0, 6), mode="replicate")
    assert between(*small).shape == (2, 130, 64)
    torch.testing.assert_close(between(*small), between(*wide)[:, :130, :64])


@pytest.mark.parametrize("what", [b"", b"no weights", {}, {"weight": torch.zeros(1)}, [1, 2]], ids=repr)
def test_a_damaged_file_is_a_warning_and_dis(weights, what):
    if isinstance(what, bytes):
        weights.write_bytes(what)
    else:
        torch.save(what, weights)
    with pytest.warns(UserWarning, match="RAFT.*cannot be used.*OpenCV DIS.*Delete the file"):
        assert flow.name() == DIS
    with pytest.warns(UserWarning) as warned:
        assert DIS in flow_of_the_score()
    assert len(warned) == 1


def test_a_cut_off_file_is_a_warning_and_dis(weights, raft):
    torch.save(raft.state_dict(), weights)
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.warns(UserWarning, match="cannot be used"):
        assert flow.finest() is flow.DIS
