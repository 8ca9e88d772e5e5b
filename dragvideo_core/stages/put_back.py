"""Put back: frames that were loaded from a film and edited, by a model or another node, go back into the whole film.

Only pixels that differ from the clip as it was loaded are replaced, scaled up where the clip is smaller. All others, all other
frames, the times and the sound stay the film's own. Frames are read and written one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..media.film import Film, FilmFrame, open_film
from ..media.film_writer import GOOD, FilmWriter
from ..media.filters import KeptChain
from ..media.picture import centre_window
from ..region.scaled import as_frames, as_values
from ..types import Box, OnProgress, Size, UserError, ignore_progress, showing

DIFFERS = 0.5 / 255  # of brightness: what differs by less was not edited
UNLIKE = 0.02  # of brightness, in the mean: frames that differ by more are not the film's


@dataclass(frozen=True)
class PutBackSettings:
    """Where the clip lies in the film, and how the film is written."""

    first_frame: int = 0  # of the film, that the clip begins with: Load Video's skip_first_frames
    codec: str = "h264"  # of the file: "h264", "hevc" or "ffv1" (lossless)
    quality: int = GOOD  # CRF: 0 = lossless to 51 = worst


def put_back(
    source: str | Path,
    original: Tensor,
    edited: Tensor,
    output: str | Path,
    settings: PutBackSettings = PutBackSettings(),
    mask: Tensor | None = None,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Write the film `source` to `output`, with `edited` in the place of the frames that were loaded from it.

    original, edited: (N, 3, h, w) in [0, 1], every frame of the film from `first_frame` on, at its own size, or cut and scaled as
    Load Video does it, before and after the edit. mask: (1 or N, h, w) in [0, 1], how much of a pixel's change counts; None: all.
    UserError where the frames are not those of the film, or do not fit each other.
    """
    first = settings.first_frame
    if original.shape != edited.shape:
        raise UserError(f"the clip and its edit must be alike: got {_words(original)} and {_words(edited)}. Wire in both in full.")
    if mask is not None and (mask.shape[-2:] != original.shape[-2:] or len(mask) not in (1, len(original))):
        got = f"{tuple(mask.shape)}, the clip is {_words(original)}"
        raise UserError(f"expected one mask of the clip's size, or one for each frame: got {got}. Make it from the same frames.")
    if first < 0:
        raise UserError(f"'first_frame' must be 0 or more: got {first}.")
    film = open_film(source)
    count, end = len(film.times), first + len(original)
    if end > count:
        raise UserError(
            f"the film has {count} frames, and {len(original)} from frame {first + 1} on are to be put back: set 'first_frame' to "
            "what 'skip_first_frames' is on Load Video, and 'select_every_nth' there to 1."
        )
    window = _Window.of(film, original, first)
    with FilmWriter(output, film, settings.codec, settings.quality) as writer:
        for frame in film.frames():
            i = frame.index - first
            is_edited = 0 <= i < len(original)
            if not is_edited:
                writer.write(frame)
            else:
                if i in (0, len(original) - 1):
                    window.check(frame, original[i])
                weight = None if mask is None else mask[min(i, len(mask) - 1)]
                changed, values = window.change(frame, original[i], edited[i], weight)
                writer.write_part(frame, window.box, changed, values)
            on_progress(frame.index + 1, count, showing(edited[i]) if is_edited else None)


@dataclass(frozen=True)
class _Window:
    """The part of the film's frames that the clip shows."""

    box: Box
    size: Size  # of the clip
    to_rgb: KeptChain = field(default_factory=KeptChain)

    @staticmethod
    def of(film: Film, clip: Tensor, first: int) -> _Window:
        """Load Video cuts a clip of the film's own size out of it, and scales any other: whichever is nearer to the clip."""
        size, aspect = (clip.shape[-2], clip.shape[-1]), float(film.aspect)
        frame = next(film.between(first, first + 1))
        ways = [_Window(Box(*centre_window(film.size, size, aspect, scale)), size) for scale in (True, False)]
        return min(ways, key=lambda window: window.unlike(frame, clip[0]))

    def unlike(self, frame: FilmFrame, loaded: Tensor) -> float:
        """How far a frame of the clip (3, h, w) is from the film's, in the mean."""
        rgb = as_frames([frame.part(self.box, self.to_rgb)])
        seen = functional.interpolate(rgb, size=self.size, mode="bilinear", antialias=True, align_corners=False)[0]
        return float((seen - loaded.cpu()).abs().mean())

    def check(self, frame: FilmFrame, loaded: Tensor) -> None:
        if self.unlike(frame, loaded) > UNLIKE:
            raise UserError(
                f"frame {frame.index + 1} of the film does not look like the frame of the clip that is to go there. Set "
                "'first_frame' to what 'skip_first_frames' is on Load Video, 'select_every_nth' there to 1 and 'force_rate' to 0."
            )

    def change(self, frame: FilmFrame, before: Tensor, after: Tensor, mask: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
        """Which pixels of the box change, (h, w) bool, and what they show, (P, 3)."""
        weight = ((after - before).abs().amax(0) > DIFFERS).float().cpu()
        weight, after = (weight if mask is None else weight * mask.cpu())[None], after.cpu().float()
        if after.shape[1:] != self.box.size:
            weight, after = (_larger(one, self.box.size) for one in (weight, after))
        changed = weight[0] > DIFFERS
        own = as_frames([frame.part(self.box, self.to_rgb)])[0]
        mixed = torch.lerp(own[:, changed], after[:, changed], weight[:, changed])
        return changed.numpy(), as_values(mixed, frame.film.dtype)


def _larger(picture: Tensor, size: Size) -> Tensor:
    """(C, h, w) to (C, *size)."""
    return functional.interpolate(picture[None], size=size, mode="bicubic", antialias=True, align_corners=False)[0].clamp(0, 1)


def _words(frames: Tensor) -> str:
    return f"{len(frames)} frames of {frames.shape[-1]} x {frames.shape[-2]}"
