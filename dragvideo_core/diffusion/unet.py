"""What the core reads of a diffusers `UNet2DConditionModel`, with its types: torch calls every child "a tensor or a module"."""

from __future__ import annotations

from typing import cast

from torch import nn


def up_blocks(denoiser: nn.Module) -> nn.ModuleList:
    """Its up blocks, the coarsest first."""
    return cast(nn.ModuleList, denoiser.up_blocks)


def all_blocks(denoiser: nn.Module) -> list[nn.Module]:
    """Down blocks, the middle one, up blocks: in the order in which they run."""
    return [*cast(nn.ModuleList, denoiser.down_blocks), cast(nn.Module, denoiser.mid_block), *up_blocks(denoiser)]


def first_width(denoiser: nn.Module) -> int:
    """Channels at the latents' own resolution."""
    # torch says "a tensor or a module" of every attribute; this one is diffusers' FrozenDict
    return int(denoiser.config.block_out_channels[0])  # type: ignore[union-attr, index]
