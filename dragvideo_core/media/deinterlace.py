"""Interlaced frames to whole ones, by FFmpeg's bwdif: each frame that holds two moments keeps the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import av

from .filters import FilterChain, kind_of

_BWDIF = ("bwdif", "mode=send_frame:parity=auto:deint=interlaced")


def deinterlaced(frames: Iterable[av.VideoFrame], on_first: Callable[[], None]) -> Iterator[av.VideoFrame]:
    """The frames, as many as come in, those that are flagged as interlaced deinterlaced. Frames before the first such
    one are handed on untouched; `on_first` is called at it.
    """
    chain: FilterChain | None = None
    kind = None
    for frame in frames:
        if chain is None and not frame.interlaced_frame:
            yield frame
            continue
        if chain is None:
            on_first()
        if chain is None or kind != kind_of(frame):
            if chain is not None:
                yield from chain.push(None)
            chain, kind = FilterChain(frame, _BWDIF), kind_of(frame)
        yield from chain.push(frame)
    if chain is not None:
        yield from chain.push(None)
