"""One denoiser call: features with gradients, the output without, and nothing run that is not needed."""

from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_model

from dragvideo_core.diffusion.denoiser import features_and_output, features_only, features_without_output, predict


@pytest.fixture(scope="module")
def model():
    return tiny_model()


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


def test_features_without_the_output_have_the_same_values_and_gradients(model):
    latents, found = torch.randn(2, 4, 16, 16), []
    for look in (lambda x: features_and_output(model, x, 41)[0], lambda x: features_without_output(model, x, 41)):
        x = latents.clone().requires_grad_()
        features = look(x)
        found.append((features.detach(), torch.autograd.grad(features.square().sum(), x)[0]))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
