"""Cross-branch attention (Sec. 3.3; MasaCtrl): the edited branch asks, the source branch answers.

In the self-attention of the up blocks from block 2 on (attention layer 10 of 16 in SD1.5) the edited branch keeps its
queries and takes keys and values from the source branch, so that what is moved keeps its texture. The source's are
recorded once per step and reused for as many edited frames as need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

FIRST_BLOCK = 2


class CrossBranch:
    """Attention processor shared by all chosen layers; `mode` says what the next denoiser call does."""

    def __init__(self):
        self.mode = "plain"  # "record": keep keys and values; "add": keep these too; "use": take the kept, not one's own
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.rows: Tensor | None = None  # while using: which kept row serves each row of the batch; None = all joined

    def __call__(self, attn, hidden_states: Tensor, encoder_hidden_states=None, attention_mask=None, temb=None) -> Tensor:
        query = _heads(attn, attn.to_q(hidden_states))
        if self.mode == "use":
            key, value = (self._chosen(kept, len(hidden_states)) for kept in self.kept[id(attn)])
        else:
            key, value = _heads(attn, attn.to_k(hidden_states)), _heads(attn, attn.to_v(hidden_states))
            if self.mode == "record":
                self.kept[id(attn)] = (key, value)
            elif self.mode == "add":
                held = self.kept.get(id(attn))
                self.kept[id(attn)] = (key, value) if held is None else (torch.cat([held[0], key]), torch.cat([held[1], value]))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        mixed = mixed.transpose(1, 2).flatten(2)  # (B, tokens, heads * width)
        return attn.to_out[1](attn.to_out[0](mixed))

    def _chosen(self, kept: Tensor, batch: int) -> Tensor:
        if self.rows is not None:
            return kept[self.rows]
        joined = kept.transpose(0, 1).flatten(1, 2)  # (heads, frames * tokens, width): every frame answers every frame
        return joined.expand(batch, -1, -1, -1)


@contextmanager
def cross_branch(denoiser: torch.nn.Module) -> Iterator[CrossBranch]:
    """Install a `CrossBranch` in the self-attention of the up blocks from block 2 on; take it out again at the end."""
    branch = CrossBranch()
    layers = list(_self_attention_layers(denoiser))
    before = [layer.processor for layer in layers]
    try:
        for layer in layers:
            layer.set_processor(branch)
        yield branch
    finally:
        for layer, processor in zip(layers, before):
            layer.set_processor(processor)
        branch.kept.clear()


def _self_attention_layers(denoiser: torch.nn.Module):
    for block in denoiser.up_blocks[FIRST_BLOCK:]:
        for attention in getattr(block, "attentions", ()):
            for transformer in attention.transformer_blocks:
                yield transformer.attn1


def _heads(attn, values: Tensor) -> Tensor:
    """(B, tokens, heads * width) to (B, heads, tokens, width)"""
    return values.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
