"""`make bench-quality` with a checkpoint: the file becomes a model that the core's own stages take."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from bench import checkpoint

from dragvideo_core.diffusion.denoiser import predict
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import DragModel, UserError, VideoClip

from .conftest import CHECKPOINT, INPAINTING

pytestmark = pytest.mark.sd15


@pytest.fixture(autouse=True)
def own_interpreter(monkeypatch):
    """What loading changes in the interpreter is undone."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_a_checkpoint_becomes_the_benchs_model(models: Path):
    model = checkpoint.load(models / "checkpoints" / CHECKPOINT, "a cat")
    assert isinstance(model, DragModel) and model.name == "SD15"
    assert model.context.shape == (1, 77, 768) and not torch.equal(model.context, model.empty_context)
    clip = VideoClip(torch.rand(2, 3, 64, 64), torch.arange(2), 8.0)
    inversion = invert(clip, model, InvertSettings(until=1))
    assert inversion.latents.shape == (2, 2, 4, 8, 8) and torch.isfinite(inversion.latents).all()
    said = predict(model, inversion.latents[1], 401)
    assert said.shape == (2, 4, 8, 8) and torch.isfinite(said).all() and said.std() > 0.01
    assert model.vae.decode(inversion.latents[0]).shape == clip.frames.shape


def test_what_is_no_whole_checkpoint_is_refused(models: Path):
    with pytest.raises(UserError, match="there is none at"):
        checkpoint.load(models / "checkpoints" / "absent.safetensors", "")
    with pytest.raises(UserError, match="text encoder"):
        checkpoint.load(models / "checkpoints" / INPAINTING, "")
