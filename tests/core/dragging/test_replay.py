"""Laws of the replay: the source branch goes where it came from, and every offset acts at its step."""

import pytest
import torch
from core.tiny import tiny_model

from dragvideo_core.diffusion import batches
from dragvideo_core.dragging.replay import Replay

from .small_drag import small_inversion


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def latents(model):
    return small_inversion(model).latents


def replayed(model, latents, offsets, mask=None, answering="same_frame", steps=(3, 2, 1, 0), after=lambda x, step: x, counted=None):
    mask = torch.ones(3, 1, 16, 16) if mask is None else mask
    chunks = batches.Chunks(model, 256, 3, 2)
    every = slice(0, latents.shape[1])
    return Replay(model, latents, offsets, mask, answering, every).run(
        steps, chunks, ([] if counted is None else counted).append, after
    )


@pytest.mark.parametrize("answering", ["same_frame", "first_frame", "all_frames", "off"])
def test_zero_offsets_lead_back_to_the_clip_whoever_answers_alike(model, latents, answering):
    zero = {3: torch.zeros_like(latents[0])}
    made = replayed(model, latents, zero, answering=answering)
    first_or_all = answering in ("first_frame", "all_frames")  # other frames' looks come in
    assert ((made - latents[0]).abs().max() < 1e-3) == (not first_or_all)
    torch.testing.assert_close(replayed(model, latents, zero)[0], latents[0, 0], rtol=1e-3, atol=1e-3)


def test_outside_the_mask_the_latents_are_the_clips(model, latents):
    mask = torch.zeros(3, 1, 16, 16)
    mask[..., :8] = 1
    made = replayed(model, latents, {3: torch.ones_like(latents[0]), 1: torch.ones_like(latents[0])}, mask)
    torch.testing.assert_close(made[..., 8:], latents[0][..., 8:], rtol=1e-4, atol=1e-4)
    assert (made[..., :8] - latents[0][..., :8]).abs().mean() > 0.1


def test_what_is_done_after_a_jump_is_gone_on_from(model, latents):
    steps, counted = [], []

    def after(x, step):
        steps.append(step)
        return x + 1 if step == 0 else x

    zero = {3: torch.zeros_like(latents[0])}
    made = replayed(model, latents, zero, after=after, steps=(3, 1, 0), counted=counted)
    torch.testing.assert_close(made, latents[0] + 1, rtol=1e-3, atol=1e-3)
    assert steps == [1, 0] and counted == [2, 3, 5, 6]
