"""How often the drag calls the denoiser: what it leaves out, and that this comes to the same."""

from dataclasses import replace

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.dragging import passes
from dragvideo_core.points.sampling import mask_to_cells
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert

SETTINGS = DragSettings(steps=(3, 2), iterations=2, learning_rate=0.05, warm_start=False, turns=1)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def inversion(model):
    return invert(tiny_clip(3), model, InvertSettings(until=3))


@pytest.mark.parametrize("chained, wanted", [(True, 1), (False, 0)])
def test_the_last_block_runs_only_where_the_chain_goes_on(inversion, model, chained, wanted):
    """Per pass over the frames (one that measures, two iterations): at the upper of two steps, or never."""
    settings = replace(SETTINGS, chained=chained)
    rows = rows_of(model.denoiser.up_blocks[3], lambda: drag(inversion, tiny_tracks(), model, settings))
    assert rows == wanted * 3 * 3


def test_the_picture_costs_one_call_for_one_frame_and_is_made_only_when_asked_for(inversion, model):
    shown = []

    def look(done, total, picture):
        if picture is not None:
            shown.append(rows_of(model.denoiser.up_blocks[3], picture))

    drag(inversion, tiny_tracks(), model, SETTINGS, look)
    assert shown == [1, 1]


def test_frames_that_show_no_point_are_skipped_with_the_same_result(inversion, model):
    """Frame by frame the hidden one is left out; in one batch it is worked out with the others."""
    tracks = tiny_tracks()
    visible = tracks.visible.clone()
    visible[1] = False
    tracks, edits, rows = replace(tracks, visible=visible), [], []
    for chunk in (1, 3):
        settings = replace(SETTINGS, chunk=chunk)
        rows.append(rows_of(model.denoiser, lambda settings=settings: edits.append(drag(inversion, tracks, model, settings))))
    assert rows == [2 * (3 + 2 + 2), 2 * (3 + 3 + 3)]
    torch.testing.assert_close(edits[0].losses, edits[1].losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(edits[0].handle_path, edits[1].handle_path)
    for step in SETTINGS.steps:
        assert not edits[0].offsets[step][1].any() and not edits[1].offsets[step][1].any()
        apart = (edits[0].offsets[step] - edits[1].offsets[step]).abs().mean()
        assert apart < 2e-3 * SETTINGS.learning_rate * SETTINGS.iterations  # as for chunks: rounding, divided by Adam


def test_without_the_lock_a_hidden_frame_is_still_held(inversion, model):
    tracks = replace(tiny_tracks(), visible=torch.zeros_like(tiny_tracks().visible))
    settings = replace(SETTINGS, chunk=1, lock=False)
    rows = rows_of(model.denoiser, lambda: drag(inversion, tracks, model, settings))
    assert rows == 2 * (3 + 3 + 3)


def test_only_key_frames_are_worked_on_and_all_are_changed(inversion, model):
    tracks, edits = tiny_tracks(), []
    settings = replace(SETTINGS, key_every=2)
    rows = rows_of(model.denoiser, lambda settings=settings: edits.append(drag(inversion, tracks, model, settings)))
    assert rows == 2 * 2 * (1 + SETTINGS.iterations)  # frames, steps, passes
    assert edits[0].handle_path.shape == (3, *tracks.handles.shape)
    for offset in edits[0].offsets.values():
        assert len(offset) == 3 and all(bool(frame.any()) for frame in offset)


class Frames:
    """Which of `count` frames the drag worked on, per chunk."""

    def __init__(self, monkeypatch, count: int):
        self.seen, supervise_chunk = [], passes.supervise_chunk

        def noted(plan, residuals, part, *others):
            self.seen.append(list(range(count))[part])
            return supervise_chunk(plan, residuals, part, *others)

        monkeypatch.setattr(passes, "supervise_chunk", noted)


@pytest.mark.parametrize(
    "turns, key_every, chunk, wanted",
    [
        (1, 1, 5, [[0, 1, 2, 3, 4]] * 4),
        (2, 1, 0, [[0, 2, 4], [1, 3]] * 2),
        (2, 1, 2, [[0, 2], [4], [1, 3]] * 2),
        (3, 1, 0, [[0, 3], [1, 4], [2], [0, 3]]),
        (9, 1, 0, [[0], [1], [2], [3]]),
        (2, 3, 0, [[0], [1]] * 2),  # of the two key frames
    ],
)
def test_frames_take_turns(monkeypatch, model, turns, key_every, chunk, wanted):
    inversion, frames = invert(tiny_clip(5), model, InvertSettings(until=3)), Frames(monkeypatch, 5)
    settings = replace(SETTINGS, iterations=4, turns=turns, key_every=key_every, chunk=chunk)
    edit = drag(inversion, tiny_tracks(5), model, settings)
    assert frames.seen == wanted and all(bool(frame.any()) for frame in edit.offsets[2])


def test_losses_of_turns_count_for_all_frames(model):
    """Frames that are alike: the losses are the same whichever of them are worked on."""
    clip, tracks = tiny_clip(1), tiny_tracks(1)
    clip = replace(clip, frames=clip.frames.expand(4, -1, -1, -1), source_index=torch.arange(4))
    fields = {
        name: getattr(tracks, name).expand(4, *[-1] * (getattr(tracks, name).dim() - 1))
        for name in ("handles", "targets", "is_foreground", "visible", "edit_mask", "mask_points")
    }
    inversion = invert(clip, model, InvertSettings(until=3))
    one, two = (drag(inversion, replace(tracks, **fields), model, replace(SETTINGS, iterations=1, turns=turns)) for turns in (1, 2))
    torch.testing.assert_close(one.losses, two.losses, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one.handle_path, two.handle_path)


def test_nothing_is_carried_out_of_the_mask(inversion, model):
    tracks = tiny_tracks()
    mask = tracks.edit_mask.clone()
    mask[1] = False
    mask[1, :, 32:44, 32:44] = True
    edits = drag(inversion, replace(tracks, edit_mask=mask), model, SETTINGS)
    outside = mask_to_cells(mask, inversion.latents.shape[-2:]) == 0
    for offset in edits.offsets.values():
        assert offset.any() and not offset[outside.expand_as(offset)].any()
