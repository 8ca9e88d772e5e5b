"""Checkpoints of random weights in the layout of Stable Diffusion's single files.

Names and shapes are those of the published files (the number of tensors and parameters is held against them in a test);
the weights are random, scaled so that activations neither vanish nor overflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
LEVELS = 4
TIME = 4  # the time embedding is so many times as wide as the first level


@dataclass(frozen=True)
class Layout:
    """One denoiser of the family."""

    context: int = 768  # width of the text embedding
    channels: int = 320
    mult: tuple[int, ...] = (1, 2, 4, 4)
    layers: int = 2  # residual blocks per level
    linear: bool = False  # projections around the transformers: linear layers (2.x) or 1 x 1 convolutions (1.x)
    inputs: int = 4


SD15 = Layout()
SD21 = Layout(context=1024, linear=True)
SMALL = Layout(mult=(1, 1, 1, 1), layers=1)  # still recognised as SD1.5, a fifteenth of its size
SMALL_NEWER = Layout(context=1024, mult=(1, 1, 1, 1), layers=1, linear=True)
NEWER_BLOCKS = 3  # of the 2.x text encoder, which has 24
INPAINTING = Layout(mult=(1, 1, 1, 1), layers=1, inputs=9)


def denoiser_shapes(layout: Layout) -> Shapes:
    """The denoiser's tensors, without the prefix `model.diffusion_model.`."""
    first, time = layout.channels, TIME * layout.channels
    shapes = {**_layer("time_embed.0", time, first), **_layer("time_embed.2", time, time)}
    shapes |= _conv("input_blocks.0.0", first, layout.inputs, 3)
    held, width, index = [first], first, 1
    for level, mult in enumerate(layout.mult):
        for _ in range(layout.layers):
            shapes |= _residual(f"input_blocks.{index}.0", width, first * mult, time)
            width = first * mult
            if level < LEVELS - 1:
                shapes |= _transformer(f"input_blocks.{index}.1", width, layout)
            held.append(width)
            index += 1
        if level < LEVELS - 1:
            shapes |= _conv(f"input_blocks.{index}.0.op", width, width, 3)
            held.append(width)
            index += 1
    shapes |= _residual("middle_block.0", width, width, time)
    shapes |= _transformer("middle_block.1", width, layout)
    shapes |= _residual("middle_block.2", width, width, time)
    index = 0
    for level in reversed(range(LEVELS)):
        for layer in range(layout.layers + 1):
            wanted = first * layout.mult[level]
            shapes |= _residual(f"output_blocks.{index}.0", width + held.pop(), wanted, time)
            width = wanted
            if level < LEVELS - 1:
                shapes |= _transformer(f"output_blocks.{index}.1", width, layout)
            if level and layer == layout.layers:
                place = 1 if level == LEVELS - 1 else 2
                shapes |= _conv(f"output_blocks.{index}.{place}.conv", width, width, 3)
            index += 1
    return shapes | _norm("out.0", width) | _conv("out.2", 4, width, 3)


def vae_shapes() -> Shapes:
    """The autoencoder's tensors, without the prefix `first_stage_model.`."""
    widths = (128, 256, 512, 512)
    shapes = _conv("encoder.conv_in", 128, 3, 3) | _conv("decoder.conv_in", 512, 4, 3)
    before = 128
    for level, width in enumerate(widths):
        for block in range(2):
            shapes |= _vae_residual(f"encoder.down.{level}.block.{block}", before, width)
            before = width
        if level < 3:
            shapes |= _conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
    before = 512
    for level in reversed(range(4)):
        for block in range(3):
            shapes |= _vae_residual(f"decoder.up.{level}.block.{block}", before, widths[level])
            before = widths[level]
        if level:
            shapes |= _conv(f"decoder.up.{level}.upsample.conv", before, before, 3)
    for half in ("encoder", "decoder"):
        for block in ("block_1", "block_2"):
            shapes |= _vae_residual(f"{half}.mid.{block}", 512, 512)
        shapes |= _norm(f"{half}.mid.attn_1.norm", 512)
        for name in ("q", "k", "v", "proj_out"):
            shapes |= _conv(f"{half}.mid.attn_1.{name}", 512, 512, 1)
    shapes |= _norm("encoder.norm_out", 512) | _conv("encoder.conv_out", 8, 512, 3)
    shapes |= _norm("decoder.norm_out", 128) | _conv("decoder.conv_out", 3, 128, 3)
    return shapes | _conv("quant_conv", 8, 8, 1) | _conv("post_quant_conv", 4, 4, 1)


def text_shapes() -> Shapes:
    """The text encoder's tensors (CLIP-L), without the prefix `cond_stage_model.transformer.text_model.`."""
    shapes = {"embeddings.token_embedding.weight": (49408, 768), "embeddings.position_embedding.weight": (77, 768)}
    for block in range(12):
        start = f"encoder.layers.{block}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _layer(f"{start}.self_attn.{name}", 768, 768)
        shapes |= _layer(f"{start}.mlp.fc1", 3072, 768) | _layer(f"{start}.mlp.fc2", 768, 3072)
        shapes |= _norm(f"{start}.layer_norm1", 768) | _norm(f"{start}.layer_norm2", 768)
    return shapes | _norm("final_layer_norm", 768)


def newer_text_shapes() -> Shapes:
    """The text encoder's tensors (OpenCLIP-H, but fewer blocks), without the prefix `cond_stage_model.model.`."""
    shapes = {"token_embedding.weight": (49408, 1024), "positional_embedding": (77, 1024), "logit_scale": ()}
    for block in range(NEWER_BLOCKS):
        start = f"transformer.resblocks.{block}"
        shapes |= {f"{start}.attn.in_proj_weight": (3072, 1024), f"{start}.attn.in_proj_bias": (3072,)}
        shapes |= _layer(f"{start}.attn.out_proj", 1024, 1024)
        shapes |= _layer(f"{start}.mlp.c_fc", 4096, 1024) | _layer(f"{start}.mlp.c_proj", 1024, 4096)
        shapes |= _norm(f"{start}.ln_1", 1024) | _norm(f"{start}.ln_2", 1024)
    return shapes | _norm("ln_final", 1024) | {"text_projection": (1024, 1024)}


def checkpoint_shapes(layout: Layout, whole: bool) -> Shapes:
    """All tensors of a single file; `whole`: with text encoder and VAE."""
    shapes = {f"model.diffusion_model.{name}": shape for name, shape in denoiser_shapes(layout).items()}
    if whole:
        shapes |= {f"first_stage_model.{name}": shape for name, shape in vae_shapes().items()}
        newer = {f"cond_stage_model.model.{name}": shape for name, shape in newer_text_shapes().items()}
        older = {f"cond_stage_model.transformer.text_model.{name}": shape for name, shape in text_shapes().items()}
        shapes |= newer if layout.linear else older
    return shapes


def write_checkpoint(path: Path, layout: Layout, whole: bool = True, seed: int = 0) -> Path:
    """Write a checkpoint of random float16 weights."""
    weights = RandomWeights(seed)
    shapes = checkpoint_shapes(layout, whole)
    tensors = {name: weights.draw(name, shape) for name, shape in shapes.items()}
    if layout == SD21:  # by its spread ComfyUI tells the 2.x models that predict v
        tensors["model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"] *= 10
    save_file(tensors, str(path))
    return path


def write_lora(path: Path, layout: Layout, rank: int = 4, seed: int = 2) -> Path:
    """Write a random LoRA on the denoiser's attention, in the common key format."""
    weights, tensors = RandomWeights(seed), {}
    for name, (rows, *columns) in denoiser_shapes(layout).items():
        if ".attn" in name and name.endswith(".weight"):
            key = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
            tensors[f"{key}.lora_up.weight"] = weights.draw(name, (rows, rank))
            tensors[f"{key}.lora_down.weight"] = weights.draw(name, (rank, *columns))
            tensors[f"{key}.alpha"] = torch.tensor(rank / 2)
    save_file(tensors, str(path))
    return path


class RandomWeights:
    """Matrices keep the size of what goes through them, norms change little, biases are small.

    The numbers are cut out of one pool, which is faster than drawing a thousand million of them.
    """

    POOL = 4_194_301  # a prime: no row of a matrix repeats another

    def __init__(self, seed: int):
        self._generator = torch.Generator().manual_seed(seed)
        self._pool = torch.randn(self.POOL, generator=self._generator).half()

    def draw(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """One tensor, float16."""
        count, start = math.prod(shape), int(torch.randint(self.POOL, (), generator=self._generator))
        repeats = (start + count) // self.POOL + 1
        numbers = self._pool.repeat(repeats)[start : start + count].reshape(shape)
        if len(shape) < 2:
            return numbers * 0.05 + float(name.endswith("weight"))  # of norms
        return numbers * (0.02 if "_embedding" in name else 1 / math.sqrt(math.prod(shape[1:])))


def _layer(name: str, rows: int, columns: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (rows, columns)} | ({f"{name}.bias": (rows,)} if bias else {})


def _conv(name: str, rows: int, columns: int, side: int) -> Shapes:
    return {f"{name}.weight": (rows, columns, side, side), f"{name}.bias": (rows,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _residual(name: str, before: int, after: int, time: int) -> Shapes:
    shapes = _norm(f"{name}.in_layers.0", before) | _conv(f"{name}.in_layers.2", after, before, 3)
    shapes |= _layer(f"{name}.emb_layers.1", after, time)
    shapes |= _norm(f"{name}.out_layers.0", after) | _conv(f"{name}.out_layers.3", after, after, 3)
    return shapes | (_conv(f"{name}.skip_connection", after, before, 1) if before != after else {})


def _vae_residual(name: str, before: int, after: int) -> Shapes:
    shapes = _norm(f"{name}.norm1", before) | _conv(f"{name}.conv1", after, before, 3)
    shapes |= _norm(f"{name}.norm2", after) | _conv(f"{name}.conv2", after, after, 3)
    return shapes | (_conv(f"{name}.nin_shortcut", after, before, 1) if before != after else {})


def _transformer(name: str, width: int, layout: Layout) -> Shapes:
    def projection(place: str) -> Shapes:
        return _layer(place, width, width) if layout.linear else _conv(place, width, width, 1)

    shapes = _norm(f"{name}.norm", width) | projection(f"{name}.proj_in") | projection(f"{name}.proj_out")
    block = f"{name}.transformer_blocks.0"
    for attention, context in (("attn1", width), ("attn2", layout.context)):
        shapes |= _layer(f"{block}.{attention}.to_q", width, width, bias=False)
        shapes |= _layer(f"{block}.{attention}.to_k", width, context, bias=False)
        shapes |= _layer(f"{block}.{attention}.to_v", width, context, bias=False)
        shapes |= _layer(f"{block}.{attention}.to_out.0", width, width)
    shapes |= _layer(f"{block}.ff.net.0.proj", 8 * width, width) | _layer(f"{block}.ff.net.2", width, 4 * width)
    for place in ("norm1", "norm2", "norm3"):
        shapes |= _norm(f"{block}.{place}", width)
    return shapes
