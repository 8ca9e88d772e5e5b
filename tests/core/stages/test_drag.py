from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion.pace import Pace
from dragvideo_core.stages import drag as drag_stage
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert

QUICK = DragSettings(iterations=3, learning_rate=0.05)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def clip():
    return tiny_clip(3)


@pytest.fixture(scope="module")
def inversion(clip, model):
    return invert(clip, model, InvertSettings())


@pytest.fixture(scope="module")
def edit(inversion, model):
    return drag(inversion, tiny_tracks(), model, QUICK)


@pytest.mark.parametrize("chained", [True, False])
def test_one_frame_chunks_give_the_result_of_one_batch(inversion, model, chained):
    one, all_ = (drag(inversion, tiny_tracks(), model, replace(QUICK, chunk=c, chained=chained)) for c in (1, 3))
    torch.testing.assert_close(one.losses, all_.losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one.handle_path, all_.handle_path)
    for step in QUICK.steps:
        # Adam divides by the gradient's own size: where that is rounding noise its sign is too, so compare the mean
        assert (one.offsets[step] - all_.offsets[step]).abs().mean() < 2e-3 * QUICK.learning_rate * QUICK.iterations


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


def test_without_lock_the_mask_loss_counts(inversion, model):
    free = drag(inversion, tiny_tracks(), model, replace(QUICK, lock=False))
    assert free.losses[-1, 1] > 0


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


def looks(denoiser, work) -> Pace:
    """How many frames the denoiser is given while `work` runs: with gradients to its end and up to the features, and without."""
    calls = []

    def begins(module, inputs, named):
        calls.append([len(inputs[0]), torch.is_grad_enabled(), False])

    def comes_to_the_end(module, inputs, named):
        calls[-1][2] = True

    hooks = [
        denoiser.register_forward_pre_hook(begins, with_kwargs=True),
        denoiser.up_blocks[-1].register_forward_pre_hook(comes_to_the_end, with_kwargs=True),
    ]
    work()
    for hook in hooks:
        hook.remove()

    def rows(*kind: bool) -> float:
        return float(sum(row for row, *of_kind in calls if tuple(of_kind) == kind))

    return Pace(rows(True, True), rows(True, False), rows(False, True) + rows(False, False))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"turns": 1},
        {"turns": 2, "iterations": 4},
        {"key_every": 2},
        {"steps": (35,)},
        {"chained": False},
        {"iterations": 0},
        {"warm_start": True},
    ],
)
def test_the_time_it_expects_is_that_of_the_frames_it_shows_the_model(monkeypatch, inversion, model, more):
    """Iterations on all of them are counted: it does not know that it will arrive earlier."""
    settings = replace(QUICK, **{"warm_start": False, "arrive": 0.0} | more)

    def expected(output: float, features: float, forward: float) -> float:
        monkeypatch.setattr(drag_stage, "pace", lambda model, cells, frames: Pace(output, features, forward))
        return drag_stage.seconds_of(inversion, model, settings)

    counted = looks(model.denoiser, lambda: drag(inversion, tiny_tracks(), model, settings))
    assert (counted.output, counted.features) == (expected(1.0, 0.0, 0.0), expected(0.0, 1.0, 0.0))
    assert counted.forward == pytest.approx(expected(0.0, 0.0, 1.0), abs=settings.iterations)  # beside it pictures are made
