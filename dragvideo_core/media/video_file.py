"""A loaded clip and its file: the sound that belongs to its frames, and the clip as a video of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import torch
from torch import Tensor

from ..types import UserError, VideoClip
from .container import DECODER_ERRORS, DamagedVideoWarning, open_container, seconds_of, sound_streams
from .film import open_film, warn_of_lost_sound

__all__ = ["DamagedVideoWarning", "read_audio", "write_video"]

MAX_AUDIO_VALUES = 2**28  # samples times channels: 1 GiB


def read_audio(path: str | Path, clip: VideoClip) -> tuple[Tensor, int] | None:
    """The sound of the file `path` while the frames of `clip`, loaded from it, are shown: (1, channels, samples)
    float32 and the sample rate in Hz, silent where the file has none; None if it has no audio at all. Sample 0 is the
    moment of the clip's first frame, the length is that of the clip.
    """
    film = open_film(path)
    warn_of_lost_sound(film)
    start = film.time_of(int(clip.source_index[0])) if film.header.has_sound else None
    if start is None:
        return None
    seconds = len(clip) / clip.fps
    with open_container(path) as container:
        stream = sound_streams(container)[0]
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        samples = round(seconds * rate)
        if not 0 < samples * channels <= MAX_AUDIO_VALUES:
            raise UserError(
                f"the sound of '{Path(path).name}' cannot be read: got {channels} channels at {rate} Hz for "
                f"{seconds:.1f} s, expected at most {MAX_AUDIO_VALUES} values. Load fewer frames, or a file without "
                "sound."
            )
        sound = torch.zeros(channels, samples)
        for at, values in _audio_blocks(container, stream):
            offset = round((at - start) * rate)
            if offset >= samples:
                break
            first, after = max(0, -offset), min(values.shape[1], samples - offset)
            if first < after:
                sound[:, offset + first : offset + after] = values[:channels, first:after]
    return sound[None], rate


def _audio_blocks(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[tuple[Fraction, Tensor]]:
    """(time in seconds, samples (channels, n) float32) in order; ends where the file can be read no further."""
    context = stream.codec_context
    resampler = av.AudioResampler(format="fltp", layout=context.layout, rate=context.sample_rate)
    played = 0
    try:
        for frame in container.decode(stream):
            at = seconds_of(frame)
            at = Fraction(played, frame.sample_rate) if at is None else at
            played += frame.samples
            for block in resampler.resample(frame):
                yield at, torch.from_numpy(block.to_ndarray())
    except DECODER_ERRORS:
        return


def write_video(path: str | Path, clip: VideoClip, crf: int = 12) -> None:
    """Writes the clip as H.264 mp4 (yuv420p, plays everywhere). `crf`: 0 = lossless .. 51 = worst."""
    if not (math.isfinite(clip.fps) and 1e-3 <= clip.fps <= 1e3):
        raise UserError(f"a video can be written at 0.001 to 1000 frames per second: got {clip.fps}.")
    height, width = clip.size
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        rate = Fraction(clip.fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, height, "yuv420p", 2
        for frame in clip.frames:
            values = (frame.permute(1, 2, 0) * 255.0).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
        container.mux(stream.encode())
