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
from .joins import PartsClock

__all__ = ["DamagedVideoWarning", "read_audio", "write_video"]

MAX_AUDIO_VALUES = 2**28  # samples times channels: 1 GiB
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)  # Hz


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
        clock = PartsClock(lambda: film.parts)
        for own, values in _audio_blocks(container, stream):
            at = clock.time(own)
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


def write_video(path: str | Path, clip: VideoClip, crf: int = 12, sound: tuple[Tensor, int] | None = None) -> None:
    """Writes the clip as H.264 mp4 (yuv420p, plays everywhere). `crf`: 0 = lossless .. 51 = worst. `sound`: (1, channels, samples)
    and the rate in Hz, from the clip's first moment on; written as AAC."""
    if not (math.isfinite(clip.fps) and 1e-3 <= clip.fps <= 1e3):
        raise UserError(f"a video can be written at 0.001 to 1000 frames per second: got {clip.fps}.")
    height, width = clip.size
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        rate = Fraction(clip.fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, height, "yuv420p", 2
        heard = None if sound is None else _Sound(container, *sound)
        for number, frame in enumerate(clip.frames, 1):
            values = (frame.permute(1, 2, 0) * 255.0).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
            if heard is not None:
                container.mux(heard.packets_until(number / clip.fps))
        container.mux(stream.encode())
        if heard is not None:
            container.mux(heard.rest())


class _Sound:
    """Samples on their way into a file."""

    def __init__(self, container: av.container.OutputContainer, samples: Tensor, rate: int):
        """samples (1, channels, n); what is neither mono, stereo nor 5.1 becomes mono."""
        values = samples[0].detach().float().cpu().clamp(-1, 1)
        self._values = values if len(values) in _LAYOUTS else values.mean(0, keepdim=True)
        self._rate, self._layout, self._done = rate, _LAYOUTS[len(self._values)], 0
        written = min(_AAC_RATES, key=lambda known: (known < rate, abs(known - rate)))
        self._stream = container.add_stream("aac", rate=written, layout=self._layout)
        self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=written)

    def packets_until(self, seconds: float) -> list[av.Packet]:
        """Packets of what is heard before this moment and was not asked for yet."""
        begin, self._done = self._done, max(self._done, round(min(self._values.shape[1], seconds * self._rate)))
        if self._done == begin:
            return []
        block = av.AudioFrame.from_ndarray(self._values[:, begin : self._done].contiguous().numpy(), "fltp", self._layout)
        block.sample_rate, block.pts, block.time_base = self._rate, begin, Fraction(1, self._rate)
        return [packet for frame in self._resampler.resample(block) for packet in self._stream.encode(frame)]

    def rest(self) -> list[av.Packet]:
        """Packets of all that is left."""
        made = self.packets_until(math.inf) if self._done < self._values.shape[1] else []
        made += [packet for frame in self._resampler.resample(None) for packet in self._stream.encode(frame)]
        return made + self._stream.encode(None)
