"""Every stage, with every choice and preview, on a device that is not the CPU (a pretended one): the CPU's results, no devices
mixed, and no more waiting for the device than is held here."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_picks, tiny_tracks
from pretend_device import Crossings, on_device, pretend_device

from dragvideo_core.files.fingerprint import fingerprint
from dragvideo_core.files.unfinished import Unfinished
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.evaluate import EvaluateSettings, evaluate
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import DragModel

FRAMES = 2
DRAG = DragSettings(steps=(3, 2), iterations=1, turns=1)


def on_both(work: Callable[[DragModel], object], prediction: str = "epsilon") -> tuple[object, object, Crossings]:
    """What the work gives on the CPU and on the device, and how often the device was reached."""
    here = work(tiny_model(prediction))
    model = tiny_model(prediction)
    with pretend_device() as crossings:
        model = on_device(model)
        crossings.copies, crossings.syncs = 0, 0
        crossings.places.clear()
        there = work(model)
    return here, there, crossings


def same(there: torch.Tensor, here: torch.Tensor, atol: float = 1e-4) -> None:
    assert there.device.type == "cpu"  # what stages hand on lies in main memory
    torch.testing.assert_close(there, here, atol=atol, rtol=1e-3)


@pytest.fixture(scope="module")
def inversion():
    return invert(tiny_clip(FRAMES), tiny_model(), InvertSettings(until=3))


@pytest.fixture(scope="module")
def edit(inversion):
    return drag(inversion, tiny_tracks(FRAMES), tiny_model(), replace(DRAG, steps=(2,)))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_invert(prediction):
    settings = InvertSettings(until=3)
    here, there, _ = on_both(lambda model: invert(tiny_clip(FRAMES), model, settings).latents, prediction)
    same(there, here)


def test_invert_waits_for_the_device_six_times_a_denoiser_call():
    """The latents of a stride of two, the text, the timestep, and nothing else."""

    def syncs(until: int) -> int:
        return on_both(lambda model: invert(tiny_clip(1), model, InvertSettings(until=until)))[2].syncs

    assert syncs(4) - syncs(2) <= 6


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"lock": False, "warm_start": False, "moving_average": False, "mask_weight": 0.5},
        {"chained": False, "turns": 2, "chunk": 1},
        {"key_every": 2, "reach": 0.0, "patch_radius": 0},
    ],
    ids=str,
)
def test_drag(inversion, choice):
    settings = replace(DRAG, **choice)
    here, there, _ = on_both(lambda model: drag(inversion, tiny_tracks(FRAMES), model, settings))
    for step in here.offsets:
        same(there.offsets[step], here.offsets[step], 2e-3)
    same(there.handle_path, here.handle_path, 2e-2)
    same(there.losses, here.losses, 2e-2)
    assert torch.equal(there.arrived, here.arrived)


def test_a_drag_that_was_broken_off_goes_on_there_and_shows_its_picture(inversion, tmp_path):
    pictures = []

    def stop(done, total, picture):
        if picture is not None:
            pictures.append(picture())
            raise KeyboardInterrupt

    def broken_off(model):
        work, settings = Unfinished(tmp_path / str(model.device)), replace(DRAG, steps=(3,), iterations=2, warm_start=False)
        with pytest.raises(KeyboardInterrupt):
            drag(inversion, tiny_tracks(FRAMES), model, settings, stop, unfinished=work)
        return drag(inversion, tiny_tracks(FRAMES), model, settings, unfinished=work).offsets[3]

    here, there, _ = on_both(broken_off)
    same(there, here, 2e-3)
    same(pictures[1], pictures[0], 2e-2)


def test_another_round(inversion, edit):
    settings = replace(DRAG, steps=(2,))
    here, there, _ = on_both(lambda model: drag(inversion, tiny_tracks(FRAMES), model, settings, start=edit))
    same(there.offsets[2], here.offsets[2], 2e-3)


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"cross_branch": "first_frame", "chunk": 1},
        {"cross_branch": "all_frames", "chunk": 1},
        {"cross_branch": "off", "lock": False, "smoothing": True},
    ],
    ids=str,
)
def test_decode(inversion, edit, choice, monkeypatch):
    monkeypatch.setattr("dragvideo_core.stages.decode.SMOOTHED_STEPS", (1, 2))
    clip, tracks, settings = tiny_clip(FRAMES), tiny_tracks(FRAMES), DecodeSettings(**choice)

    def decoded(model):
        edited, latents = decode(clip, inversion, edit, tracks, model, settings)
        return edited.frames, latents

    here, there, _ = on_both(decoded)
    same(there[0], here[0], 1e-3)
    same(there[1], here[1], 1e-3)


@pytest.mark.parametrize("tracker, recipe", [("dift", "image"), ("auto", "video")])
def test_propagate(tracker, recipe):
    settings = PropagateSettings(ensemble=2, tracker=tracker, recipe=recipe)
    here, there, crossings = on_both(lambda model: propagate(tiny_clip(FRAMES), tiny_picks(), segment(), model, settings))
    same(there.handles, here.handles, 0.05)
    assert torch.equal(there.edit_mask, here.edit_mask)
    assert crossings.syncs <= 20


def test_tune_and_its_picture():
    pictures = []

    def show(done, total, picture):
        if done == total:
            pictures.append(picture())

    settings = TuneSettings(rank=2, passes=1, batch=2)
    here, there, _ = on_both(lambda model: tune(tiny_clip(FRAMES), model, settings, show))
    for name, weight in here.lora.items():
        same(there.lora[name].cpu(), weight, 1e-4)
    same(pictures[1], pictures[0], 1e-2)
    assert there.lora_losses == pytest.approx(here.lora_losses, rel=1e-3)


def test_evaluate():
    clip, tracks = tiny_clip(FRAMES), tiny_tracks(FRAMES)
    edited = replace(clip, frames=clip.frames.roll(3, -1))
    here, there, _ = on_both(lambda model: evaluate(clip, edited, tracks, model, EvaluateSettings(ensemble=1)))
    assert there.keys() == here.keys()
    for name, score in here.items():
        assert there[name].value == pytest.approx(score.value, rel=1e-2, abs=1e-3, nan_ok=True), name


def test_a_models_fingerprint_is_the_same_everywhere_and_costs_one_wait():
    here, there, crossings = on_both(lambda model: fingerprint(model.denoiser))
    assert there == here and crossings.syncs == 1
