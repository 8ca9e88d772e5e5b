"""An edit in a box of the clip is the edit of the clip cut to the box, and nothing beside it changes."""

from dataclasses import replace

import pytest
import torch
from core.stages.test_decode import displacement
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.region.box import tracks_in
from dragvideo_core.region.edit import clip_in, displacement_in, edit_from, edit_in, inversion_in
from dragvideo_core.stages.decode import decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import Box, DragResult, UserError

TOP, CELL = 4, 4
SIZE = (64, 128)
BOX = Box(slice(0, 64), slice(0, 64))  # around the mask of the tracks, in whole smallest cells of the denoiser
QUICK = DragSettings(steps=(TOP, 2), iterations=2, learning_rate=0.05)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def inversion(model):
    return invert(tiny_clip(3, *SIZE), model, InvertSettings(until=TOP), tracks=tiny_tracks(3, SIZE))


def test_the_box_alone_is_inverted(model, inversion):
    clip = tiny_clip(3, *SIZE)
    cut = invert(clip_in(BOX, clip), model, InvertSettings(until=TOP), given=model.vae.encode(BOX.cut(clip.frames)))
    cells = BOX.over(CELL)
    assert inversion.box == BOX and inversion.latents.shape == (TOP + 1, 3, 4, 16, 32)
    torch.testing.assert_close(cells.cut(inversion.latents), cut.latents)
    assert torch.equal(inversion.latents[0][..., 16:], model.vae.encode(clip.frames)[..., 16:])
    torch.testing.assert_close(inversion_in(BOX, inversion, CELL).latents, cut.latents)


def test_latents_that_were_made_elsewhere_are_cut(model):
    given = torch.randn(3, 4, 16, 32)
    made = invert(tiny_clip(3, *SIZE), model, InvertSettings(until=1), given=given, tracks=tiny_tracks(3, SIZE))
    assert torch.equal(made.latents[0], given) and made.box == BOX and made.frames is None


def test_an_edit_in_the_box_is_the_edit_of_the_cut_clip(model, inversion):
    clip, tracks = tiny_clip(3, *SIZE), tiny_tracks(3, SIZE)
    cut = clip_in(BOX, clip), inversion_in(BOX, inversion, CELL), tracks_in(BOX, tracks)
    edit, cut_edit = drag(inversion, tracks, model, QUICK), drag(cut[1], cut[2], model, QUICK)
    for step, offset in edit.offsets.items():
        torch.testing.assert_close(BOX.over(CELL).cut(offset), cut_edit.offsets[step])
        assert bool(offset.any()) and not offset[..., 16:].any()
    torch.testing.assert_close(edit.handle_path, cut_edit.handle_path)
    edited, latents = decode(clip, inversion, edit, tracks, model)
    cut_edited, cut_latents = decode(cut[0], cut[1], cut_edit, cut[2], model)
    assert torch.equal(BOX.cut(edited.frames), cut_edited.frames) and torch.equal(edited.frames[..., 64:], clip.frames[..., 64:])
    assert torch.equal(latents[..., :16], cut_latents) and torch.equal(latents[..., 16:], inversion.latents[0][..., 16:])


def test_an_edit_and_its_places_go_into_a_box_and_back():
    box = Box(slice(16, 48), slice(8, 40))
    offsets = {3: box.over(CELL).placed(torch.randn(3, 4, 8, 8), torch.zeros(3, 4, 16, 32))}
    edit = DragResult(offsets, tiny_tracks(3, SIZE).handles[None], torch.zeros(0, 2), torch.zeros(2, dtype=torch.bool))
    inside = edit_in(box, edit, CELL)
    assert inside.offsets[3].shape[-2:] == (8, 8)
    torch.testing.assert_close(inside.handle_path + torch.tensor([8.0, 16.0]), edit.handle_path)
    back = edit_from(box, inside, torch.zeros(3, 4, 16, 32), CELL)
    assert torch.equal(back.offsets[3], offsets[3])
    torch.testing.assert_close(back.handle_path, edit.handle_path)


def test_a_displacement_in_a_box_comes_from_the_same_places():
    displaced, box = displacement(tiny_clip(2, *SIZE), painted=True), Box(slice(16, 48), slice(8, 40))
    inside = displacement_in(box, displaced)
    torch.testing.assert_close(inside.backward[0, 0, 0], torch.zeros(2))  # its first pixel stays in its place
    assert torch.equal(inside.frames, displaced.frames[..., 16:48, 8:40]) and inside.freed.shape[-2:] == (32, 32)


def test_tracks_with_a_larger_mask_than_the_inversions_are_refused(model, inversion):
    tracks = replace(tiny_tracks(3, SIZE), edit_mask=torch.ones(3, 1, *SIZE, dtype=torch.bool))
    with pytest.raises(UserError, match="same tracks into DDIM Invert"):
        drag(inversion, tracks, model, QUICK)
    edit = drag(inversion, tiny_tracks(3, SIZE), model, QUICK)
    with pytest.raises(UserError, match="same tracks into DDIM Invert"):
        decode(tiny_clip(3, *SIZE), inversion, edit, tracks, model)


def test_another_round_goes_on_in_the_box(model, inversion):
    first = drag(inversion, tiny_tracks(3, SIZE), model, QUICK)
    second = drag(inversion, tiny_tracks(3, SIZE), model, QUICK, start=first)
    torch.testing.assert_close(second.handle_path[:3], first.handle_path)
    assert len(second.losses) == 4 and not second.offsets[TOP][..., 16:].any()


def test_a_start_from_a_displacement_without_iterations_does_not_ask_the_denoiser(model, inversion):
    displaced = displacement(tiny_clip(3, *SIZE), painted=True)
    edits = []
    rows = rows_of(model.denoiser, lambda: edits.append(drag(inversion, tiny_tracks(3, SIZE), model, QUICK, displaced=displaced)))
    assert rows == 0 and edits[0].offsets[TOP].any() and not edits[0].offsets[2].any()


def test_frames_in_which_nothing_is_painted_are_not_decoded(model, inversion):
    clip, tracks = tiny_clip(3, *SIZE), tiny_tracks(3, SIZE)
    displaced = displacement(clip, painted=True)
    freed = displaced.freed.clone()
    freed[[0, 2]] = False
    some = replace(displaced, freed=freed)
    edit = drag(inversion, tracks, model, QUICK, displaced=displaced)

    def edited(displaced, made):
        made.append(decode(clip, inversion, edit, tracks, model, displaced=displaced)[0].frames)

    whole, part = [], []
    rows = [rows_of(model.denoiser, lambda: edited(displaced, whole)), rows_of(model.denoiser, lambda: edited(some, part))]
    assert rows[0] == 3 * rows[1] > 0
    torch.testing.assert_close(part[0][1], whole[0][1], rtol=1e-4, atol=1e-4)
    kept = torch.where(tracks.edit_mask, displaced.frames, clip.frames)
    assert torch.equal(part[0][[0, 2]], kept[[0, 2]])
