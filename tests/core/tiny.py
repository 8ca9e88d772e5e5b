"""A Stable-Diffusion-shaped model small enough for laws: four levels, cross-attention, random weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch.nn import functional

from dragvideo_core.diffusion.ddim import stable_diffusion_alphas
from dragvideo_core.embedded import drawn_clips, drawn_world
from dragvideo_core.types import DragModel, PointPicks, PointTracks, VideoClip


class PatchCodec:
    """An exact autoencoder for tests: 4 of the 48 numbers of a 4 x 4 patch, and a constant patch back."""

    def encode(self, frames):
        packed = functional.pixel_unshuffle(frames, 4) - 0.5
        return packed[:, [0, 16, 32, 21]] * 2

    def decode(self, latents):
        return (functional.interpolate(latents[:, :3], scale_factor=4) / 2 + 0.5).clamp(0, 1)


def tiny_model(prediction: str = "epsilon", seed: int = 0, width: int = 8) -> DragModel:
    """`width`: of the text embedding."""
    torch.manual_seed(seed)
    denoiser = (
        UNet2DConditionModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            cross_attention_dim=width,
            layers_per_block=1,
            norm_num_groups=4,
            block_out_channels=(8, 16, 16, 16),
            attention_head_dim=2,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        )
        .eval()
        .requires_grad_(False)
    )
    return DragModel(
        denoiser=denoiser,
        vae=PatchCodec(),
        context=torch.randn(1, 4, width),
        empty_context=torch.zeros(1, 4, width),
        alphas_cumprod=stable_diffusion_alphas(),
        prediction=prediction,
        pixels_per_cell=4,
        name="tiny",
    )


def tiny_clip(frames: int = 3, height: int = 64, width: int = 64, seed: int = 0) -> VideoClip:
    """A drawn clip's middle, (N, 3, height, width)."""
    rng = np.random.default_rng(seed)
    scene = drawn_world.random_scene("flower", rng)
    pictures = drawn_clips.draw_clip(scene, drawn_world.random_motion(scene, rng, frames))
    pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    top, left = (128 - height) // 2, (128 - width) // 2
    return VideoClip(pictures[:, :, top : top + height, left : left + width].contiguous(), torch.arange(frames), 8.0)


def shifted_clip(shift: int, frames: int = 3) -> VideoClip:
    """A textured picture that moves `shift` px to the right each frame."""
    torch.manual_seed(0)
    wide = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 64, 64 + 8 * frames), 5, 1, 2)[0]
    start = shift * (frames - 1)
    return VideoClip(
        torch.stack([wide[:, :, start - shift * i : start - shift * i + 64] for i in range(frames)]), torch.arange(frames), 8.0
    )


def tiny_picks(size=(64, 64), frame: int = 0) -> PointPicks:
    return PointPicks(
        handles=torch.tensor([[24.0, 30.0]]),
        targets=torch.tensor([[36.0, 26.0]]),
        mask_points=torch.tensor([[24.0, 30.0], [34.0, 27.0]]),
        frame=frame,
        size=size,
    )


def tiny_tracks(frames: int = 3, size=(64, 64)) -> PointTracks:
    """Two pairs of 3 x 3 points that drift one pixel a frame, a mask over the left half."""
    corner = torch.stack(torch.meshgrid(torch.arange(-1.0, 2), torch.arange(-1.0, 2), indexing="xy"), -1).reshape(-1, 2)
    centres = torch.tensor([[20.0, 20.0], [18.0, 44.0]])
    drift = torch.arange(frames, dtype=torch.float32)[:, None, None, None] * torch.tensor([1.0, 0.0])
    handles = (centres[:, None] + corner)[None] + drift
    mask = torch.zeros(frames, 1, *size, dtype=torch.bool)
    mask[..., : size[1] // 2] = True
    seen = torch.ones(handles.shape[:3], dtype=torch.bool)
    return PointTracks(
        handles=handles,
        targets=handles + torch.tensor([9.0, 3.0]),
        is_foreground=seen,
        visible=seen,
        edit_mask=mask,
        mask_points=torch.zeros(frames, 0, 2),
    )


def rows_of(module: torch.nn.Module, work: Callable[[], object]) -> int:
    """How many rows a module is given while `work` runs."""
    rows = []
    hook = module.register_forward_pre_hook(
        lambda module, inputs, named: rows.append(len(inputs[0] if inputs else named["hidden_states"])), with_kwargs=True
    )
    try:
        work()
    finally:
        hook.remove()
    return sum(rows)
