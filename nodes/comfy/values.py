"""Between ComfyUI's values and the core's: IMAGE [N, H, W, C] and VIDEO to `VideoClip` and back, MASK, LATENT."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from comfy import model_management
from comfy_api.latest import InputImpl, Types
from torch import Tensor

from ...dragvideo_core.exchange import tracks as given_tracks
from ...dragvideo_core.layers.given import check_count
from ...dragvideo_core.media.film import Film, FilmFrame, open_film
from ...dragvideo_core.media.picture import clip_from_frames
from ...dragvideo_core.media.webp import is_animated_webp
from ...dragvideo_core.points.flow import Flow, by_raft
from ...dragvideo_core.points.sets import REFERENCE
from ...dragvideo_core.region.scaled import as_frames
from ...dragvideo_core.stages.segment import segment
from ...dragvideo_core.types import DragModel, PointTracks, Scores, UserError, VideoClip
from ..sockets import DEFAULT_FPS
from .memory import handed_on
from .messages import warnings_in_log

SAME_SECONDS = 0.02  # two durations that differ by less are the same
MOST_DENOMINATOR = 1001  # frame rates are whole numbers, or whole numbers times 1000/1001


def to_clip(video: Any, fps: float = DEFAULT_FPS) -> VideoClip:
    """An IMAGE batch (N, H, W, C) or a VIDEO as a clip; a VIDEO brings its own frame rate.

    UserError for anything else, and for sizes that the core cannot work with.
    """
    video, fps = _images_of(video, fps)
    if not isinstance(video, Tensor):
        raise UserError(f"expected an IMAGE batch or a VIDEO: got {type(video).__name__}. Check what is wired into 'video'.")
    return clip_from_frames(video, fps)


def frames_of(video: Any, fps: float = DEFAULT_FPS) -> tuple[Tensor, float]:
    """The frames (N, 3, H, W) of an IMAGE batch or a VIDEO, of any size, and their rate. UserError for anything else."""
    video, fps = _images_of(video, fps)
    if not isinstance(video, Tensor) or video.ndim != 4 or video.shape[-1] < 3 or 0 in video.shape:
        raise UserError(f"expected an IMAGE batch or a VIDEO: got {type(video).__name__}. Check what is wired in.")
    return video[..., :3].permute(0, 3, 1, 2).float(), fps


def _images_of(video: Any, fps: float) -> tuple[Any, float]:
    """The IMAGE batch in a VIDEO and its rate; anything else as it is."""
    if not hasattr(video, "get_components"):
        return video, fps
    if (film := _film_of(video)) is not None:
        with warnings_in_log():
            frames = [_as_frame(frame) for frame in film.frames()]
        return torch.stack(frames).permute(0, 2, 3, 1), float(film.header.rate)
    components = video.get_components()
    return components.images, float(components.frame_rate)


def _film_of(video: Any) -> Film | None:
    """The film behind a VIDEO that shows all of its file. Read by us, it looks the same in every node: core leaves HDR and
    interlaced frames as they are, and cannot read the animated WebP that it offers."""
    source = source_of(video)
    return open_film(source) if isinstance(source, str) and not is_part(video) else None


def source_of(video: Any) -> str | BytesIO | None:
    """The file of a VIDEO, or its bytes; None where it was made of frames, or is no VIDEO."""
    try:
        return video.get_stream_source() if hasattr(video, "get_stream_source") else None
    except (ValueError, OSError):  # ComfyUI 0.3.75 writes frames to memory without a format
        return None


def is_part(video: Any) -> bool:
    """Whether a VIDEO shows only some seconds of its file, as core's Video Slice makes it."""
    source = source_of(video)
    if not isinstance(source, str) or is_animated_webp(Path(source)):
        return False
    return abs(type(video)(source).get_duration() - video.get_duration()) > SAME_SECONDS


def long_film(video: Any, most: int) -> Film | None:
    """The film behind a VIDEO that has more than `most` frames: to be read as it is needed. None for any other clip."""
    film = _film_of(video)
    return film if film is not None and film.time_of(most) is not None else None


def film_frames(film: Film, first: int, most: int) -> Iterator[Tensor]:
    """The frames of a film from number `first` on, so many at most, each (3, H, W) in [0, 1]."""
    return (_as_frame(frame) for frame in islice(film.between(first, None), most))


def _as_frame(frame: FilmFrame) -> Tensor:
    return as_frames([frame.rgb])[0]


def audio_of(video: Any) -> dict | None:
    """The sound of a VIDEO, if it has any."""
    return video.get_components().audio if hasattr(video, "get_components") else None


def to_audio(sound: tuple[Tensor, int] | None) -> dict | None:
    """Samples (1, channels, n) and their rate in Hz as AUDIO."""
    return None if sound is None else {"waveform": sound[0], "sample_rate": sound[1]}


def to_image(frames: Tensor) -> Tensor:
    """Frames (N, 3, H, W) to an IMAGE batch."""
    return handed_on(frames.permute(0, 2, 3, 1).contiguous())


def to_video(clip: VideoClip, audio: dict | None = None) -> Any:
    """A clip, with sound if there is some, as a VIDEO."""
    rate = Fraction(clip.fps).limit_denominator(MOST_DENOMINATOR)
    return InputImpl.VideoFromComponents(Types.VideoComponents(images=to_image(clip.frames), audio=audio, frame_rate=rate))


def to_mask(mask: Tensor) -> Tensor:
    """(N, 1, H, W) bool to a MASK (N, H, W), 1 = may change."""
    return handed_on(mask[:, 0].float())


def to_edit_mask(mask: Tensor, clip: VideoClip) -> Tensor:
    """A MASK, one for all frames of the clip or one per frame, to (N, 1, H, W) bool.

    UserError for another count, and where no pixel is as white as 0.5.
    """
    segmenter = segment(mask)
    check_count("edit", mask if mask.ndim == 3 else mask[None], len(clip))
    if float(mask.max()) < 0.5:
        raise UserError(
            f"the edit mask is nowhere white, so nothing could change: its largest value is {float(mask.max()):.2f}, and a pixel "
            "may change from 0.5 on. Paint it white, or take the wire out of 'edit_mask'."
        )
    nowhere = torch.zeros(0, 2)
    return torch.stack([segmenter.foreground(i, frame, nowhere)[None] for i, frame in enumerate(clip.frames)])


def from_tracks(tracks: PointTracks, preview: Tensor) -> tuple:
    """The values of `sockets.tracks_outputs`."""
    forms = given_tracks.as_tracks(tracks), given_tracks.as_json(tracks), given_tracks.as_boxes(tracks.edit_mask)
    return tracks, to_mask(tracks.edit_mask), preview, *forms


def to_latent(latents: Tensor, model: DragModel) -> dict[str, Tensor]:
    """Latents as the denoiser sees them to a LATENT, which is not multiplied by the model's scaling factor."""
    return {"samples": handed_on(latents / getattr(model.vae, "scaling_factor", 1.0))}


def from_latent(latent: Any, model: DragModel) -> Tensor:
    """A LATENT's samples as the denoiser sees them. UserError for anything else."""
    samples = latent.get("samples") if isinstance(latent, dict) else None
    if not isinstance(samples, Tensor) or not samples.is_floating_point():
        raise UserError(f"expected a LATENT: got {type(latent).__name__}. Wire in a VAE Encode's or a sampler's output.")
    return samples * getattr(model.vae, "scaling_factor", 1.0)


def to_flow(optical_flow: Any) -> Flow:
    """Core's OPTICAL_FLOW, a model patcher, loaded to its device. UserError for anything else."""
    flow = by_raft(getattr(optical_flow, "model", None))
    model_management.load_model_gpu(optical_flow)
    return flow


def to_page(tracks: PointTracks, mask_radius: float, frame: int) -> dict:
    """Tracks as the data that the page draws, in the clip's pixels. `mask_radius` as the propagation takes it;
    `frame`: the one that the points were drawn on."""
    height, width = tracks.edit_mask.shape[-2:]
    places = {
        name: getattr(tracks, name).cpu().double().round(decimals=2).tolist() for name in ("handles", "targets", "mask_points")
    }
    radius = mask_radius * min(height, width) / REFERENCE
    seen = tracks.visible.tolist()
    return {"size": [width, height], "frame": frame, **places, "visible": seen, "mask_radius": radius}


def to_json(scores: Scores) -> str:
    """Scores as JSON, keyed by name, with each frame's where there are some; what could not be measured is null."""
    rows = {}
    for name, score in scores.items():
        rows[name] = vars(score) | {"value": _or_none(score.value), "per_frame": [_or_none(v) for v in score.per_frame]}
        if not score.per_frame:
            del rows[name]["per_frame"]
    return json.dumps(rows, indent=2)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def to_lines(scores: Scores) -> str:
    """Scores as text, a line each, for people: a list in Markdown as well, which some pages take it for."""
    lines = []
    for name, score in scores.items():
        value = f"{score.value:.2f} {score.unit}" if math.isfinite(score.value) else "none"
        lines.append(f"- {name.replace('_', ' ')}: {value} ({score.better} is better): {score.meaning}")
    return "\n".join(lines)
