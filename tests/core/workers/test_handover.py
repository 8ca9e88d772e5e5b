"""What is handed over to another process arrives as it was, and nothing but the kinds that are known."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
import torch
from core import shared_work
from diffusers import AutoencoderKL

from dragvideo_core.diffusion.single_file import Codec
from dragvideo_core.embedded.model import PatchAutoencoder
from dragvideo_core.files.lora_file import LoraStore
from dragvideo_core.files.unfinished import Unfinished
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.types import Box, DragModel
from dragvideo_core.workers import handover


def random_autoencoder() -> PatchAutoencoder:
    torch.manual_seed(1)
    return PatchAutoencoder(layers=2).eval().requires_grad_(False)


def model() -> DragModel:
    """The tiny one, with an autoencoder that can be handed over."""
    return replace(shared_work.model(), vae=random_autoencoder(), lora={"a": torch.ones(2)}, lora_losses=(0.5, 0.25))


def assert_same(one, two) -> None:
    if isinstance(one, torch.Tensor):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    elif isinstance(one, Codec):
        assert_same(one.vae, two.vae)
    elif isinstance(one, torch.nn.Module):
        assert type(one) is type(two)
        assert_same(one.state_dict(), two.state_dict())
    elif is_dataclass(one):
        assert type(one).__name__ == type(two).__name__
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(two, field.name))
    elif isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    else:
        assert one == two


def test_a_call_arrives_as_it_was(tmp_path: Path):
    edit = shared_work.edit(3)
    inputs = {
        "clip": shared_work.clip(3),
        "inversion": replace(shared_work.inversion(3), box=Box(slice(0, 8), slice(4, 12))),
        "result": replace(edit, rounds=edit.rounds),
        "tracks": shared_work.tracks(3),
        "model": model(),
        "settings": DecodeSettings("first_frame", stride=4),
        "displaced": shared_work.displaced(3),
        "nothing": None,
        "unfinished": Unfinished(tmp_path / "kept", 1.0),
        "store": LoraStore(tmp_path / "lora.safetensors"),
    }
    handover.write(tmp_path, "decode", inputs)
    stage, given = handover.read(tmp_path, torch.device("cpu"))
    assert stage is decode
    assert_same(inputs, given)
    assert given["result"].offsets.keys() == {12, 11}  # numbers, not texts


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_checkpoints_autoencoder_arrives_in_its_precision(tmp_path: Path, dtype: torch.dtype):
    codec = Codec(AutoencoderKL(block_out_channels=(32,), latent_channels=4).to(dtype).eval())
    handover.write(tmp_path, "invert", {"model": replace(model(), vae=codec)})
    given = handover.read(tmp_path, torch.device("cpu"))[1]["model"].vae
    assert given.vae.dtype == dtype
    frames = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert_same(codec.encode(frames), given.encode(frames))
        assert given.decode(given.encode(frames)).dtype == torch.float32


@pytest.mark.faults
@pytest.mark.parametrize("value", [object(), {1, 2}, torch.nn.Identity(), [lambda: None]], ids=type)
def test_what_is_not_known_is_not_handed_over(tmp_path: Path, value):
    with pytest.raises(TypeError, match="cannot be handed over"):
        handover.write(tmp_path, "drag", {"value": value})


@pytest.mark.faults
def test_another_kind_or_stage_in_the_file_is_not_made(tmp_path: Path):
    for call in ({"stage": "print", "inputs": {}}, {"stage": "drag", "inputs": {"a": {"kind": "Popen", "parts": {}}}}):
        (tmp_path / handover.CALL).write_text(json.dumps(call))
        with pytest.raises(KeyError):
            handover.read(tmp_path, torch.device("cpu"))
