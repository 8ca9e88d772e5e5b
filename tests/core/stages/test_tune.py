import torch
from core.tiny import tiny_clip, tiny_model

from dragvideo_core.diffusion import lora
from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.stages.tune import TuneSettings, tune


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
