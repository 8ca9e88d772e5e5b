from dataclasses import replace

import numpy as np
import pytest
import torch
from core.tiny import shifted_clip, tiny_clip, tiny_model, tiny_picks

from dragvideo_core.points.edit_mask import around_drags, targets_outside
from dragvideo_core.points.sets import inside
from dragvideo_core.stages import propagate as propagate_module
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import EverythingSegmenter as Everything
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import Correction, UserError, VideoClip
from dragvideo_core.warning import warnings_go_to

QUICK = PropagateSettings(ensemble=1, recipe="video", mask_radius=96.0)
FLOW = replace(QUICK, tracker="flow")


class Only:
    """The upper left quarter is foreground; remembers what it was asked."""

    masks, front, asks_points = None, None, True

    def __init__(self):
        self.asked, self.freed = [], 0

    def check(self, frames):
        """Any clip will do."""

    def free(self):
        self.freed += 1

    def foreground(self, index, frame, prompts):
        self.asked.append((index, prompts))
        mask = torch.zeros(frame.shape[-2:], dtype=torch.bool)
        mask[:32, :32] = True
        return mask


def test_targets_keep_their_distance_to_their_handles():
    tracks = propagate(shifted_clip(4), tiny_picks(), Everything(), tiny_model(), QUICK)
    gap = tracks.targets - tracks.handles
    torch.testing.assert_close(gap, torch.tensor([12.0, -4.0]).expand_as(gap), atol=1e-4, rtol=0)


def test_shapes_and_mask_of_squares():
    clip = tiny_clip(3, 64, 128)
    picks = replace(tiny_picks(), size=(64, 128))
    tracks = propagate(clip, picks, Everything(), tiny_model(), QUICK)
    assert tracks.handles.shape == tracks.targets.shape == (3, 1, 9, 2)
    assert tracks.is_foreground.shape == tracks.visible.shape == (3, 1, 9)
    assert tracks.edit_mask.shape == (3, 1, 64, 128) and tracks.edit_mask.dtype == torch.bool
    assert tracks.mask_points.shape == (3, 2, 2)
    assert tracks.edit_mask[0, 0, 30, 24] and not tracks.edit_mask[0, 0, 60, 120]


def test_without_mask_points_what_lies_near_the_drag_may_change_in_every_frame():
    picks = replace(tiny_picks(), mask_points=torch.zeros(0, 2))
    tracks = propagate(shifted_clip(4), picks, Everything(), tiny_model(), QUICK)
    handles, targets = tracks.handles.mean(2), tracks.targets.mean(2)
    torch.testing.assert_close(tracks.edit_mask, around_drags(handles, targets, (64, 64)))
    assert not tracks.edit_mask.all() and not targets_outside(tracks.edit_mask, targets).any()


def test_background_points_move_with_their_nearest_foreground_point():
    segmenter, clip = Only(), shifted_clip(4)
    picks = replace(tiny_picks(), handles=torch.tensor([[31.0, 30.0]]), targets=torch.tensor([[44.0, 30.0]]))
    tracks = propagate(clip, picks, segmenter, tiny_model(), replace(QUICK, set_spacing=32.0))
    inside, outside = tracks.is_foreground[0, 0], ~tracks.is_foreground[0, 0]
    assert inside.any() and outside.any()
    motion = tracks.handles[1, 0] - tracks.handles[0, 0]
    for s in outside.nonzero().flatten():
        assert (motion[s] - motion[inside]).norm(dim=-1).min() < 1e-4
    assert sorted({index for index, _ in segmenter.asked}) == [0, 1, 2]  # each frame is split anew, by its own points


def test_points_of_a_later_frame_go_both_ways():
    tracks = propagate(shifted_clip(4), tiny_picks(frame=1), Everything(), tiny_model(), QUICK)
    assert tracks.handles[1, 0, 4].tolist() == [24.0, 30.0]
    moved = (tracks.handles[:, 0, 4] - tracks.handles[1, 0, 4]).norm(dim=-1)
    assert moved[0] > 0 and moved[2] > 0


def warnings_of(call) -> list[str]:
    """The warnings of a call."""
    texts: list[str] = []
    with warnings_go_to(texts.append):
        call()
    return texts


def test_a_target_outside_every_square_is_told_before_the_work():
    picks, model, texts = replace(tiny_picks(), targets=torch.tensor([[60.0, 60.0]])), tiny_model(), []
    settings = replace(QUICK, guess_layer=False)

    def told_first(*asked) -> None:
        assert texts

    model.denoiser.register_forward_pre_hook(told_first)
    with warnings_go_to(texts.append):
        propagate(tiny_clip(2), picks, Everything(), model, replace(settings, mask_radius=40.0))
    assert len(texts) == 1 and "target 1 lies outside the edit mask in frame 1" in texts[0] and "Pick Points" in texts[0]
    assert warnings_of(lambda: propagate(tiny_clip(1), tiny_picks(), Everything(), tiny_model(), settings)) == []


def test_a_pin_holds_its_place_and_nothing_is_told_of_it():
    """A pair whose target is its handle, inside the mask or out of it."""
    both = replace(
        tiny_picks(),
        handles=torch.tensor([[20.0, 30.0], [60.0, 60.0]]),
        targets=torch.tensor([[26.0, 30.0], [60.0, 60.0]]),
        mask_points=torch.tensor([[24.0, 30.0]]),
    )
    tracks = []
    texts = warnings_of(
        lambda: tracks.append(propagate(tiny_clip(3), both, Everything(), tiny_model(), replace(FLOW, mask_radius=100.0)))
    )
    assert texts == []
    assert torch.allclose(tracks[0].handles[:, 1], tracks[0].targets[:, 1], atol=1e-3)


def left_half(frames: int = 3) -> torch.Tensor:
    mask = torch.zeros(frames, 1, 64, 64, dtype=torch.bool)
    mask[..., :40] = True
    return mask


def test_a_given_mask_is_used_and_judged_in_the_place_of_the_squares():
    """No square reaches the target, the mask does: no warning. And the other way round."""
    far = replace(tiny_picks(), mask_points=torch.tensor([[60.0, 60.0]]))
    settings, model = replace(FLOW, mask_radius=8.0), tiny_model()
    tracks = []
    assert (
        warnings_of(lambda: tracks.append(propagate(tiny_clip(3), far, Everything(), model, settings, edit_mask=left_half()))) == []
    )
    assert torch.equal(tracks[0].edit_mask, left_half())
    texts = warnings_of(lambda: propagate(tiny_clip(3), tiny_picks(), Everything(), model, FLOW, edit_mask=~left_half()))
    assert len(texts) == 1 and "target 1 lies outside the edit mask in frame 1" in texts[0]


def test_a_given_mask_is_fitted_where_that_is_asked_for():
    mask = torch.zeros(3, 1, 64, 64, dtype=torch.bool)
    mask[..., 60:, 60:] = True
    settings = replace(FLOW, mask_radius=40.0, fit_mask=True)
    tracks = []
    texts = warnings_of(
        lambda: tracks.append(propagate(tiny_clip(3), tiny_picks(), Everything(), tiny_model(), settings, edit_mask=mask))
    )
    assert texts == [] and (tracks[0].edit_mask & mask).sum() == mask.sum()
    for frame in range(3):
        for place in (tracks[0].handles[frame, 0, 4], tracks[0].targets[frame, 0, 4]):
            x, y = place.round().int().tolist()
            assert tracks[0].edit_mask[frame, 0, y, x]


@pytest.mark.faults
@pytest.mark.parametrize(
    "mask", [torch.zeros(3, 1, 64, 64, dtype=torch.bool), left_half(2), left_half()[:, 0], left_half().float()]
)
def test_a_black_mask_or_one_of_another_clip_is_refused_before_the_model_is_asked(mask):
    model = tiny_model()
    model.denoiser.register_forward_pre_hook(lambda *asked: pytest.fail("the model was asked"))
    with pytest.raises(UserError, match="the edit mask"):
        propagate(tiny_clip(3), tiny_picks(), Everything(), model, QUICK, edit_mask=mask)


def test_a_mask_that_is_black_or_away_from_the_target_in_some_frames_is_told_with_these():
    clip, mask = shifted_clip(0, frames=4), left_half(4)
    mask[1] = False
    mask[3] = ~left_half(1)
    settings = replace(FLOW, guess_layer=False)
    texts = warnings_of(lambda: propagate(clip, tiny_picks(), Everything(), tiny_model(), settings, edit_mask=mask))
    assert len(texts) == 2
    assert "black in frame 2:" in texts[0] and "target 1 lies outside the edit mask in frame 4 " in texts[1]


@pytest.mark.parametrize("tracker", ["flow", "auto", "dift"])
def test_a_set_at_the_border_has_all_its_points_in_every_frame(tracker):
    """They stayed outside in the picks' frame and fell on one another in the others."""
    picks = replace(tiny_picks(), handles=torch.tensor([[0.0, 63.0]]), targets=torch.tensor([[12.0, 60.0]]))
    tracks = propagate(shifted_clip(0), picks, Everything(), tiny_model(), replace(QUICK, set_spacing=32.0, tracker=tracker))
    for frame in range(3 if tracker == "flow" else 1):  # the tiny model is untrained: its matches mean nothing
        assert len({tuple(point) for point in tracks.handles[frame, 0].round().tolist()}) == 9
    assert tracks.visible[0].all()
    gap = tracks.targets - tracks.handles
    torch.testing.assert_close(gap, torch.tensor([12.0, -3.0]).expand_as(gap), atol=1e-4, rtol=0)


class Rightwards:
    """A finder that is always right: everything goes 4 px to the right each frame, and what lies outside is not seen."""

    def __init__(self, start):
        self.place = start

    def find(self, i, places):
        assert inside(places, (64, 64)).all()  # where it looks
        self.place = self.place + torch.tensor([4.0, 0.0])
        return self.place, inside(self.place, (64, 64))

    def settle(self, i, places, seen):
        """It knows."""


def test_a_set_that_leaves_the_picture_keeps_its_form_and_is_hidden(monkeypatch):
    """Its points were put on the border one by one, and fell on one another there."""
    monkeypatch.setattr(propagate_module, "_finders", lambda clip, start, *asked: (lambda: Rightwards(start), 0))
    picks = replace(tiny_picks(), handles=torch.tensor([[50.0, 30.0]]), targets=torch.tensor([[40.0, 30.0]]))
    tracks = propagate(tiny_clip(6), picks, Everything(), tiny_model(), replace(QUICK, set_spacing=32.0))
    motion = tracks.handles - tracks.handles[:1]
    torch.testing.assert_close(motion[:, 0], torch.arange(6.0)[:, None, None] * torch.tensor([4.0, 0.0]).expand(6, 9, 2))
    assert torch.equal(tracks.visible, inside(tracks.handles, (64, 64))) and not tracks.visible[5].all()


def test_same_seed_same_tracks():
    one, two = (propagate(tiny_clip(2), tiny_picks(), Everything(), tiny_model(), QUICK).handles for _ in range(2))
    assert torch.equal(one, two)


def test_chunks_do_not_change_the_tracks():
    one, two = (propagate(tiny_clip(3), tiny_picks(), Everything(), tiny_model(), replace(QUICK, chunk=c)).handles for c in (1, 3))
    torch.testing.assert_close(one, two, atol=1e-2, rtol=0)


def test_picks_of_another_clip_are_refused():
    with pytest.raises(UserError, match="64 x 64 frames, but the clip here is 128 x 64"):
        propagate(tiny_clip(1, 64, 128), tiny_picks(), Everything(), tiny_model(), QUICK)
    with pytest.raises(UserError, match="frame 4"):
        propagate(tiny_clip(2), tiny_picks(frame=3), Everything(), tiny_model(), QUICK)


def test_a_correction_moves_the_set_and_the_rest_goes_on_from_there():
    clip = shifted_clip(4, frames=4)
    plain = propagate(clip, tiny_picks(), Everything(), tiny_model(), QUICK)
    correction = Correction(frame=2, pair=0, handle=torch.tensor([50.0, 12.0]))
    tracks = propagate(clip, tiny_picks(), Everything(), tiny_model(), QUICK, corrections=[correction])
    assert tracks.handles[2, 0, 4].tolist() == [50.0, 12.0] and tracks.visible[2].all()
    assert torch.equal(tracks.handles[:2], plain.handles[:2])
    assert not torch.equal(tracks.handles[3], plain.handles[3])
    torch.testing.assert_close(tracks.targets[2, 0, 4], torch.tensor([62.0, 8.0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("frame, pair, words", [(9, 0, "2 frames"), (1, 4, "pair 5"), (0, 0, "where the points were picked")])
def test_a_correction_that_fits_nothing_is_refused(frame, pair, words):
    with pytest.raises(UserError, match=words):
        propagate(
            tiny_clip(2), tiny_picks(), Everything(), tiny_model(), QUICK, corrections=[Correction(frame, pair, torch.zeros(2))]
        )


@pytest.mark.parametrize("count", [2, 4])
def test_masks_of_another_count_are_refused_before_the_model_is_asked(count):
    model = tiny_model()
    model.denoiser.register_forward_pre_hook(lambda *asked: pytest.fail("the model was asked"))
    with pytest.raises(UserError, match=rf"each frame \(3\): got {count} masks"):
        propagate(tiny_clip(3), tiny_picks(), segment(torch.ones(count, 64, 64)), model, QUICK)


@pytest.mark.parametrize("picks", [tiny_picks(), tiny_picks(frame=3)], ids=["done", "refused"])
def test_what_the_segmenter_held_is_given_back(picks):
    segmenter = Only()
    try:
        propagate(tiny_clip(2), picks, segmenter, tiny_model(), QUICK)
    except UserError:
        assert not segmenter.asked
    assert segmenter.freed == 1


@pytest.mark.parametrize("fit_mask", [False, True])
def test_a_mask_that_does_not_reach_the_target_can_be_fitted(fit_mask):
    clip, picks = tiny_clip(3), replace(tiny_picks(), mask_points=torch.tensor([[4.0, 4.0]]))
    settings, model = replace(QUICK, mask_radius=24.0, fit_mask=fit_mask), tiny_model()
    texts: list[str] = []
    with warnings_go_to(texts.append):
        tracks = propagate(clip, picks, segment(), model, settings)
    assert bool(texts) is not fit_mask
    for frame in range(3):
        for place in (tracks.handles[frame, 0, 4], tracks.targets[frame, 0, 4]):
            x, y = place.round().int().tolist()
            assert bool(tracks.edit_mask[frame, 0, y, x]) is fit_mask
    assert tracks.edit_mask[0, 0, 4, 4] and not tracks.edit_mask.all()


def test_mask_points_stay_together():
    """The ground under one mask point goes another way than the handle: the mask does not break."""
    clip = shifted_clip(2, frames=4)
    frames = clip.frames.clone()
    frames[:, :, :16] = clip.frames[:1, :, :16]  # stays
    picks = replace(tiny_picks(), mask_points=torch.tensor([[24.0, 8.0], [24.0, 30.0], [34.0, 27.0]]))
    tracks = propagate(replace(clip, frames=frames), picks, Everything(), None, FLOW)
    apart = tracks.mask_points - tracks.mask_points[:, :1]
    torch.testing.assert_close(apart, apart[:1].expand_as(apart), atol=1e-3, rtol=0)


def coloured_clip(frames: int = 3) -> tuple[VideoClip, torch.Tensor]:
    """A red disc on blue ground, both with noise that moves with the disc; and where the disc is."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    disc = torch.hypot(columns - 30, rows - 32) < 9
    colours = torch.where(disc, torch.tensor([0.8, 0.2, 0.2])[:, None, None], torch.tensor([0.2, 0.3, 0.7])[:, None, None])
    noise = 0.1 * torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    pictures = [torch.roll(colours + noise, 2 * i, -1) for i in range(frames)]
    discs = torch.stack([torch.roll(disc, 2 * i, -1) for i in range(frames)])[:, None]
    return replace(tiny_clip(frames), frames=torch.stack(pictures).clamp(0, 1)), discs


def test_the_layer_is_guessed_where_nobody_marked_the_thing_and_changes_no_point():
    clip, discs = coloured_clip()
    picks = replace(tiny_picks(), handles=torch.tensor([[30.0, 32.0]]), targets=torch.tensor([[40.0, 32.0]]))
    guessed, plain = (propagate(clip, picks, segment(), None, replace(FLOW, guess_layer=guess)) for guess in (True, False))
    assert plain.layer is None
    layer = guessed.layer >= 0.5
    assert (layer & discs).sum() / (layer | discs).sum() > 0.85
    assert torch.equal(guessed.handles, plain.handles) and torch.equal(guessed.edit_mask, plain.edit_mask)
    assert torch.equal(guessed.is_foreground, plain.is_foreground)


def test_a_mask_of_the_thing_wins_over_the_guess():
    clip, discs = coloured_clip()
    picks = replace(tiny_picks(), handles=torch.tensor([[30.0, 32.0]]), targets=torch.tensor([[40.0, 32.0]]))
    given = propagate(clip, picks, segment(mask=0.9 * discs[:, 0].float()), None, FLOW).layer
    torch.testing.assert_close(given, 0.9 * discs.float())


def test_the_edit_ends_at_a_cut():
    """Two shots, the points on the second: the first stays as it is, and the other frames are as if it were not there."""
    rows, columns = np.mgrid[:64, :64]
    shots = [
        np.stack([(rows * a + (columns + i) * b) % 64 / 64 for a, b in colours], 0)
        for colours in (((1, 0), (0, 1), (2, 1)), ((0, 0), (1, 3), (0, 0)))
        for i in range(5)
    ]
    frames = torch.from_numpy(np.stack(shots)).float()
    both = VideoClip(frames, torch.arange(10), 8.0)
    picks = tiny_picks((64, 64), frame=6)
    said: list[str] = []
    with warnings_go_to(said.append):
        tracks = propagate(both, picks, Everything(), None, FLOW)
    assert any("from frame 6 to 10 of 10" in one for one in said)
    assert not tracks.edit_mask[:5].any() and not tracks.visible[:5].any() and tracks.edit_mask[5:].any()
    assert torch.equal(displace(both, tracks).frames[:5], frames[:5])
    said.clear()
    with warnings_go_to(said.append):  # a film's windows may begin with a frame from long before
        assert propagate(both, picks, Everything(), None, replace(FLOW, ends_at_cuts=False)).edit_mask[:5].any()
    assert not any("shot" in one for one in said)
