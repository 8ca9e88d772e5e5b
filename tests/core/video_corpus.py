"""Videos written on the spot for the tests of `load`: every kind that a camera, a phone or an accident makes.

Frame i of `grey_frames` is one flat grey of its own, so a loaded frame tells which one it was; `quarters` has another
colour in each corner, so it tells which way up it is.
"""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np

from dragvideo_core.stages.load import LoadSettings
from dragvideo_core.types import VideoClip

ALL = LoadSettings(width=64, height=64, select_every_nth=1, frame_load_cap=0)
RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 200, 20), (20, 20, 220), (230, 230, 230)


def grey(index: int) -> int:
    """The level, 0 to 255, of frame `index`: steps of 7, so that compression cannot take one frame for another."""
    return 20 + 7 * (index % 32)


def settings(**changes) -> LoadSettings:
    """`ALL` with changes."""
    return LoadSettings(**{**vars(ALL), **changes})


def which(clip: VideoClip) -> list[int]:
    """The frames of `grey_frames` that these are."""
    levels = clip.frames.mean(dim=(1, 2, 3)) * 255
    return [round((float(level) - grey(0)) / 7) for level in levels]


def grey_frames(count: int, width: int = 64, height: int = 64) -> np.ndarray:
    """(count, height, width, 3) uint8"""
    levels = np.array([grey(i) for i in range(count)], np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def quarters(width: int = 128, height: int = 64) -> np.ndarray:
    """(1, height, width, 3) uint8: red, green / blue, white"""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, WHITE
    return picture[None]


def write(
    path: Path,
    frames: np.ndarray,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: int | Fraction = 30,
    stamps_ms: list[int] | None = None,
    rotation: float | None = None,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    sound: np.ndarray | None = None,
    sound_codec: str = "pcm_s16le",
    sound_rate: int = 8000,
    sound_start: float = 0.0,
    tags: tuple[int, int, int, int] | None = None,
    interlaced: bool = False,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    format: str | None = None,
) -> Path:
    """Writes uint8 frames (N, H, W, 3 or 4); `stamps_ms` gives each its own time; `sound` is (channels, samples)
    float32 at `sound_rate` Hz from `sound_start` s on; `tags` are the numbers of H.273 for matrix, range (1 limited, 2
    full), primaries and transfer, by which the frames are converted. Returns `path`.
    """
    with av.open(str(path), "w", format=format, options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        stream.thread_count = 1
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if stamps_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        if tags is not None:
            context = stream.codec_context
            context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        track = None if sound is None else container.add_stream(sound_codec, rate=sound_rate, layout=_layout(sound))
        for index, values in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(values, format="rgba" if values.shape[-1] == 4 else "rgb24")
            if tags is not None:
                frame = converted(frame, pixels, *tags[:2])
                frame.pts, frame.time_base = index, 1 / Fraction(rate)
            if interlaced:
                (frame,) = through(frame, ("format", pixels), ("setfield", "tff"))
                frame.pts, frame.time_base = index, 1 / Fraction(rate)
            if stamps_ms is not None:
                frame.pts, frame.time_base = stamps_ms[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None:
            block = av.AudioFrame.from_ndarray((sound.T.reshape(1, -1) * 32767).astype(np.int16), "s16", _layout(sound))
            block.sample_rate, block.time_base = sound_rate, Fraction(1, sound_rate)
            block.pts = round(sound_start * sound_rate)
            resampler = av.AudioResampler(
                track.codec_context.format, _layout(sound), sound_rate, track.codec_context.frame_size or None
            )
            for part in (*resampler.resample(block), *resampler.resample(None), None):
                container.mux(track.encode(part))
    return path


def converted(frame: av.VideoFrame, pixels: str, matrix: int, colour_range: int) -> av.VideoFrame:
    """An RGB frame in the pixel format `pixels`, by FFmpeg's own filter, whatever PyAV makes of it."""
    name = {1: "bt709", 4: "fcc", 7: "smpte240m", 9: "bt2020"}.get(matrix, "smpte170m")
    scaling = f"flags=bicubic+accurate_rnd:out_color_matrix={name}:out_range={'full' if colour_range == 2 else 'limited'}"
    (made,) = through(frame, ("scale", scaling), ("format", pixels))
    made.colorspace, made.color_range = matrix, colour_range
    return made


def through(frame: av.VideoFrame, *filters: tuple[str, str]) -> list[av.VideoFrame]:
    """A frame through FFmpeg's filters, (name, arguments) each."""
    graph = av.filter.Graph()
    source = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:pixel_aspect=1/1"
    nodes = graph.add("buffer", source), *(graph.add(*each) for each in filters), graph.add("buffersink")
    graph.link_nodes(*nodes).configure()
    nodes[0].push(frame)
    return [nodes[-1].pull()]


def _layout(sound: np.ndarray) -> str:
    return "mono" if len(sound) == 1 else "stereo"


def truncate(path: Path, share: float) -> Path:
    """Keeps the first `share` of the file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def sound_only(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        block.sample_rate = 8000
        container.mux(track.encode(block))
        container.mux(track.encode())
    return path


def png_that_claims(path: Path, width: int, height: int) -> Path:
    """A picture file of some bytes whose header says `width` x `height`."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def patch_mp4(path: Path, box: bytes, offset: int, value: int) -> Path:
    """Overwrites the 32-bit number `offset` bytes behind the name of every `box` of an mp4 file."""
    data = bytearray(path.read_bytes())
    at = data.find(box)
    assert at >= 0, f"no {box!r} in {path.name}"
    while at >= 0:
        struct.pack_into(">I", data, at + len(box) + offset, value)
        at = data.find(box, at + 1)
    path.write_bytes(bytes(data))
    return path
