"""Attention that is told whose keys and values to use: cross-branch (Sec. 3.3), and the text's, worked out once.

Cross-branch attention (MasaCtrl): the edited branch asks, the source branch answers.

In the self-attention of the up blocks from block 2 on (attention layer 10 of 16 in SD1.5) the edited branch keeps its
queries and takes keys and values from the source branch, so that what is moved keeps its texture. The source's are
recorded once per step and reused for as many edited frames as need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

FIRST_BLOCK = 2


@dataclass(frozen=True)
class Barred:
    """What some cells may not look at while keys and values are used."""

    cells: Tensor  # (B, 1, h, w) bool: of the batch's rows, the cells that may not
    kept: Tensor  # (K, 1, h, w) bool: of the kept rows, what they may not look at

    def allowed(self, tokens: int, rows: Tensor | None) -> Tensor | None:
        """(B, 1, tokens, kept tokens) bool, for a layer with so many tokens a row; None: all of it."""
        if not bool(self.cells.any()):
            return None
        h, w = self.cells.shape[-2:]
        shrink = round((h * w / tokens) ** 0.5)
        asking, answering = (functional.max_pool2d(part.float(), shrink).flatten(1).bool() for part in (self.cells, self.kept))
        answering = answering.flatten()[None] if rows is None else answering[rows]
        allowed = ~(asking[:, :, None] & answering[:, None, :])
        return (allowed | ~allowed.any(-1, keepdim=True))[:, None]  # who would see nothing at all sees everything


class CrossBranch:
    """Attention processor shared by all chosen layers; `mode` says what the next denoiser call does."""

    def __init__(self):
        self.mode = "plain"  # "record": keep keys and values; "add": keep these too; "use": take the kept, not one's own
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.barred: Barred | None = None  # while using
        self.rows: Tensor | None = None  # while using: which kept row serves each row of the batch; None = all joined

    def __call__(self, attn, hidden_states: Tensor, encoder_hidden_states=None, attention_mask=None, temb=None) -> Tensor:
        query, allowed = _heads(attn, attn.to_q(hidden_states)), None
        if self.mode == "use":
            if self.barred is not None:
                allowed = self.barred.allowed(hidden_states.shape[1], self.rows)
            key, value = (self._chosen(kept, len(hidden_states)) for kept in self.kept[id(attn)])
        else:
            key, value = _heads(attn, attn.to_k(hidden_states)), _heads(attn, attn.to_v(hidden_states))
            if self.mode == "record":
                self.kept[id(attn)] = (key, value)
            elif self.mode == "add":
                held = self.kept.get(id(attn))
                self.kept[id(attn)] = (key, value) if held is None else (torch.cat([held[0], key]), torch.cat([held[1], value]))
        return _answer(attn, query, key, value, allowed)

    def _chosen(self, kept: Tensor, batch: int) -> Tensor:
        if self.rows is not None:
            return kept[self.rows]
        joined = kept.transpose(0, 1).flatten(1, 2)  # (heads, frames * tokens, width): every frame answers every frame
        return joined.expand(batch, -1, -1, -1)


class _TextOnce:
    """Attention processor of all layers that look at the text: its keys and values are worked out at the first call."""

    def __init__(self):
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, attn, hidden_states: Tensor, encoder_hidden_states=None, attention_mask=None, temb=None) -> Tensor:
        if id(attn) not in self.kept:
            with torch.no_grad():
                text = encoder_hidden_states[:1]  # every frame has the same
                self.kept[id(attn)] = _heads(attn, attn.to_k(text)), _heads(attn, attn.to_v(text))
        key, value = (kept.expand(len(hidden_states), -1, -1, -1) for kept in self.kept[id(attn)])
        return _answer(attn, _heads(attn, attn.to_q(hidden_states)), key, value)


@contextmanager
def cross_branch(denoiser: torch.nn.Module) -> Iterator[CrossBranch]:
    """Install a `CrossBranch` in the self-attention of the up blocks from block 2 on; take it out again at the end."""
    branch = CrossBranch()
    with _processor(branch, _layers(denoiser.up_blocks[FIRST_BLOCK:], "attn1")):
        yield branch


@contextmanager
def text_once(denoiser: torch.nn.Module) -> Iterator[None]:
    """Meanwhile neither the text nor the weights change, so that the text's keys and values stay the same in every call."""
    with _processor(_TextOnce(), _layers([*denoiser.down_blocks, denoiser.mid_block, *denoiser.up_blocks], "attn2")):
        yield


@contextmanager
def _processor(processor: CrossBranch | _TextOnce, layers: list) -> Iterator[None]:
    before = [layer.processor for layer in layers]
    try:
        for layer in layers:
            layer.set_processor(processor)
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.set_processor(own)
        processor.kept.clear()


def _layers(blocks, name: str) -> list:
    """The attention layers `attn1` (self-attention) or `attn2` (to the text) of some blocks."""
    return [
        getattr(transformer, name)
        for block in blocks
        for attention in getattr(block, "attentions", ())
        for transformer in attention.transformer_blocks
    ]


def kept_bytes(denoiser: torch.nn.Module, cells: int, frames: int, itemsize: int) -> int:
    """What the keys and values of so many frames of `cells` latent cells take while `CrossBranch` keeps them.

    Together with the largest layer's once more: joined for the frames at work, it lies there twice.
    """
    last, of_layers = len(denoiser.up_blocks) - 1, []
    for number in range(FIRST_BLOCK, len(denoiser.up_blocks)):
        tokens = cells // 4 ** (last - number)
        of_layers += [2 * tokens * layer.to_k.out_features for layer in _layers(denoiser.up_blocks[number : number + 1], "attn1")]
    return (sum(of_layers) + max(of_layers, default=0)) * frames * itemsize


def _answer(attn, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """What queries (B, heads, tokens, width) find among keys and values: (B, tokens, heads * width).

    allowed: (B, 1, tokens, kept tokens) bool, which of them each may look at; None: all.
    """
    mixed = functional.scaled_dot_product_attention(query, key, value, allowed).transpose(1, 2).flatten(2)
    return attn.to_out[1](attn.to_out[0](mixed))


def _heads(attn, values: Tensor) -> Tensor:
    """(B, tokens, heads * width) to (B, heads, tokens, width)"""
    return values.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
