"""What the drag does not work out, and that it comes to the same."""

import contextlib
from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion.denoiser import features_and_output, features_without_output
from dragvideo_core.dragging import supervision
from dragvideo_core.points.sampling import mask_to_cells
from dragvideo_core.stages import drag as drag_stage
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError

SETTINGS = DragSettings(steps=(3, 2), iterations=2, learning_rate=0.05, warm_start=False, turns=1)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def inversion(model):
    return invert(tiny_clip(3), model, InvertSettings(until=3, refinements=0))


class Calls:
    """Counts the rows that a module is given."""

    def __init__(self, module):
        self.rows = 0
        self.hook = module.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, module, inputs, named):
        self.rows += len(inputs[0] if inputs else named["hidden_states"])


def rows_of(module, work) -> int:
    calls = Calls(module)
    work()
    calls.hook.remove()
    return calls.rows


def test_features_without_the_output_have_the_same_values_and_gradients(model):
    latents, found = torch.randn(2, 4, 16, 16), []
    for look in (lambda x: features_and_output(model, x, 41)[0], lambda x: features_without_output(model, x, 41)):
        x = latents.clone().requires_grad_()
        features = look(x)
        found.append((features.detach(), torch.autograd.grad(features.square().sum(), x)[0]))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("stride, calls", [(1, 3), (2, 2), (7, 1)])
def test_a_stride_inverts_with_one_call_for_so_many_steps(model, stride, calls):
    assert rows_of(model.denoiser, lambda: invert(tiny_clip(3), model, InvertSettings(until=3, stride=stride))) == 3 * calls


@pytest.mark.parametrize("stride, visited", [(1, 3), (2, 2), (7, 2)])
def test_a_stride_decodes_over_every_nth_step_and_those_with_offsets(inversion, model, stride, visited):
    """Steps 3 and 2 have offsets; each step that is left takes a call for the source and one for the edit."""
    clip, tracks, told = tiny_clip(3), tiny_tracks(), []
    edit, settings = drag(inversion, tracks, model, SETTINGS), DecodeSettings(stride=stride, chunk=1)

    def replayed():
        decode(clip, inversion, edit, tracks, model, settings, lambda *progress: told.append(progress[:2]))

    assert rows_of(model.denoiser, replayed) == 3 * 2 * visited
    assert told[-1] == (3 * visited, 3 * visited) and told == sorted(told)


def test_the_text_is_looked_at_once_a_stage_with_the_same_result(inversion, model, monkeypatch):
    """Keys and values of the text: one row in each layer, however many calls and frames there are."""
    clip, tracks = tiny_clip(3), tiny_tracks()
    layer = model.denoiser.down_blocks[-2].attentions[0].transformer_blocks[0].attn2
    edit = drag(inversion, tracks, model, SETTINGS)
    stages = [
        lambda: invert(clip, model, InvertSettings(until=3)).latents[-1],
        lambda: drag(inversion, tracks, model, SETTINGS).offsets[2],
        lambda: decode(clip, inversion, edit, tracks, model)[1],
    ]
    once, rows = [], []
    for stage in stages:
        rows.append(rows_of(layer.to_k, lambda stage=stage: once.append(stage())))
    assert rows == [1, 1, 1]
    for name in ("invert", "drag", "decode"):
        monkeypatch.setattr(f"dragvideo_core.stages.{name}.text_once", contextlib.nullcontext)
    for stage, found in zip(stages, once, strict=True):
        torch.testing.assert_close(stage(), found, rtol=1e-4, atol=1e-4)
    assert type(layer.processor).__name__ == "AttnProcessor2_0"


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
    tracks, found, rows = replace(tracks, visible=visible), [], []
    for chunk in (1, 3):
        settings = replace(SETTINGS, chunk=chunk)
        rows.append(rows_of(model.denoiser, lambda settings=settings: found.append(drag(inversion, tracks, model, settings))))
    assert rows == [2 * (3 + 2 + 2), 2 * (3 + 3 + 3)]
    torch.testing.assert_close(found[0].losses, found[1].losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[0].handle_path, found[1].handle_path)
    for step in SETTINGS.steps:
        assert not found[0].offsets[step][1].any() and not found[1].offsets[step][1].any()
        apart = (found[0].offsets[step] - found[1].offsets[step]).abs().mean()
        assert apart < 2e-3 * SETTINGS.learning_rate * SETTINGS.iterations  # as for chunks: rounding, divided by Adam


def test_without_the_lock_a_hidden_frame_is_still_held(inversion, model):
    tracks = replace(tiny_tracks(), visible=torch.zeros_like(tiny_tracks().visible))
    settings = replace(SETTINGS, chunk=1, lock=False)
    rows = rows_of(model.denoiser, lambda: drag(inversion, tracks, model, settings))
    assert rows == 2 * (3 + 3 + 3)


def test_only_key_frames_are_worked_on_and_all_are_changed(inversion, model):
    tracks, found = tiny_tracks(), []
    settings = replace(SETTINGS, key_every=2)
    rows = rows_of(model.denoiser, lambda settings=settings: found.append(drag(inversion, tracks, model, settings)))
    assert rows == 2 * 2 * (1 + SETTINGS.iterations)  # frames, steps, passes
    assert found[0].handle_path.shape == (3, *tracks.handles.shape)
    for offset in found[0].offsets.values():
        assert len(offset) == 3 and all(bool(frame.any()) for frame in offset)


class Frames:
    """Which of `count` frames the drag worked on, per call of the denoiser."""

    def __init__(self, monkeypatch, count: int):
        self.seen, supervised = [], drag_stage._Run._supervised

        def noted(run, part, *others):
            self.seen.append(list(range(count))[part])
            return supervised(run, part, *others)

        monkeypatch.setattr(drag_stage._Run, "_supervised", noted)


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


def test_a_template_is_kept_while_frames_that_hide_its_point_have_their_turn(monkeypatch, model):
    tracks, templates = tiny_tracks(4), []
    visible = tracks.visible.clone()
    visible[::2, 0] = False  # the first pair is hidden in every other frame, those of the first and third iteration
    inversion, advance = invert(tiny_clip(4), model, InvertSettings(until=3)), drag_stage._Run._advance

    def noted(run, *others):
        before = run.templates[2].clone()
        advance(run, *others)
        templates.append((run.templates[2] != before).flatten(1).any(1).tolist())

    monkeypatch.setattr(drag_stage._Run, "_advance", noted)
    drag(inversion, replace(tracks, visible=visible), model, replace(SETTINGS, iterations=4, turns=2))
    assert templates[1:] == [[True, True], [False, True], [True, True]]  # the first pass sees what was measured before


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_looks_are_summed_up_by_turn_whatever_the_chunks(model, chunk):
    tracks, inversion = tiny_tracks(5), invert(tiny_clip(5), model, InvertSettings(until=3))
    runs = [drag_stage._Run(inversion, tracks, model, replace(SETTINGS, turns=2, chunk=c)) for c in (5, chunk)]
    for run in runs:
        run.measure()
    alone = []
    for turn in range(2):
        few = replace(inversion, latents=inversion.latents[:, turn::2])
        run = drag_stage._Run(few, tracks.of_frames(slice(turn, None, 2)), model, replace(SETTINGS, turns=1, chunk=5))
        run.measure()
        alone.append(run.looks)
    for step in SETTINGS.steps:
        torch.testing.assert_close(runs[1].looks[step], runs[0].looks[step], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(runs[0].looks[step], torch.cat([looks[step] for looks in alone]), rtol=1e-4, atol=1e-4)


def test_nothing_is_carried_out_of_the_mask(inversion, model):
    tracks = tiny_tracks()
    mask = tracks.edit_mask.clone()
    mask[1] = False
    mask[1, :, 32:44, 32:44] = True
    found = drag(inversion, replace(tracks, edit_mask=mask), model, SETTINGS)
    outside = mask_to_cells(mask, inversion.latents.shape[-2:]) == 0
    for offset in found.offsets.values():
        assert offset.any() and not offset[outside.expand_as(offset)].any()


@pytest.mark.parametrize("stride", [0, -3])
def test_impossible_strides_are_told(inversion, model, stride):
    edit, tracks = drag(inversion, tiny_tracks(), model, SETTINGS), tiny_tracks()
    with pytest.raises(UserError, match="'stride' must be at least 1"):
        invert(tiny_clip(3), model, InvertSettings(until=3, stride=stride))
    with pytest.raises(UserError, match="'stride' must be at least 1"):
        decode(tiny_clip(3), inversion, edit, tracks, model, DecodeSettings(stride=stride))


@pytest.mark.parametrize("change", [{"key_every": 0}, {"turns": 0}, {"reach": -1.0}, {"reach": 1e9}, {"reach": float("nan")}])
def test_impossible_settings_are_told(inversion, model, change):
    with pytest.raises(UserError, match="key_every and turns must be at least 1"):
        drag(inversion, tiny_tracks(), model, replace(SETTINGS, **change))


def test_eq_3_can_be_summed_up_chunk_by_chunk():
    generator = torch.Generator().manual_seed(0)
    features, visible = torch.randn(5, 2, 3, 4, 6, generator=generator), torch.rand(5, 2, 3, generator=generator) > 0.4
    total = sum(supervision.sum_over_frames(features[part], visible[part]) for part in (slice(0, 2), slice(2, 5)))
    whole = supervision.mean_over_frames(features, visible)
    torch.testing.assert_close(supervision.mean_of_sum(total, visible), whole)
    seen = visible[..., None, None]
    by_hand = (features * seen).sum(0) / seen.sum(0)
    torch.testing.assert_close(whole[visible.any(0)], by_hand[visible.any(0)])
