"""Laws of decoding: what was not edited comes back, chunks change nothing, and the source branch answers."""

from dataclasses import replace

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion import memory
from dragvideo_core.points.sampling import cell_centres
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import Displacement, UserError, VideoClip

TOP = 12  # of 50 steps, above those that are smoothed: each is replayed like any other, so fewer prove as much
QUICK = DragSettings(steps=(TOP, 10, 5), iterations=3, learning_rate=0.05)
FEW = DragSettings(steps=(3, 2), iterations=2, learning_rate=0.05, warm_start=False, turns=1)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def clip():
    return tiny_clip(3)


@pytest.fixture(scope="module")
def inversion(clip, model):
    return invert(clip, model, InvertSettings(until=TOP))


@pytest.fixture(scope="module")
def edit(inversion, model):
    return drag(inversion, tiny_tracks(), model, QUICK)


def test_the_lock_keeps_everything_outside_the_mask(clip, inversion, model, edit):
    edited, _ = decode(clip, inversion, edit, tiny_tracks(), model)
    assert torch.equal(edited.frames[..., 32:], clip.frames[..., 32:])


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_invert_then_denoise_with_next_to_no_offsets_equals_the_clip(clip, inversion, model, edit, stride):
    nothing = replace(edit, offsets={s: torch.full_like(o, 1e-30) for s, o in edit.offsets.items()})  # 0 is not replayed
    for settings in (DecodeSettings(lock=False, stride=stride), DecodeSettings(lock=False, cross_branch="off", stride=stride)):
        _, latents = decode(clip, inversion, nothing, tiny_tracks(), model, settings)
        torch.testing.assert_close(latents, inversion.latents[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cross_branch", ["same_frame", "first_frame", "all_frames", "off"])
def test_decode_does_not_depend_on_chunks_and_leaves_the_model_alone(clip, inversion, model, edit, cross_branch):
    before = [layer.processor for layer in model.denoiser.modules() if hasattr(layer, "processor")]
    one, all_ = (
        decode(clip, inversion, edit, tiny_tracks(), model, DecodeSettings(cross_branch=cross_branch, chunk=c))[1] for c in (1, 3)
    )
    torch.testing.assert_close(one, all_, rtol=1e-3, atol=1e-3)
    assert before == [layer.processor for layer in model.denoiser.modules() if hasattr(layer, "processor")]


def test_cross_branch_takes_the_sources_keys_and_values(clip, inversion, model, edit):
    with_, without = (
        decode(clip, inversion, edit, tiny_tracks(), model, DecodeSettings(cross_branch=c))[1] for c in ("same_frame", "off")
    )
    assert (with_ - without).abs().max() > 1e-4


def test_smoothing_runs_and_changes_inner_frames_only(clip, inversion, model, edit):
    plain, smooth = (
        decode(clip, inversion, edit, tiny_tracks(), model, DecodeSettings(smoothing=s, stride=1))[1] for s in (False, True)
    )
    assert (plain[1] - smooth[1]).abs().max() > 1e-4
    torch.testing.assert_close(plain[0], smooth[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("stride, visited", [(1, 3), (2, 2), (7, 2)])
def test_a_stride_decodes_over_every_nth_step_and_those_with_offsets(model, stride, visited):
    """Steps 3 and 2 have offsets; each step that is left takes a call for the source and one for the edit."""
    clip, tracks, calls = tiny_clip(3), tiny_tracks(), []
    inversion = invert(clip, model, InvertSettings(until=3))
    edit, settings = drag(inversion, tracks, model, FEW), DecodeSettings(stride=stride, chunk=1)

    def replayed():
        decode(clip, inversion, edit, tracks, model, settings, lambda *progress: calls.append(progress[:2]))

    assert rows_of(model.denoiser, replayed) == 3 * 2 * visited
    assert calls[-1] == (3 * visited, 3 * visited) and calls == sorted(calls)


def test_keys_and_values_of_all_frames_are_planned_for_and_refused_where_they_do_not_fit(monkeypatch, clip, inversion, model, edit):
    """They grow with the clip: 'all_frames' on a long one filled the memory without a word."""
    settings, calls = DecodeSettings(cross_branch="all_frames"), []
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100_000)
    with pytest.raises(UserError, match="keys and values of 3 frames.*same_frame"):
        decode(clip, inversion, edit, tiny_tracks(), model, settings, lambda *progress: calls.append(progress))
    assert calls == []


def displacement(clip: VideoClip, painted: bool) -> Displacement:
    """A square of noise inside of the mask, over ground of which some was made up or none was."""
    frames = clip.frames.clone()
    frames[..., 8:24, 8:24] = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    still = cell_centres(clip.size, clip.size).expand(len(clip), -1, -1, -1)
    freed = torch.zeros(len(clip), 1, *clip.size, dtype=torch.bool)
    freed[..., 32:48, 8:24] = painted
    return Displacement(frames, still, torch.zeros_like(freed).float(), freed, ~freed & False, torch.ones_like(freed).float())


def test_what_moved_keeps_its_pixels_and_the_model_paints_the_rest(clip, inversion, model, edit):
    displaced = displacement(clip, painted=True)
    kept, free = (
        decode(clip, inversion, edit, tiny_tracks(), model, DecodeSettings(keep_pixels=keep), displaced=displaced)[0].frames
        for keep in (True, False)
    )
    freed = displaced.freed.expand_as(kept)
    assert torch.equal(kept[~freed], displaced.frames[~freed])
    assert (kept - displaced.frames)[freed].abs().max() > 1e-3
    assert (free - displaced.frames)[..., 8:24, 8:24].abs().mean() > 0.05
    assert torch.equal(free[..., 32:], clip.frames[..., 32:])


def test_where_nothing_is_left_to_paint_the_model_is_not_asked(clip, inversion, model, edit):
    displaced, made = displacement(clip, painted=False), []
    rows = rows_of(
        model.denoiser,
        lambda: made.append(decode(clip, inversion, edit, tiny_tracks(), model, DecodeSettings(), displaced=displaced)),
    )
    (edited, latents), mask = made[0], tiny_tracks().edit_mask
    assert rows == 0 and torch.equal(edited.frames, torch.where(mask, displaced.frames, clip.frames))
    torch.testing.assert_close(latents, model.vae.encode(displaced.frames))


def test_a_model_that_paints_no_better_than_the_fill_leaves_the_ground_alone_unless_asked(clip, inversion, model, edit):
    """Stretched parts are painted all the same: there the displacement has nothing better."""
    displaced, made = displacement(clip, painted=True), []
    stretched = replace(displaced, stretch=torch.ones_like(displaced.stretch), matte=torch.zeros_like(displaced.matte))
    stretched.stretch[..., 8:24, 8:24], stretched.matte[..., 8:24, 8:24] = 9.0, 1.0
    humble = replace(model, paint_from=0)

    def rows(of, **settings):
        def work():
            made.append(decode(clip, inversion, edit, tiny_tracks(), humble, DecodeSettings(**settings), displaced=of)[0].frames)

        return rows_of(model.denoiser, work)

    assert rows(displaced) == 0 == rows(replace(displaced), paint_from=0) and rows(displaced, paint_from=10) > 0 < rows(stretched)
    fill, _, painted, of_stretched = made
    freed = displaced.freed.expand_as(fill)
    assert torch.equal(fill, torch.where(tiny_tracks().edit_mask, displaced.frames, clip.frames))
    assert not torch.equal(painted[freed], fill[freed]) and torch.equal(of_stretched[freed], fill[freed])
    assert not torch.equal(of_stretched[..., 8:24, 8:24], fill[..., 8:24, 8:24])


def test_a_displacement_of_another_clip_is_refused(clip, inversion, model, edit):
    other = displacement(tiny_clip(2), painted=True)
    with pytest.raises(UserError, match="displacement has 2 frames.*same clip"):
        decode(clip, inversion, edit, tiny_tracks(), model, displaced=other)
    with pytest.raises(UserError, match="displacement has 2 frames.*same clip"):
        drag(inversion, tiny_tracks(), model, QUICK, displaced=other)


def test_where_only_fill_is_painted_over_the_steps_above_are_left_out(clip, inversion, model):
    """Down to `paint_from` the fill would only be put in again; a stretched part is painted from the top."""
    displaced, tracks, made = displacement(clip, painted=True), tiny_tracks(), []
    stretched = replace(displaced, stretch=torch.full_like(displaced.stretch, 9.0), matte=displaced.freed.float())
    edit = drag(inversion, tracks, model, QUICK, displaced=displaced)

    def rows(of, **settings):
        def work():
            made.append(decode(clip, inversion, edit, tracks, model, DecodeSettings(**settings), displaced=of)[0].frames)

        return rows_of(model.denoiser, work)

    assert rows(displaced) == 3 * 2 * 5 and rows(displaced, paint_from=4) == 3 * 2 * 2
    assert rows(stretched) == rows(displaced, cross_branch="first_frame") - 7 == 3 * 2 * 7  # 12, 10, 8, 6, 5, 4, 2, 0
    freed = displaced.freed.expand_as(made[0])
    assert torch.equal(made[0][~freed], displaced.frames[~freed]) and not torch.equal(made[0][freed], displaced.frames[freed])
