"""Decoded frames through FFmpeg's own filters.

PyAV's `reformat` and `to_ndarray` read colours differently from version to version (14.2 to 18); the filters behind
them do not, so every conversion of pixels goes through a filter graph, and planes are read and written here.
"""

from __future__ import annotations

from threading import Lock

import av
import numpy as np
from av.filter import Graph

_NO_FRAME = (av.BlockingIOError, av.EOFError)


class FilterChain:
    """A row of filters, (name, arguments) each, for frames that are all like `frame`: its size, pixel format and colours."""

    def __init__(self, frame: av.VideoFrame, *filters: tuple[str, str]):
        graph = Graph()
        base = frame.time_base or "1/1000"
        source = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={base}:pixel_aspect=1/1"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        nodes = [graph.add("buffer", source), *(graph.add(name, arguments) for name, arguments in filters)]
        self._graph, self._source, self._sink = graph, nodes[0], graph.add("buffersink")
        graph.link_nodes(*nodes, self._sink).configure()

    def push(self, frame: av.VideoFrame | None) -> list[av.VideoFrame]:
        """Puts a frame in, or None at the end, and takes out those that are ready."""
        self._source.push(frame)
        ready = []
        while True:
            try:
                ready.append(self._sink.pull())
            except _NO_FRAME:
                return ready


class KeptChain:
    """A `FilterChain` for one frame after another, by any thread. While frames are alike the same one is used, and with it the
    memory of results that nobody has any more: to ask for that anew takes several times as long as a conversion."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: tuple[tuple, FilterChain] | None = None

    def convert(self, frame: av.VideoFrame, *filters: tuple[str, str]) -> av.VideoFrame:
        """The frame, filtered: by filters that give one frame for one. Raises what they raise."""
        made_for = kind_of(frame), filters
        with self._lock:
            kept, self._kept = self._kept, None  # where it raises, nothing is kept
            chain = kept[1] if kept is not None and kept[0] == made_for else FilterChain(frame, *filters)
            (made,) = chain.push(frame)
            self._kept = made_for, chain
        return made


def kind_of(frame: av.VideoFrame) -> tuple:
    """What must not change within one `FilterChain`."""
    return frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range)


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """Each plane (rows, columns) or, of packed formats, (rows, columns, channels): copies, uint8 or little-endian uint16."""
    return [plane.copy() for plane in views_of(frame)]


def views_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """The same as views of the frame's own memory, which they keep: only for whoever made the frame to write to."""
    dtype = np.dtype("<u2") if bits_of(frame.format) > 8 else np.dtype("u1")
    channels, values = _channels(frame.format), []
    for plane in frame.planes:
        lines = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))[: plane.height]
        lines = lines[:, : plane.width * channels * dtype.itemsize].view(dtype)
        values.append(lines.reshape(plane.height, plane.width, channels) if channels > 1 else lines)
    return values


def frame_of(planes: list[np.ndarray], pixels: str, width: int, height: int) -> av.VideoFrame:
    """A frame of the pixel format `pixels` with these planes, as `planes_of` gives them."""
    frame = av.VideoFrame(width, height, pixels)
    for plane, values in zip(frame.planes, planes, strict=True):
        data = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], -1)
        if data.nbytes == plane.buffer_size:
            plane.update(data)
            continue
        lines = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        lines[: data.shape[0], : data.shape[1]] = data
        plane.update(lines)
    return frame


def bits_of(pixels: av.VideoFormat) -> int:
    """Bits of the deepest component."""
    return max(c.bits for c in pixels.components)


def _channels(pixels: av.VideoFormat) -> int:
    """Values per pixel in a plane: more than one in packed formats only."""
    return 1 if pixels.is_planar else pixels.padded_bits_per_pixel // (16 if bits_of(pixels) > 8 else 8)
