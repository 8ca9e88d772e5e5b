"""LoRA files, as other programs write them for Stable Diffusion 1.x and 2.x, added into the weights of a model.

A layer of W becomes W + strength * alpha / rank * up @ down. In the file the denoiser's layer `mid_block.attentions.0.proj_in` is
`lora_unet_mid_block_attentions_0_proj_in`, and one of the text encoder begins with `lora_te_text_model_`; each has
`.lora_up.weight`, `.lora_down.weight` and perhaps `.alpha`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..types import UserError
from ..warning import warn

DENOISER, TEXT = "lora_unet_", "lora_te_text_model_"
UP, DOWN, ALPHA = ".lora_up.weight", ".lora_down.weight", ".alpha"


@dataclass(frozen=True)
class Lora:
    """A file, and how strong it is."""

    file: Path
    strength: float = 1.0


def add(lora: Lora, denoiser: nn.Module, texts: nn.Module) -> None:
    """Add the file's LoRA into the float32 weights of a denoiser (diffusers') and a text encoder (transformers'), in place.

    Warns of layers that the model has not. UserError for a file of another kind, and for one that changes nothing.
    """
    given = _read(lora.file)
    layers = {DENOISER + name.replace(".", "_"): layer for name, layer in denoiser.named_modules()}
    layers |= {TEXT + name.removeprefix("text_model.").replace(".", "_"): layer for name, layer in texts.named_modules()}
    named = {name.split(".", 1)[0] for name in given}
    known = [name for name in sorted(named) if name in layers]
    if not known:
        raise _wrong(lora.file, "one with no layer of the model in the common names")
    for name in known:
        _add(layers[name], name, given, lora)
    if len(known) < len(named):
        count = len(named) - len(known)
        warn(f"the LoRA '{lora.file.name}' also changes {count} layers that this model does not have: they are left out.")


@torch.no_grad()
def _add(layer: nn.Module, name: str, given: dict[str, Tensor], lora: Lora) -> None:
    weight, up, down = getattr(layer, "weight", None), given.get(name + UP), given.get(name + DOWN)
    if set(given) & {name + UP, name + DOWN, name + ALPHA} != {key for key in given if key.split(".", 1)[0] == name}:
        raise _wrong(lora.file, f"another kind of LoRA in {name}")
    alpha = given.get(name + ALPHA, torch.tensor(0 if down is None or not down.ndim else len(down)))
    if weight is None or up is None or down is None or min(up.ndim, down.ndim) < 2 or alpha.numel() != 1:
        raise _wrong(lora.file, f"an incomplete {name}")
    up, down = up.flatten(1), down.flatten(1)
    rank = len(down)
    if up.shape != (len(weight), rank) or rank == 0 or down.shape[1] != weight[0].numel():
        raise _wrong(lora.file, f"{name} of shapes {tuple(up.shape)} and {tuple(down.shape)}")
    change = (lora.strength * float(alpha) / rank * up @ down).view(weight.shape)
    if not bool(torch.isfinite(change).all()):
        raise _wrong(lora.file, f"numbers in {name} that are not finite")
    weight += change


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        raise _wrong(path, "no such file" if not path.is_file() else "a file of another kind")
    try:
        with safe_open(str(path), "pt") as file:
            names = [name for name in file.keys() if name.startswith((DENOISER, TEXT))]  # noqa: SIM118  safe_open is no dict
            return {name: file.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError) as error:
        raise _wrong(path, f"one that cannot be read ({error})") from error


def _wrong(path: Path, got: str) -> UserError:
    return UserError(
        f"'{path.name}' cannot be used as a LoRA: expected a .safetensors file for this kind of Stable Diffusion, got {got}. "
        "Choose another."
    )
