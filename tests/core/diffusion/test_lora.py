"""Laws of adapters: fresh ones change nothing, fused ones are the weights."""

import torch

from dragvideo_core.diffusion.lora import fuse, lora_weights, set_lora_weights, trained, with_lora

from ..tiny import tiny_model


def output(denoiser: torch.nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    latents, context = torch.randn(1, 4, 16, 16, generator=generator), torch.randn(1, 4, 8, generator=generator)
    with torch.no_grad():
        return denoiser(latents, torch.tensor([500]), context, return_dict=False)[0]


def test_fresh_adapters_change_nothing_and_fused_ones_what_they_did():
    denoiser = tiny_model().denoiser
    plain, adapted = output(denoiser), with_lora(denoiser, 2)
    assert torch.allclose(output(adapted), plain, atol=1e-6)
    generator = torch.Generator().manual_seed(1)
    for weight in trained(adapted):
        weight.data.copy_(0.3 * torch.randn(weight.shape, generator=generator))
    weights, with_adapters = lora_weights(adapted), output(adapted)
    assert (with_adapters - plain).abs().max() > 1e-2
    fused = fuse(adapted)
    assert torch.allclose(output(fused), with_adapters, atol=1e-4)
    assert [name for name, _ in fused.named_parameters()] == [name for name, _ in denoiser.named_parameters()]
    assert torch.equal(output(denoiser), plain)  # the one that was adapted is another
    again = with_lora(denoiser, 2)
    set_lora_weights(again, weights)
    assert torch.allclose(output(again), with_adapters, atol=1e-6)
