"""A Stable Diffusion checkpoint in the place of the embedded model, and the drawn clips at the size that it knows.

The file is read by ComfyUI's own loader and converted by the Stable Diffusion Model node's code, without a server. The
drawn clips have 128 x 128 pixels: they are enlarged for the edit, and what was edited is reduced again to be measured.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import torch
from sd15.child import start
from torch.nn import functional

from dragvideo_core.types import DragModel, PointTracks, UserError, VideoClip


def load(path: Path, prompt: str) -> DragModel:
    """The model of a single-file checkpoint of Stable Diffusion 1.x or 2.x with text encoder and VAE, on the GPU if there
    is one. UserError when there is no such file or a part is missing; other families are refused as the node does."""
    if not path.is_file():
        raise UserError(f"expected a checkpoint file: there is none at '{path}'. Give the path of a .safetensors file.")
    comfy_sd, conversion = start(cpu=not torch.cuda.is_available())
    with torch.no_grad():
        model, clip, vae, _ = comfy_sd.load_checkpoint_guess_config(str(path))
        if clip is None or clip.cond_stage_model is None:
            raise UserError(f"expected a checkpoint with a text encoder: '{path.name}' has none. Give a whole checkpoint.")
        texts = [clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in (prompt, "")]
        made = conversion.drag_model(model, vae, *texts)
    made.denoiser.to(conversion.comfy.model_management.get_torch_device())
    return DragModel(**{field.name: getattr(made, field.name) for field in fields(DragModel)})


def enlarged(clip: VideoClip, times: int) -> VideoClip:
    """The clip with `times` as many pixels a side, bicubic."""
    frames = functional.interpolate(clip.frames, scale_factor=times, mode="bicubic", align_corners=False)
    return replace(clip, frames=frames.clamp(0, 1))


def reduced(clip: VideoClip, times: int) -> VideoClip:
    """The clip with a pixel for each square of `times` x `times`, their mean. UserError when no multiples of 64 remain."""
    return replace(clip, frames=functional.avg_pool2d(clip.frames, times))


def reduced_tracks(tracks: PointTracks, times: int) -> PointTracks:
    """The tracks in the pixels of the reduced clip; a pixel may change where any of its square may."""
    moved = {name: (getattr(tracks, name) + 0.5) / times - 0.5 for name in ("handles", "targets", "mask_points")}
    mask = functional.max_pool2d(tracks.edit_mask.float(), times).bool()
    layer, front = (None if matte is None else functional.avg_pool2d(matte, times) for matte in (tracks.layer, tracks.front))
    return replace(tracks, edit_mask=mask, layer=layer, front=front, **moved)
