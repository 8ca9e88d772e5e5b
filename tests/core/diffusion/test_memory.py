"""Memory: what fits is planned, what does not fit is done in smaller pieces, and the result is the same."""

from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion import memory
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import UserError

FRAMES = 3


class SmallDevice:
    """In the denoiser's place: runs out of memory above so many frames."""

    def __init__(self, denoiser, most: int):
        self.failures = 0

        def refuse(module, inputs):
            if len(inputs[0]) > most:
                self.failures += 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        self.hook = denoiser.register_forward_pre_hook(refuse)


def whole_edit(model):
    clip, tracks = tiny_clip(FRAMES), tiny_tracks(FRAMES)
    inversion = invert(clip, model, InvertSettings(until=3))
    edit = drag(inversion, tracks, model, DragSettings(steps=(3, 2), iterations=1))
    return inversion, edit, decode(clip, inversion, edit, tracks, model, DecodeSettings())[1]


def test_running_out_of_memory_changes_nothing_but_the_chunks():
    wanted_inversion, wanted_edit, wanted = whole_edit(tiny_model())
    model = tiny_model()
    device = SmallDevice(model.denoiser, most=1)
    inversion, edit, latents = whole_edit(model)
    assert device.failures >= 3
    torch.testing.assert_close(inversion.latents, wanted_inversion.latents, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(edit.handle_path, wanted_edit.handle_path, rtol=1e-3, atol=1e-3)
    assert (latents - wanted).abs().mean() < 1e-2 * wanted.abs().mean()


@pytest.mark.parametrize("cross_branch", ["same_frame", "first_frame", "all_frames"])
def test_running_out_in_the_middle_of_the_denoiser_leaves_no_half_recorded_frames(cross_branch):
    """At the very last of the layers whose keys and values are kept, so that the others have theirs already."""
    model, settings = tiny_model(), DecodeSettings(cross_branch=cross_branch, smoothing=True, chunk=2)
    clip, tracks = tiny_clip(FRAMES), tiny_tracks(FRAMES)
    inversion = invert(clip, model, InvertSettings(until=12))
    edit = drag(inversion, tracks, model, DragSettings(steps=(12,), iterations=1))
    wanted = decode(clip, inversion, edit, tracks, model, replace(settings, chunk=1))[1]
    device = SmallDevice(model.denoiser.up_blocks[3].attentions[-1].transformer_blocks[-1].attn1.to_out[0], most=1)
    latents = decode(clip, inversion, edit, tracks, model, settings)[1]
    assert device.failures == 1
    torch.testing.assert_close(latents, wanted, rtol=1e-3, atol=1e-3)


def test_a_training_step_that_does_not_fit_is_made_in_pieces():
    settings = TuneSettings(rank=2, passes=4, batch=4)
    wanted = tune(tiny_clip(1), tiny_model(), settings)
    model, real = tiny_model(), memory.free_bytes
    try:
        memory.free_bytes = lambda device: 1  # plans with one row at a time
        pieces = tune(tiny_clip(1), model, settings)
    finally:
        memory.free_bytes = real
    assert pieces.lora_losses == pytest.approx(wanted.lora_losses, rel=1e-4)


def test_one_frame_that_does_not_fit_is_a_clear_error():
    model = tiny_model()
    SmallDevice(model.denoiser, most=0)
    with pytest.raises(UserError, match="memory"):
        invert(tiny_clip(1), model, InvertSettings(until=2))


@pytest.mark.parametrize(
    "frames, cells, free, wanted", [(10, 4096, 10**12, memory.MOST), (10, 1024, 10**12, 8), (2, 256, 10**12, 2), (10, 256, 0, 1)]
)
def test_the_plan_fits_into_what_is_free(monkeypatch, frames, cells, free, wanted):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free)
    need = memory.need(tiny_model(), cells, frames)
    assert need.frames == wanted
    assert "GB" in need.sentence and f"{wanted} frame" in need.sentence


def test_half_precision_and_half_the_cells_need_half():
    model = tiny_model()
    whole = memory.need(model, 256, 1)
    assert memory.need(model, 128, 1).per_frame == whole.per_frame // 2
    model.denoiser.bfloat16()
    half = memory.need(model, 256, 1)
    assert (half.per_frame, half.weights) == (whole.per_frame // 2, whole.weights // 2)


def test_the_estimate_covers_what_autograd_keeps():
    """Of Stable Diffusion 1.5's denoiser without weights; attention is fused on a GPU and left out here."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        denoiser = UNet2DConditionModel(
            sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280)
        ).requires_grad_(False)
        latents, context = torch.randn(1, 4, 16, 16).requires_grad_(), torch.randn(1, 77, 768)
        timestep = torch.tensor([1])
    own = {weight.untyped_storage()._cdata for weight in denoiser.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in own and tensor.shape[-1] not in (77, 256):  # attention matrices
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        denoiser(latents, timestep, context)
    estimated = memory.TRAINING * 256 * 320 * 4
    assert 0.5 * estimated < sum(kept.values()) < estimated


def test_what_is_held_besides_leaves_less_for_the_frames(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**9)
    plain = memory.need(tiny_model(), 256, 10)
    assert memory.need(tiny_model(), 256, 10, held=10**9 - plain.per_frame * 5).frames == 4  # of five that fit, 0.8
    assert "all frames 0.5 GB" in memory.need(tiny_model(), 256, 10, held=500_000_000).sentence
