"""Laws of the attention whose keys and values are chosen."""

import contextlib
import copy
import threading
from dataclasses import replace

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks
from diffusers.models.attention_processor import AttnProcessor

from dragvideo_core.diffusion.attention import Barred, cross_branch, kept_bytes, text_once
from dragvideo_core.diffusion.denoiser import features_only, predict
from dragvideo_core.stages.decode import decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert

SETTINGS = DragSettings(steps=(3, 2), iterations=2, learning_rate=0.05, warm_start=False, turns=1)


def test_the_text_is_looked_at_once_a_stage_with_the_same_result(monkeypatch):
    """Keys and values of the text: one row in each layer, however many calls and frames there are."""
    model, clip, tracks = tiny_model(), tiny_clip(3), tiny_tracks()
    inversion = invert(clip, model, InvertSettings(until=3))
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
    for name in ("stages.invert", "stages.drag", "dragging.replay"):
        monkeypatch.setattr(f"dragvideo_core.{name}.text_once", contextlib.nullcontext)
    for stage, predicted in zip(stages, once, strict=True):
        torch.testing.assert_close(stage(), predicted, rtol=1e-4, atol=1e-4)
    assert type(layer.processor).__name__ == "AttnProcessor2_0"


def test_a_frame_that_asks_itself_gets_the_plain_answer():
    model, latents = tiny_model(), torch.randn(2, 4, 16, 16)
    plain = predict(model, latents, 41)
    with cross_branch(model.denoiser) as branch:
        branch.mode = "record"
        predict(model, latents, 41)
        branch.mode, branch.rows = "use", torch.arange(2)
        torch.testing.assert_close(predict(model, latents, 41), plain, rtol=1e-4, atol=1e-5)
        branch.rows = torch.tensor([1, 0])  # each asks the other
        assert (predict(model, latents, 41) - plain).abs().max() > 1e-3


@pytest.mark.parametrize("frames, size", [(1, (64, 64)), (3, (64, 64)), (2, (64, 128))])
def test_what_keys_and_values_take_is_counted_right(frames, size):
    model, cells = tiny_model(), (size[0] // 4, size[1] // 4)
    with cross_branch(model.denoiser) as branch:
        branch.mode = "add"
        for _ in range(frames):
            predict(model, torch.randn(1, 4, *cells), 41)
        of_layers = [sum(value.nbytes for value in kept) for kept in branch.kept.values()]
    assert kept_bytes(model.denoiser, cells[0] * cells[1], frames, 4) == sum(of_layers) + max(of_layers)


@pytest.mark.parametrize("tokens, size", [(256, 16), (64, 8)])
def test_barred_cells_may_look_at_all_but_what_is_barred(tokens, size):
    cells, kept = torch.zeros(2, 1, 16, 16, dtype=torch.bool), torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    cells[0, :, :4], kept[1, :, 8:] = True, True
    allowed = Barred(cells, kept).allowed(tokens, torch.tensor([1, 0]))
    assert allowed.shape == (2, 1, tokens, tokens)
    above, below = slice(0, size * size // 4), slice(size * size // 2, None)
    assert not allowed[0, 0, above, below].any() and allowed[0, 0, above, : size * size // 2].all()
    assert allowed[0, 0, size * size // 4 :].all() and allowed[1].all()


def test_who_would_see_nothing_sees_everything():
    everything = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    assert Barred(everything, everything).allowed(256, torch.tensor([0])).all()
    assert Barred(~everything, everything).allowed(256, torch.tensor([0])).all()


def test_what_is_barred_has_no_say():
    """The source's looks change behind the bar alone: the cells that may not look there do not notice."""
    model, asking, source = tiny_model(), torch.randn(1, 4, 16, 16), torch.randn(1, 4, 16, 16)
    everywhere, behind = torch.ones(1, 1, 16, 16, dtype=torch.bool), torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    behind[..., 8:] = True
    barred = Barred(everywhere, behind)
    with cross_branch(model.denoiser) as branch:
        branch.mode = "record"
        predict(model, source, 41)
        branch.mode, branch.rows, branch.barred = "use", torch.zeros(1, dtype=torch.long), barred
        before = predict(model, asking, 41)
        for layer, (key, value) in branch.kept.items():
            side = round(key.shape[2] ** 0.5)
            columns = torch.arange(key.shape[2]) % side >= side // 2
            branch.kept[layer] = (torch.where(columns[:, None], key + 9, key), torch.where(columns[:, None], value - 9, value))
        assert torch.equal(predict(model, asking, 41), before)
        branch.barred = None
        assert not torch.allclose(predict(model, asking, 41), before)


def own_processors(model) -> set[str]:
    return {type(module.processor).__name__ for module in model.denoiser.modules() if hasattr(module, "processor")}


def in_two_threads(first, second) -> list:
    """Results of two pieces of work that run at once, each given a barrier of both; whatever one raises is raised."""
    barrier, results, errors = threading.Barrier(2, timeout=20), [None, None], []

    def run(number, work):
        try:
            results[number] = work(barrier)
        except BaseException as error:  # to be seen in the test's own thread
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate((first, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    if errors:
        raise errors[0]
    return results


def test_two_threads_share_a_denoiser_and_leave_it_as_it_was():
    """One frame asks the other's keys in one thread, plain calls in the other; they begin and end one after the other, which left
    the first one's processor behind for good."""
    model, latents = tiny_model(), torch.randn(2, 4, 16, 16)
    before, plain = own_processors(model), predict(model, latents, 41)

    def asked(barrier=None):
        with text_once(model.denoiser), cross_branch(model.denoiser) as branch:
            branch.mode = "record"
            predict(model, latents, 41)
            branch.mode, branch.rows = "use", torch.tensor([1, 0])
            if barrier is not None:
                barrier.wait()  # both are in
                barrier.wait()  # the other has called
            crossed = predict(model, latents, 41)
        if barrier is not None:
            barrier.wait()  # this one is out, the other is still in
        return crossed

    def simple(barrier):
        barrier.wait()
        with text_once(model.denoiser), cross_branch(model.denoiser):
            predicted = predict(model, latents, 41)
            barrier.wait()
            barrier.wait()
            again = predict(model, latents, 41)
        return predicted, again

    alone = asked()
    crossed, (predicted, again) = in_two_threads(asked, simple)
    assert torch.equal(crossed, alone) and not torch.allclose(crossed, plain)
    torch.testing.assert_close(predicted, plain, rtol=1e-4, atol=1e-5)
    assert torch.equal(predicted, again)
    assert own_processors(model) == before


def test_a_hook_of_one_thread_does_not_catch_the_call_of_another():
    """`features_only` stops the denoiser half way: in its own thread."""
    model, latents = tiny_model(), torch.randn(1, 4, 16, 16)
    plain, features = predict(model, latents, 41), features_only(model, latents, 41, 1)

    def stopped(barrier):
        thread = threading.get_ident()

        def pause(module, args):
            if threading.get_ident() == thread:
                barrier.wait()  # the hooks are in
                barrier.wait()  # the other has called

        hook = model.denoiser.mid_block.register_forward_pre_hook(pause)
        try:
            return features_only(model, latents, 41, 1)
        finally:
            hook.remove()

    def whole(barrier):
        barrier.wait()
        predicted = predict(model, latents, 41)
        barrier.wait()
        return predicted

    caught, predicted = in_two_threads(stopped, whole)
    assert torch.equal(caught, features) and torch.equal(predicted, plain)


def test_a_second_text_is_read_as_well():
    """It got the keys and values of the first."""
    model, latents = tiny_model(), torch.randn(1, 4, 16, 16)
    other = replace(model, context=torch.randn(1, 4, 8))
    wanted = [predict(model, latents, 41), predict(other, latents, 41), features_only(model, latents, 41, 1)]
    with text_once(model.denoiser):
        for _ in range(2):
            predicted = [predict(model, latents, 41), predict(other, latents, 41), features_only(model, latents, 41, 1)]
            for one, plain in zip(predicted, wanted, strict=True):
                torch.testing.assert_close(one, plain, rtol=1e-4, atol=1e-5)


def test_an_error_a_copy_and_another_processor_leave_nothing_behind():
    model, latents = tiny_model(), torch.randn(1, 4, 16, 16)
    before = own_processors(model)
    with pytest.raises(KeyError), text_once(model.denoiser), cross_branch(model.denoiser), text_once(model.denoiser):
        copied = copy.deepcopy(model.denoiser)
        raise KeyError
    assert own_processors(model) == own_processors(replace(model, denoiser=copied)) == before
    layer = model.denoiser.mid_block.attentions[0].transformer_blocks[0].attn2
    with text_once(model.denoiser):
        layer.set_processor(kept := AttnProcessor())
    assert layer.processor is kept
    predict(model, latents, 41)
