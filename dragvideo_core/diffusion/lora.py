"""Low-rank adapters on the denoiser's attention, trained on the clip (Sec. 4.1; `peft`).

DragDiffusion's setting: rank 16 on q, k, v and out of all attention layers, learning rate 5e-4. Afterwards the adapters
are added into the weights of the copy, so that the drag pays nothing for them.
"""

from __future__ import annotations

import copy

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from torch import Tensor

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


def with_lora(denoiser: torch.nn.Module, rank: int) -> torch.nn.Module:
    """A copy of the denoiser with fresh adapters (they change nothing until trained); only they require gradients.

    The adapters are float32, whatever the denoiser is: a training step is too small for half precision.
    """
    adapted = copy.deepcopy(denoiser).requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(TARGETS), init_lora_weights="gaussian")
    adapted = inject_adapter_in_model(config, adapted, adapter_name="drag")
    for weight in trained(adapted):
        weight.data = weight.data.float()
    return adapted


def trained(adapted: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The adapters' weights, which training changes."""
    return [weight for weight in adapted.parameters() if weight.requires_grad]


def lora_weights(adapted: torch.nn.Module) -> dict[str, Tensor]:
    """The adapters' weights in peft's names, detached, on the CPU."""
    return {k: v.detach().cpu().clone() for k, v in get_peft_model_state_dict(adapted, adapter_name="drag").items()}


def set_lora_weights(adapted: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    """Give the adapters weights in peft's names, in place."""
    set_peft_model_state_dict(adapted, weights, adapter_name="drag")


def fuse(adapted: torch.nn.Module) -> torch.nn.Module:
    """Add the adapters into the weights and take their modules out again, in place; returns the module, frozen."""
    for name, layer in [(n, m) for n, m in adapted.named_modules() if isinstance(m, LoraLayer)]:
        layer.merge(safe_merge=True)
        parent, _, child = name.rpartition(".")
        setattr(adapted.get_submodule(parent), child, layer.base_layer)  # children of a list have their numbers as names
    if hasattr(adapted, "peft_config"):
        del adapted.peft_config
    return adapted.requires_grad_(False).eval()
