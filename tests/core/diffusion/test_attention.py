"""Laws of the attention whose keys and values are chosen."""

import contextlib

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.diffusion.attention import cross_branch, kept_bytes
from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.stages.decode import decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert

SETTINGS = DragSettings(steps=(3, 2), iterations=2, learning_rate=0.05, warm_start=False, turns=1)


def test_the_text_is_looked_at_once_a_stage_with_the_same_result(monkeypatch):
    """Keys and values of the text: one row in each layer, however many calls and frames there are."""
    model, clip, tracks = tiny_model(), tiny_clip(3), tiny_tracks()
    inversion = invert(clip, model, InvertSettings(until=3))
    layer = model.denoiser.down_blocks[-2].attentions[0].transformer_blocks[0].attn2
    edit = drag(inversion, tracks, model, SETTINGS)
    stages = [
        lambda: invert(clip, model, InvertSettings(until=3)).latents[-1],
        lambda: drag(inversion, tracks, model, SETTINGS).offsets[2],
        lambda: decode(clip, inversion, edit, tracks, model)[1],
    ]
    once, rows = [], []
    for stage in stages:
        rows.append(rows_of(layer.to_k, lambda stage=stage: once.append(stage())))
    assert rows == [1, 1, 1]
    for name in ("stages.invert", "stages.drag", "dragging.replay"):
        monkeypatch.setattr(f"dragvideo_core.{name}.text_once", contextlib.nullcontext)
    for stage, found in zip(stages, once, strict=True):
        torch.testing.assert_close(stage(), found, rtol=1e-4, atol=1e-4)
    assert type(layer.processor).__name__ == "AttnProcessor2_0"


def test_a_frame_that_asks_itself_gets_the_plain_answer():
    model, latents = tiny_model(), torch.randn(2, 4, 16, 16)
    plain = predict(model, latents, 41)
    with cross_branch(model.denoiser) as branch:
        branch.mode = "record"
        predict(model, latents, 41)
        branch.mode, branch.rows = "use", torch.arange(2)
        torch.testing.assert_close(predict(model, latents, 41), plain, rtol=1e-4, atol=1e-5)
        branch.rows = torch.tensor([1, 0])  # each asks the other
        assert (predict(model, latents, 41) - plain).abs().max() > 1e-3


@pytest.mark.parametrize("frames, size", [(1, (64, 64)), (3, (64, 64)), (2, (64, 128))])
def test_what_keys_and_values_take_is_counted_right(frames, size):
    model, cells = tiny_model(), (size[0] // 4, size[1] // 4)
    with cross_branch(model.denoiser) as branch:
        branch.mode = "add"
        for _ in range(frames):
            predict(model, torch.randn(1, 4, *cells), 41)
        of_layers = [sum(value.nbytes for value in kept) for kept in branch.kept.values()]
    assert kept_bytes(model.denoiser, cells[0] * cells[1], frames, 4) == sum(of_layers) + max(of_layers)
