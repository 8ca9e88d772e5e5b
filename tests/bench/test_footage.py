import pytest
import torch
from bench import footage

from dragvideo_core.types import VideoClip

pytestmark = pytest.mark.bench


def moving(shift: int, frames: int = 4) -> footage.Filmed:
    """A textured picture that moves `shift` px to the right each frame."""
    torch.manual_seed(0)
    wide = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 64, 64 + shift * frames), 5, 1, 2)[0]
    left = [shift * (frames - 1 - i) for i in range(frames)]
    clip = VideoClip(torch.stack([wide[:, :, x : x + 64] for x in left]), torch.arange(frames), 8.0)
    places = torch.tensor([[20.0, 30.0], [35.0, 12.0]]) + torch.arange(frames)[:, None, None] * torch.tensor([shift, 0.0])
    return footage.Filmed("moving", clip, places, torch.ones(frames, 2, dtype=torch.bool))


@pytest.mark.parametrize("tracker", ["flow", "chained flow"])
def test_flow_trackers_follow_a_moving_picture_and_still_points_do_not(tracker):
    filmed = moving(2)
    places, visible = footage.follow(filmed, tracker, None)
    assert (places - filmed.places).norm(dim=-1).max() < 0.5 and visible.all()
    still, _ = footage.follow(filmed, "still", None)
    assert (still - filmed.places).norm(dim=-1)[3].tolist() == [6.0, 6.0]


def test_tap_vids_measures_of_a_perfect_track_and_of_one_that_is_off():
    true, seen = torch.rand(4, 3, 2) * 200, torch.ones(4, 3, dtype=torch.bool)
    assert footage.tap_vid(true, seen, true, seen) == {"delta": 100.0, "aj": 100.0, "occlusion": 100.0}
    off = footage.tap_vid(true + torch.tensor([3.0, 0.0]), seen, true, seen)  # within 4, 8 and 16 px
    assert off == pytest.approx({"delta": 60.0, "aj": 60.0, "occlusion": 100.0})


def test_average_jaccard_counts_points_that_are_wrongly_called_visible_or_hidden():
    true, seen = torch.zeros(2, 4, 2), torch.tensor([[True] * 4, [True, True, True, False]])
    hidden = torch.tensor([[True] * 4, [True, True, False, False]])
    shown = torch.ones(2, 4, dtype=torch.bool)
    assert footage.tap_vid(true, hidden, true, seen) == pytest.approx({"delta": 100.0, "aj": 200 / 3, "occlusion": 75.0})
    assert footage.tap_vid(true, shown, true, seen) == pytest.approx({"delta": 100.0, "aj": 75.0, "occlusion": 75.0})


def test_without_the_clips_nothing_is_measured(tmp_path):
    assert footage.measure(folder=tmp_path) == []


@pytest.mark.skipif(not footage.CLIPS.is_dir(), reason="the DAVIS clips are not on this machine")
def test_flow_beats_still_points_on_film():
    """A guard of the units: pixel centres, scales and axes have to fit for an error this small."""
    filmed = footage.load_filmed("blackswan", 128)
    places, _ = footage.follow(filmed, "flow", None)
    gap = (places - filmed.places).norm(dim=-1)[1:][filmed.visible[1:]] * footage.SCALE / 128
    assert gap.median() < 2
