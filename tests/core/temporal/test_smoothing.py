"""Laws of the smoothing: what does not flicker stays, what does is evened out, and every other frame is left alone."""

import torch
from core.tiny import tiny_clip, tiny_model

from dragvideo_core.diffusion import batches
from dragvideo_core.diffusion.ddim import Ddim
from dragvideo_core.temporal import smoothing


def test_the_picture_between_two_equal_ones_is_that_picture():
    frame = tiny_clip(1).frames[0]
    torch.testing.assert_close(smoothing.interpolate(frame, frame), frame, rtol=0, atol=1e-5)


def test_what_moves_is_half_way_between_its_two_places():
    before, after = (torch.full((3, 64, 64), 0.2) for _ in range(2))
    before[:, 20:40, 16:32], after[:, 20:40, 20:36] = 0.9, 0.9
    between = smoothing.interpolate(before, after)
    bright = (between[0] > 0.55).nonzero().float().mean(0)
    torch.testing.assert_close(bright, torch.tensor([29.5, 25.5]), rtol=0, atol=1.0)


def test_only_the_chosen_inner_frames_change(monkeypatch):
    model, latents = tiny_model(), torch.randn(5, 4, 16, 16)
    ddim, chunks = Ddim(model.alphas_cumprod, "epsilon"), batches.Chunks(model, 256, 5, 2)
    for odd, chosen in ((True, [1, 3]), (False, [2])):
        smoothed = smoothing.smooth(latents, model, ddim, 10, odd, chunks, 5)
        changed = [i for i in range(5) if (smoothed[i] - latents[i]).abs().max() > 1e-3]
        assert changed == chosen
        torch.testing.assert_close(smoothed[0], latents[0], rtol=1e-4, atol=1e-4)


def test_two_frames_have_none_between_them():
    model, latents = tiny_model(), torch.randn(2, 4, 16, 16)
    chunks = batches.Chunks(model, 256, 2, 2)
    assert smoothing.smooth(latents, model, Ddim(model.alphas_cumprod, "epsilon"), 10, True, chunks, 2) is latents
