"""Attention with chosen keys and values: cross-branch (Sec. 3.3), and the text's, worked out once.

Cross-branch attention (MasaCtrl): the edited branch asks, the source branch answers.

In the self-attention of the up blocks from block 2 on (attention layer 10 of 16 in SD1.5) the edited branch keeps its
queries and takes keys and values from the source branch, so that what is moved keeps its texture. The source's are
recorded once per step and reused for as many edited frames as need them.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..types import size_of
from .unet import all_blocks, up_blocks

FIRST_BLOCK = 2

_lock = threading.Lock()  # of all layers' switches
_text: ContextVar[Tensor | None] = ContextVar("drag_a_video_text", default=None)


class Layer(Protocol):
    """A diffusers `Attention` module: what a processor uses of it."""

    heads: int
    to_q: nn.Linear
    to_k: nn.Linear
    to_v: nn.Linear
    to_out: nn.ModuleList
    processor: Callable[..., Tensor]

    def set_processor(self, processor: Callable[..., Tensor]) -> None:
        """Put another one in."""


@dataclass(frozen=True)
class Barred:
    """What some cells may not look at while keys and values are used."""

    cells: Tensor  # (B, 1, h, w) bool: of the batch's rows, the cells that may not
    kept: Tensor  # (K, 1, h, w) bool: of the kept rows, what they may not look at

    def allowed(self, tokens: int, rows: Tensor | None) -> Tensor:
        """(B, 1, tokens, kept tokens) bool, for a layer with so many tokens a row."""
        h, w = size_of(self.cells)
        shrink = round((h * w / tokens) ** 0.5)
        smaller = (functional.max_pool2d(part.float(), shrink).bool() for part in (self.cells, self.kept))
        asking, answering = (rearrange(part, "b 1 h w -> b (h w)") for part in smaller)
        answering = answering.flatten()[None] if rows is None else answering[rows]
        allowed = ~(asking[:, :, None] & answering[:, None, :])
        return (allowed | ~allowed.any(-1, keepdim=True))[:, None]  # who would see nothing at all sees everything


class CrossBranch:
    """Attention processor shared by all chosen layers; `mode` says what the next denoiser call does."""

    def __init__(self) -> None:
        self.mode = "plain"  # "record": keep keys and values; "add": keep these too; "use": take the kept, not one's own
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.barred: Barred | None = None  # while using
        self.rows: Tensor | None = None  # while using: which kept row serves each row of the batch; None = all joined

    def __call__(
        self,
        attn: Layer,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
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
        joined = rearrange(kept, "frames heads tokens width -> heads (frames tokens) width")  # every frame answers every frame
        return joined.expand(batch, -1, -1, -1)


class _TextOnce:
    """Attention processor of all layers that look at the text: keys and values of each text are worked out at its first call."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}  # of layer and text
        self.texts: list[Tensor] = []  # held, so that no other gets the number of one of these

    def __call__(
        self,
        attn: Layer,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        text = _text.get()
        kept = self.kept.get((id(attn), id(text)))
        if kept is None:
            with torch.no_grad():
                first = encoder_hidden_states[:1]  # every frame has the same
                kept = _heads(attn, attn.to_k(first)), _heads(attn, attn.to_v(first))
            if text is not None:
                self.texts.append(text)
                self.kept[id(attn), id(text)] = kept
        key, value = (part.expand(len(hidden_states), -1, -1, -1) for part in kept)
        return _answer(attn, _heads(attn, attn.to_q(hidden_states)), key, value)


class _Switch:
    """What stands in a layer while some thread works with a processor of ours: each thread meets its own innermost one, and
    those that have none the layer's own. Two edits at once may share a denoiser."""

    def __init__(self, own: Callable[..., Tensor]):
        self.own = own
        self.installed: list[tuple[int, CrossBranch | _TextOnce]] = []  # (thread, processor), the innermost last

    def __call__(self, attn: Layer, hidden_states: Tensor, *more: Any, **named: Any) -> Tensor:
        thread = threading.get_ident()
        ours = [processor for owner, processor in tuple(self.installed) if owner == thread]
        return (ours[-1] if ours else self.own)(attn, hidden_states, *more, **named)

    def __deepcopy__(self, memo: dict) -> Any:
        return copy.deepcopy(self.own, memo)  # in a copy of the denoiser nobody works yet


@contextmanager
def cross_branch(denoiser: torch.nn.Module) -> Iterator[CrossBranch]:
    """Install a `CrossBranch` in the self-attention of the up blocks from block 2 on; take it out again at the end."""
    branch = CrossBranch()
    with _processor(branch, _layers(up_blocks(denoiser)[FIRST_BLOCK:], "attn1")):
        yield branch


@contextmanager
def text_once(denoiser: torch.nn.Module) -> Iterator[None]:
    """Meanwhile the weights do not change, so that a text's keys and values stay the same in every call that is `reading` it."""
    with _processor(_TextOnce(), _layers(all_blocks(denoiser), "attn2")):
        yield


@contextmanager
def reading(text: Tensor) -> Iterator[None]:
    """The denoiser calls inside, in this thread, are about this text: the same tensor is the same text."""
    token = _text.set(text)
    try:
        yield
    finally:
        _text.reset(token)


@contextmanager
def _processor(processor: CrossBranch | _TextOnce, layers: list[Layer]) -> Iterator[None]:
    entry = threading.get_ident(), processor
    with _lock:
        for layer in layers:
            switch = layer.processor if isinstance(layer.processor, _Switch) else _Switch(layer.processor)
            if switch is not layer.processor:
                layer.set_processor(switch)
            switch.installed.append(entry)
    try:
        yield
    finally:
        with _lock:
            for layer in layers:
                _take_out(layer, entry)
        processor.kept.clear()


def _take_out(layer: Layer, entry: tuple[int, CrossBranch | _TextOnce]) -> None:
    """The last one to leave gives the layer its own processor back."""
    switch = layer.processor
    if isinstance(switch, _Switch):  # else somebody else has put another one in
        switch.installed = [kept for kept in switch.installed if kept[1] is not entry[1]]
        if not switch.installed:
            layer.set_processor(switch.own)


def _layers(blocks: Iterable[nn.Module], name: str) -> list[Layer]:
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
    blocks, of_layers = up_blocks(denoiser), []
    last = len(blocks) - 1
    for number in range(FIRST_BLOCK, len(blocks)):
        tokens = cells // 4 ** (last - number)
        of_layers += [2 * tokens * layer.to_k.out_features for layer in _layers([blocks[number]], "attn1")]
    return (sum(of_layers) + max(of_layers, default=0)) * frames * itemsize


def _answer(attn: Layer, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """What queries (B, heads, tokens, width) find among keys and values: (B, tokens, heads * width).

    allowed: (B, 1, tokens, kept tokens) bool, which of them each may look at; None: all.
    """
    mixed = functional.scaled_dot_product_attention(query, key, value, allowed)
    return attn.to_out[1](attn.to_out[0](rearrange(mixed, "b heads tokens width -> b tokens (heads width)")))


def _heads(attn: Layer, values: Tensor) -> Tensor:
    return rearrange(values, "b tokens (heads width) -> b heads tokens width", heads=attn.heads)
