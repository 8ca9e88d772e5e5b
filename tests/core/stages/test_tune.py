import math

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion import lora
from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.diffusion.pace import Pace
from dragvideo_core.files.lora_file import LoraStore
from dragvideo_core.files.unfinished import Unfinished
from dragvideo_core.region.edit import clip_in
from dragvideo_core.stages import tune as tune_stage
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import Box, UserError

FEW = TuneSettings(rank=2, learning_rate=1e-2, passes=6, batch=1)


def test_untrained_lora_changes_nothing():
    model, latents = tiny_model(), torch.randn(1, 4, 16, 16)
    before = predict(model, latents, 301)
    fused = lora.fuse(lora.with_lora(model.denoiser, 4))
    torch.testing.assert_close(fused(latents, 301, model.context, return_dict=False)[0], before)


def test_fusing_keeps_the_function_and_takes_the_adapters_out():
    model, latents = tiny_model(), torch.randn(1, 4, 16, 16)
    adapted = lora.with_lora(model.denoiser, 4)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
        before = adapted(latents, 301, model.context, return_dict=False)[0]
        fused = lora.fuse(adapted)
        torch.testing.assert_close(fused(latents, 301, model.context, return_dict=False)[0], before, rtol=1e-4, atol=1e-5)
    assert set(fused.state_dict()) == set(model.denoiser.state_dict())
    assert not any(p.requires_grad for p in fused.parameters())


def test_given_tracks_the_box_of_their_mask_alone_is_learnt():
    model, clip, size = tiny_model(), tiny_clip(3, 64, 128), (64, 128)
    tuned = tune(clip, model, FEW, tracks=tiny_tracks(3, size))
    cut = tune(clip_in(Box(slice(0, 64), slice(0, 64)), clip), model, FEW)
    assert tuned.lora_losses == cut.lora_losses != tune(clip, model, FEW).lora_losses
    assert all(torch.equal(weight, cut.lora[name]) for name, weight in tuned.lora.items())


def test_tuning_lowers_the_loss_on_the_clip_and_leaves_the_model_alone():
    model, clip = tiny_model(), tiny_clip(2)
    before = {name: value.clone() for name, value in model.denoiser.state_dict().items()}
    tuned = tune(clip, model, TuneSettings(rank=8, learning_rate=3e-3, passes=40, batch=2))
    assert all(torch.equal(before[name], value) for name, value in model.denoiser.state_dict().items())

    def loss(candidate):
        generator = torch.Generator().manual_seed(5)
        clean = model.vae.encode(clip.frames)
        total = 0.0
        for timestep in (101, 401, 701):
            noise = torch.randn(clean.shape, generator=generator)
            alpha = model.alphas_cumprod[timestep]
            total += (
                (predict(candidate, alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, timestep) - noise).square().mean().item()
            )
        return total

    assert loss(tuned) < 0.97 * loss(model)
    assert tuned.lora and all("lora_" in name for name in tuned.lora)


def test_same_seed_same_lora_and_global_randomness_untouched():
    model, clip = tiny_model(), tiny_clip(1)
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    one = tune(clip, model, TuneSettings(rank=2, passes=4, batch=1)).lora
    assert torch.equal(torch.rand(3), wanted)
    two = tune(clip, model, TuneSettings(rank=2, passes=4, batch=1)).lora
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_no_passes_gives_the_model_back():
    model = tiny_model()
    assert tune(tiny_clip(1), model, TuneSettings(passes=0)) is model


def broken(monkeypatch, at: set[int]) -> list[int]:
    """Let the loss of the n-th step, for n in `at`, be no number."""
    plain, calls = tune_stage._Drawn.loss, []

    def loss(self, *inputs):
        calls.append(len(calls) + 1)
        return plain(self, *inputs) * (math.nan if calls[-1] in at else 1.0)

    monkeypatch.setattr(tune_stage._Drawn, "loss", loss)
    return calls


@pytest.mark.faults
def test_a_gradient_that_is_no_number_skips_the_step_and_halves_the_rate(monkeypatch):
    """A step with such a gradient would poison AdamW for all steps to come."""
    calls = broken(monkeypatch, {3})
    with pytest.warns(UserWarning, match="LoRA was not finite in step 3.*halved to 0.005"):
        tuned = tune(tiny_clip(1), tiny_model(), FEW)
    assert len(tuned.lora_losses) == 6 and len(calls) == 7
    assert all(math.isfinite(loss) for loss in tuned.lora_losses)
    assert all(bool(torch.isfinite(weight).all()) for weight in tuned.lora.values())


@pytest.mark.faults
def test_after_three_it_stops_with_a_clear_error_and_what_was_there_is_kept(monkeypatch, tmp_path):
    broken(monkeypatch, set(range(3, 99)))
    store = LoraStore(unfinished=Unfinished(tmp_path))
    with pytest.warns(UserWarning, match="halved"), pytest.raises(UserError, match="not finite 3 times.*learning_rate"):
        tune(tiny_clip(1), tiny_model(), FEW, store=store)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.faults
def test_a_diverged_lora_is_not_handed_on_without_a_word(monkeypatch):
    """A loss that rises step by step, far above its start."""
    plain, calls = tune_stage._Drawn.loss, []

    def rising(self, *inputs):
        calls.append(1)
        return plain(self, *inputs) * len(calls)

    monkeypatch.setattr(tune_stage._Drawn, "loss", rising)
    with pytest.warns(UserWarning, match="diverged: its loss rose from .* to .*learning_rate"):
        tune(tiny_clip(1), tiny_model(), TuneSettings(rank=2, passes=30, batch=1))


def test_a_lora_that_learns_is_not_called_diverged(recwarn):
    tune(tiny_clip(1), tiny_model(), TuneSettings(rank=2, passes=30, batch=1))
    assert not [warning for warning in recwarn if "diverged" in str(warning.message)]


@pytest.mark.parametrize("settings", [FEW, TuneSettings(rank=2, passes=3, batch=4), TuneSettings(passes=0)])
def test_the_time_it_expects_is_that_of_the_frames_it_shows_the_model(monkeypatch, settings):
    """Of the box alone, where tracks say what may change."""
    asked = []
    monkeypatch.setattr(tune_stage, "pace", lambda model, cells, frames: asked.append((cells, frames)) or Pace(1.0, 0.0, 0.0))
    model, clip = tiny_model(), tiny_clip(3, 64, 128)
    expected = tune_stage.seconds_of(clip, model, settings, tiny_tracks(3, (64, 128)))
    rows = rows_of(model.denoiser, lambda: tune(clip, model, settings, tracks=tiny_tracks(3, (64, 128))))
    assert expected == rows and asked == ([((16, 16), settings.batch)] if settings.passes else [])
