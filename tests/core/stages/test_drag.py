from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion.ddim import Ddim
from dragvideo_core.diffusion.denoiser import features_and_output, features_only, predict
from dragvideo_core.dragging import offsets
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError

QUICK = DragSettings(iterations=3, learning_rate=0.05)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def clip():
    return tiny_clip(3)


@pytest.fixture(scope="module")
def inversion(clip, model):
    return invert(clip, model, InvertSettings(refinements=0))


@pytest.fixture(scope="module")
def edit(inversion, model):
    return drag(inversion, tiny_tracks(), model, QUICK)


def test_features_and_output_come_from_one_call_and_no_graph_follows_them(model):
    latents = torch.randn(2, 4, 16, 16, requires_grad=True)
    features, output = features_and_output(model, latents, 581)
    assert features.requires_grad and not output.requires_grad
    torch.testing.assert_close(output, predict(model, latents, 581))
    assert torch.autograd.grad(features.sum(), latents)[0].abs().sum() > 0
    assert all(p.grad is None for p in model.denoiser.parameters())


def test_features_only_stops_after_its_block(model):
    plain = replace(model, empty_context=model.context)
    latents = torch.randn(1, 4, 16, 16)
    torch.testing.assert_close(features_only(plain, latents, 581, 2), features_and_output(model, latents, 581)[0].detach())


@pytest.mark.parametrize("chained", [True, False])
def test_one_frame_chunks_give_the_result_of_one_batch(inversion, model, chained):
    one, all_ = (drag(inversion, tiny_tracks(), model, replace(QUICK, chunk=c, chained=chained)) for c in (1, 3))
    torch.testing.assert_close(one.losses, all_.losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one.handle_path, all_.handle_path)
    for step in QUICK.steps:
        # Adam divides by the gradient's own size: where that is rounding noise its sign is too, so compare the mean
        assert (one.offsets[step] - all_.offsets[step]).abs().mean() < 2e-3 * QUICK.learning_rate * QUICK.iterations


def test_chunked_gradients_equal_the_gradients_of_one_batch(inversion, model):
    """The claim behind flat memory."""
    from dragvideo_core.stages.drag import _Run

    grads = []
    for chunk in (1, 3):
        run = _Run(inversion, tiny_tracks(), model, replace(QUICK, chunk=chunk))
        run.measure()
        run.iterate()
        grads.append({step: own.grad for step, own in run.corrections.items()})
    for step in QUICK.steps:
        assert grads[0][step].abs().max() > 0
        torch.testing.assert_close(grads[0][step], grads[1][step], rtol=1e-3, atol=1e-5 * float(grads[1][step].abs().max()))


def test_every_selected_step_gets_its_own_offset(edit):
    assert set(edit.offsets) == {42, 41, 35, 30}
    assert all(offset.abs().max() > 0 for offset in edit.offsets.values())
    assert edit.handle_path.shape == (4, 3, 2, 9, 2) and edit.losses.shape == (3, 2)


def test_the_drag_loss_falls(inversion, model):
    """One step, handles and template held still: nothing but Adam is left."""
    still = DragSettings(steps=(35,), iterations=15, learning_rate=0.05, max_move=0.1, moving_average=False)
    result = drag(inversion, tiny_tracks(), model, still)
    assert result.losses[-1, 0] < 0.9 * result.losses[0, 0]


def test_all_frames_move_alike(edit):
    moved = edit.handle_path[-1] - edit.handle_path[0]
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), atol=1e-4, rtol=0)


def test_the_lock_keeps_everything_outside_the_mask(clip, inversion, model, edit):
    edited, _ = decode(clip, inversion, edit, tiny_tracks(), model)
    assert torch.equal(edited.frames[..., 32:], clip.frames[..., 32:])


def test_without_lock_the_mask_loss_counts(inversion, model):
    free = drag(inversion, tiny_tracks(), model, replace(QUICK, lock=False))
    assert free.losses[-1, 1] > 0


def test_chain_residuals_give_the_inverted_latents_back(inversion, model):
    ddim, above = Ddim(model.alphas_cumprod, "epsilon"), None
    for step in (42, 41, 35, 30):
        z_t = inversion.latents[step]
        if above is not None:
            r_t = offsets.residual(ddim, *above[1:], z_t, above[0], step)
            carried = ddim.move(above[1], above[2], above[0], step) + r_t
            x_t = offsets.add_offset(z_t, carried, torch.zeros_like(z_t), None)
            torch.testing.assert_close(x_t, z_t, rtol=1e-4, atol=1e-4)
        above = (step, z_t, predict(model, z_t, ddim.timestep(step)))


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


def test_inputs_are_not_changed(inversion, model):
    tracks = tiny_tracks()
    before = (inversion.latents.clone(), tracks.handles.clone())
    drag(inversion, tracks, model, replace(QUICK, iterations=1))
    assert torch.equal(before[0], inversion.latents) and torch.equal(before[1], tracks.handles)


def test_a_cancel_leaves_no_hook_behind(inversion, model):
    class Cancelled(BaseException):
        pass

    def cancel(done, total, picture):
        if picture is not None:
            assert picture().shape[0] == 3
            raise Cancelled

    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, QUICK, cancel)
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in model.denoiser.up_blocks)


def test_arrived_at_once_means_no_iteration(inversion, model):
    tracks = tiny_tracks()
    result = drag(inversion, replace(tracks, targets=tracks.handles), model, QUICK)
    assert len(result.losses) == 0 and result.arrived.all()
    assert all(offset.abs().max() == 0 for offset in result.offsets.values())


@pytest.mark.parametrize(
    "settings, words",
    [
        (DragSettings(steps=(42, 42)), "once each"),
        (DragSettings(steps=(49,)), "last step 42"),
        (DragSettings(learning_rate=0), "positive"),
    ],
)
def test_wrong_settings_say_what_to_do(inversion, model, settings, words):
    with pytest.raises(UserError, match=words):
        drag(inversion, tiny_tracks(), model, settings)


def test_tracks_of_another_clip_are_refused(inversion, model):
    with pytest.raises(UserError, match="same clip"):
        drag(inversion, tiny_tracks(2), model, QUICK)
