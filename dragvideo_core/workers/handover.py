"""A call of a stage as files: what the process that starts workers hands over to them.

`call.json` names the stage and describes its inputs; every tensor, and the weights of every module, is a `.safetensors` file beside
it. Nothing is pickled: only the kinds of values that are listed here can be read, so a file can do nothing but be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..diffusion.single_file import Codec
from ..dragging.settings import DragSettings
from ..embedded.model import PatchAutoencoder
from ..files.lora_file import LoraStore
from ..files.unfinished import Unfinished
from ..stages.decode import DecodeSettings, decode
from ..stages.drag import drag
from ..stages.invert import InvertSettings, invert
from ..stages.propagate import PropagateSettings, help_to_propagate
from ..stages.tune import TuneSettings, tune
from ..types import Box, Displacement, DragModel, DragResult, Inversion, PointTracks, Round, VideoClip

# What a worker does of a stage, with those of the stage's inputs that it takes.
STAGES: dict[str, Callable[..., Any]] = {
    "propagate": help_to_propagate,
    **{stage.__name__: stage for stage in (tune, invert, drag, decode)},
}
VALUES = (Box, VideoClip, PointTracks, Displacement, DragModel, Inversion, DragResult, Round, Unfinished, LoraStore)
SETTINGS = (PropagateSettings, TuneSettings, InvertSettings, DragSettings, DecodeSettings)
KINDS = {kind.__name__: kind for kind in (*VALUES, *SETTINGS)}
CALL, VALUE = "call.json", "value"


def write(folder: Path, stage: str, inputs: dict[str, Any]) -> None:
    """Write the call of a stage, named as in `STAGES`, into an empty folder. TypeError for inputs that cannot be handed over."""
    call = {"stage": stage, "inputs": {name: _described(value, folder / name) for name, value in inputs.items()}}
    (folder / CALL).write_text(json.dumps(call), encoding="utf-8")


def read(folder: Path, device: torch.device) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The stage, and its inputs by name; models on the device."""
    call = json.loads((folder / CALL).read_text(encoding="utf-8"))
    return STAGES[call["stage"]], {name: _value(given, folder, device) for name, given in call["inputs"].items()}


def _described(value: Any, path: Path) -> Any:
    """A value as JSON; its tensors in files whose names begin with the path's."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return {"path": str(value.resolve())}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop]}
    if isinstance(value, Tensor):
        return {"tensor": _saved({VALUE: value}, path)}
    if isinstance(value, UNet2DConditionModel):
        return {"denoiser": dict(value.config), "weights": _saved(value.state_dict(), path)}
    if isinstance(value, PatchAutoencoder):
        return {"patches": value.layers, "weights": _saved(value.state_dict(), path)}
    if isinstance(value, Codec):
        return {"autoencoder": dict(value.vae.config), "weights": _saved(value.vae.state_dict(), path)}
    if isinstance(value, (tuple, list)):
        return {"tuple": [_described(item, _below(path, number)) for number, item in enumerate(value)]}
    if isinstance(value, dict):
        return {"items": [[key, _described(item, _below(path, number))] for number, (key, item) in enumerate(value.items())]}
    if is_dataclass(value) and type(value).__name__ in KINDS:
        parts = {part.name: _described(getattr(value, part.name), _below(path, part.name)) for part in fields(value)}
        return {"kind": type(value).__name__, "parts": parts}
    raise TypeError(f"a {type(value).__name__} cannot be handed over to another process")


def _value(given: Any, folder: Path, device: torch.device) -> Any:
    if not isinstance(given, dict):
        return given
    if "path" in given:
        return Path(given["path"])
    if "slice" in given:
        return slice(*given["slice"])
    if "tensor" in given:
        return _loaded(folder / given["tensor"])[VALUE]
    if "tuple" in given:
        return tuple(_value(item, folder, device) for item in given["tuple"])
    if "items" in given:
        return {key: _value(item, folder, device) for key, item in given["items"]}
    if "kind" in given:
        parts = {name: _value(part, folder, device) for name, part in given["parts"].items()}
        return KINDS[given["kind"]](**parts)
    weights = _loaded(folder / given["weights"])
    with torch.device("meta"):
        if "denoiser" in given:
            module: nn.Module = UNet2DConditionModel.from_config(given["denoiser"])
        elif "patches" in given:
            module = PatchAutoencoder(given["patches"])
        else:
            module = AutoencoderKL.from_config(given["autoencoder"])
    module.load_state_dict(weights, assign=True)
    module = module.to(device).eval().requires_grad_(False)
    return Codec(module) if "autoencoder" in given else module


def _loaded(path: Path) -> dict[str, Tensor]:
    """The tensors of a file in memory of their own: some processors add up in another order where memory is not aligned, as in a
    file, and a drag makes much of that."""
    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def _below(path: Path, name: object) -> Path:
    return path.with_name(f"{path.name}.{name}")


def _saved(tensors: dict[str, Tensor], path: Path) -> str:
    """The name of the file that they were written to."""
    name = f"{path.name}.safetensors"
    save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, path.with_name(name))
    return name
