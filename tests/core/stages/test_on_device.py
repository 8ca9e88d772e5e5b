"""Every stage, with every choice and preview, on a device that is not the CPU (a pretended one): the CPU's results, no devices
mixed, and no more waiting for the device than is held here."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_picks, tiny_tracks
from pretend_device import DEVICE, Crossings, on_device, pretend_device
from torchvision.models.optical_flow import raft_small

from dragvideo_core.files.fingerprint import fingerprint
from dragvideo_core.files.unfinished import Unfinished
from dragvideo_core.points import flow
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.evaluate import EvaluateSettings, evaluate
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import DragModel

from .test_segment import tiny_sam

FRAMES = 2
DRAG = DragSettings(steps=(3, 2), iterations=1, turns=1)


def on_both(
    work: Callable[[DragModel], object], prediction: str = "epsilon", dtype: torch.dtype = torch.float32
) -> tuple[object, object, Crossings]:
    """What the work gives on the CPU and on the device, and how often the device was reached. dtype: of the denoiser."""

    def in_precision() -> DragModel:
        model = tiny_model(prediction)
        model.denoiser.to(dtype)
        return model

    on_cpu, model = work(in_precision()), in_precision()
    with pretend_device() as crossings:
        model = on_device(model)
        crossings.copies, crossings.syncs = 0, 0
        crossings.places.clear()
        pretended = work(model)
    return on_cpu, pretended, crossings


def same(pretended: torch.Tensor, on_cpu: torch.Tensor, atol: float = 1e-4) -> None:
    assert pretended.device.type == "cpu"  # what stages hand on lies in main memory
    torch.testing.assert_close(pretended, on_cpu, atol=atol, rtol=1e-3)


@pytest.fixture(scope="module")
def inversion():
    return invert(tiny_clip(FRAMES), tiny_model(), InvertSettings(until=3))


@pytest.fixture(scope="module")
def edit(inversion):
    return drag(inversion, tiny_tracks(FRAMES), tiny_model(), replace(DRAG, steps=(2,)))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_invert(prediction):
    settings = InvertSettings(until=3)
    on_cpu, pretended, _ = on_both(lambda model: invert(tiny_clip(FRAMES), model, settings).latents, prediction)
    same(pretended, on_cpu)


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
    on_cpu, pretended, _ = on_both(lambda model: drag(inversion, tiny_tracks(FRAMES), model, settings))
    for step in on_cpu.offsets:
        same(pretended.offsets[step], on_cpu.offsets[step], 2e-3)
    same(pretended.handle_path, on_cpu.handle_path, 2e-2)
    same(pretended.losses, on_cpu.losses, 2e-2)
    assert torch.equal(pretended.arrived, on_cpu.arrived)


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

    on_cpu, pretended, _ = on_both(broken_off)
    same(pretended, on_cpu, 2e-3)
    same(pictures[1], pictures[0], 2e-2)


def test_another_round(inversion, edit):
    settings = replace(DRAG, steps=(2,))
    on_cpu, pretended, _ = on_both(lambda model: drag(inversion, tiny_tracks(FRAMES), model, settings, start=edit))
    same(pretended.offsets[2], on_cpu.offsets[2], 2e-3)


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

    on_cpu, pretended, _ = on_both(decoded)
    same(pretended[0], on_cpu[0], 1e-3)
    same(pretended[1], on_cpu[1], 1e-3)


@pytest.fixture(scope="module")
def displaced():
    """The left of the picture moved to the right by nine pixels, with ground that came free behind it."""
    layer = torch.zeros(FRAMES, 1, 64, 64)
    layer[:, :, 12:52, 8:24] = 1
    return displace(tiny_clip(FRAMES), replace(tiny_tracks(FRAMES), layer=layer))


PRECISIONS = pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
ROUNDING = {torch.float32: 1e-3, torch.float16: 1e-3, torch.bfloat16: 1e-2}  # fused attention rounds otherwise than the plain one


@PRECISIONS
@pytest.mark.parametrize("paint_from", [0, 1, 2, 3])
def test_a_drag_and_its_frames_from_a_displacement(inversion, displaced, paint_from, dtype):
    """Displace itself works on the CPU; what it hands on goes to the device with the drag and with the frames."""
    assert displaced.freed.any()
    clip, tracks, settings = tiny_clip(FRAMES), tiny_tracks(FRAMES), replace(DRAG, steps=(2,))

    def edited(model):
        result = drag(inversion, tracks, model, settings, displaced=displaced)
        decoding = DecodeSettings(paint_from=paint_from)
        return decode(clip, inversion, result, tracks, model, decoding, displaced=displaced)[0].frames

    here, there, _ = on_both(edited, dtype=dtype)
    same(there, here, 2 * ROUNDING[dtype])


@PRECISIONS
def test_an_edit_in_a_box(displaced, dtype):
    def edited(model):
        clip, tracks = tiny_clip(FRAMES), tiny_tracks(FRAMES)
        inversion = invert(clip, model, InvertSettings(until=3), tracks=tracks)
        result = drag(inversion, tracks, model, replace(DRAG, steps=(3, 2)), displaced=displaced)
        return decode(clip, inversion, result, tracks, model, displaced=displaced)[0].frames

    on_cpu, pretended, _ = on_both(edited, dtype=dtype)
    same(pretended, on_cpu, atol=ROUNDING[dtype])


@pytest.mark.parametrize("answering, waits", [("same_frame", 6), ("first_frame", 8), ("all_frames", 8), ("off", 6)])
def test_decode_waits_for_the_device_so_often_a_jump(inversion, displaced, edit, answering, waits):
    """The latents there and back, the text of each denoiser call, and nothing else, from a displacement too."""
    clip, tracks = tiny_clip(FRAMES), tiny_tracks(FRAMES)
    settings = DecodeSettings(cross_branch=answering, stride=1, chunk=FRAMES, keep_pixels=False)

    def syncs(step: int) -> int:
        result = replace(edit, offsets={step: edit.offsets[2]})
        with pretend_device() as crossings:
            model = on_device(tiny_model())
            crossings.syncs = 0
            decode(clip, inversion, result, tracks, model, settings, displaced=displaced)
        return crossings.syncs

    assert syncs(3) - syncs(2) == waits


@pytest.mark.parametrize("tracker, recipe", [("dift", "image"), ("auto", "video")])
def test_propagate(tracker, recipe):
    settings = PropagateSettings(ensemble=2, tracker=tracker, recipe=recipe)
    on_cpu, pretended, crossings = on_both(lambda model: propagate(tiny_clip(FRAMES), tiny_picks(), segment(), model, settings))
    same(pretended.handles, on_cpu.handles, 0.05)
    assert torch.equal(pretended.edit_mask, on_cpu.edit_mask)
    assert crossings.syncs <= 20


def test_tune_and_its_picture():
    pictures = []

    def show(done, total, picture):
        if done == total:
            pictures.append(picture())

    settings = TuneSettings(rank=2, passes=1, batch=2)
    on_cpu, pretended, _ = on_both(lambda model: tune(tiny_clip(FRAMES), model, settings, show))
    for name, weight in on_cpu.lora.items():
        same(pretended.lora[name].cpu(), weight, 1e-4)
    same(pictures[1], pictures[0], 1e-2)
    assert pretended.lora_losses == pytest.approx(on_cpu.lora_losses, rel=1e-3)


def test_a_step_of_training_waits_for_the_device_five_times():
    """The frames, timesteps, text and aim, and once to hear whether all are numbers."""

    def syncs(passes: int) -> int:
        with pretend_device() as crossings:
            tune(tiny_clip(FRAMES), on_device(tiny_model()), TuneSettings(rank=2, passes=passes, batch=FRAMES))
        return crossings.syncs

    assert syncs(2) - syncs(1) == 5


def test_sam():
    frame, point = tiny_clip(1).frames[0], torch.tensor([[24.0, 30.0]])
    here = segment(sam=tiny_sam()).foreground(0, frame, point)
    with pretend_device() as crossings:
        segmenter = segment(sam=tiny_sam().to(DEVICE))
        assert torch.equal(segmenter.foreground(0, frame, point), here)
        segmenter.free()
        assert torch.equal(segmenter.foreground(0, frame, point), here)  # put back there
        before = crossings.syncs
        assert torch.equal(segmenter.foreground(0, frame, point), here)  # from the kept embedding
    assert crossings.syncs - before <= 9, crossings.places  # four of them ours: the embedding, the points, the mask


def test_raft(monkeypatch, tmp_path):
    torch.manual_seed(0)
    raft = raft_small(weights=None).eval().requires_grad_(False)
    monkeypatch.setattr(flow, "raft_file", lambda: tmp_path)
    monkeypatch.setattr(flow, "_load_raft", lambda path: raft)
    one, other = tiny_clip(2).frames
    here = flow.finest().between(one, other)
    with pretend_device():
        measured = flow.finest(DEVICE)
        same(measured.between(one, other), here, 1e-2)
    assert measured.name == "torchvision RAFT"


def test_evaluate():
    clip, tracks = tiny_clip(FRAMES), tiny_tracks(FRAMES)
    edited = replace(clip, frames=clip.frames.roll(3, -1))
    on_cpu, pretended, _ = on_both(lambda model: evaluate(clip, edited, tracks, model, EvaluateSettings(ensemble=1)))
    assert pretended.keys() == on_cpu.keys()
    for name, score in on_cpu.items():
        assert pretended[name].value == pytest.approx(score.value, rel=1e-2, abs=1e-3, nan_ok=True), name


def test_a_models_fingerprint_is_the_same_everywhere_and_costs_one_wait():
    on_cpu, pretended, crossings = on_both(lambda model: fingerprint(model.denoiser))
    assert pretended == on_cpu and crossings.syncs == 1
