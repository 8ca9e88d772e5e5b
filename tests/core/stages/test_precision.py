"""Half precision: the whole edit runs, what is optimised and handed on stays float32, and every number is finite."""

import math

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_picks

from dragvideo_core.stages.decode import decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.evaluate import EvaluateSettings, evaluate
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.stages.tune import TuneSettings, tune


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_in_half_precision_goes_through_all_stages(dtype):
    model, clip = tiny_model(), tiny_clip(2)
    model.denoiser.to(dtype)
    tracks = propagate(clip, tiny_picks(), segment(), model, PropagateSettings(ensemble=1, mask_radius=96.0))
    tuned = tune(clip, model, TuneSettings(passes=2, rank=2, batch=2))
    assert tuned.dtype == model.dtype == dtype
    inversion = invert(clip, tuned, InvertSettings(until=3))
    edit = drag(inversion, tracks, tuned, DragSettings(steps=(3, 2), iterations=2))
    edited, latents = decode(clip, inversion, edit, tracks, tuned)
    scores = evaluate(clip, edited, tracks, model, EvaluateSettings(ensemble=1))
    values = [*tuned.lora.values(), inversion.latents, *edit.offsets.values(), edit.losses, edit.handle_path, latents]
    assert all(value.dtype == torch.float32 and torch.isfinite(value).all() for value in values)
    assert all(offset.abs().max() > 0 for offset in edit.offsets.values())
    assert torch.isfinite(edited.frames).all() and math.isfinite(scores["mean_distance"].value)
