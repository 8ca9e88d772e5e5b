"""DIFT features of a clip's frames: they are made where they are needed first, and points are looked up in them.

With a group each frame's features stay with the rank that made them. Only points and their descriptors travel, which are thousands
of times smaller. The first rank follows the points and asks the others, which `answer`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..group import ALONE, Group, State
from ..types import DragModel, OnProgress, VideoClip, ignore_progress
from . import dift


class Settings(Protocol):
    """Those of `stages/propagate.py` that features depend on."""

    @property
    def recipe(self) -> str: ...
    @property
    def ensemble(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def chunk(self) -> int: ...


class Features:
    """The features of one clip, for the first rank: of a frame when it is first asked for, or of all frames at once."""

    def __init__(self, clip: VideoClip, model: DragModel, settings: Settings, frame: int, group: Group = ALONE):
        """frame: of the picks. Points are followed from there, so each frame that is asked for lies farther away."""
        self._own, self._count, self._frame, self._group = _Own(clip, model, settings), len(clip), frame, group
        self._asked: set[int] = set()
        self._owner: dict[int, int] = {}  # frame -> rank, of those that are made

    def __contains__(self, i: int) -> bool:
        """Whether frame i was asked for. Frames that were made ahead, on a guess, do not count."""
        return i in self._asked

    def make_all(self, on_progress: OnProgress) -> None:
        """The features of all frames, each rank its share, as many at a time as fit into memory."""
        for rank in range(self._group.size - 1, -1, -1):  # this one last: the others begin meanwhile
            share = self._group.share(self._count, rank)
            self._make(rank, range(share.start, share.stop), on_progress)
        self._asked = set(range(self._count))

    def sample(self, i: int, places: Tensor) -> Tensor:
        """Unit-length descriptors (P, C) of places (P, 2) px in frame i."""
        return self._answer(i, {"places": places})

    def match(self, i: int, descriptors: Tensor, around: Tensor, window: float) -> Tensor:
        """Where in frame i descriptors (P, C) are found, (P, 2) px: at most `window` px away from `around` (P, 2), per axis."""
        return self._answer(i, {"descriptors": descriptors, "around": around, "window": torch.tensor(window, dtype=torch.float64)})

    def close(self) -> None:
        """Tells the other ranks that no question will follow."""
        for rank in range(1, self._group.size):
            self._group.send(rank, {})

    def _answer(self, i: int, question: State) -> Tensor:
        self._asked.add(i)
        if i not in self._owner:
            self._make_from(i)
        rank = self._owner[i]
        if rank == 0:
            return self._own.answer(i, question)
        self._group.send(rank, question | {"frame": torch.tensor(i)})
        return self._group.receive(rank)["answer"]

    def _make_from(self, i: int) -> None:
        """This rank makes frame i. Each other rank, idle otherwise, makes one of the frames behind it: points that flow loses
        mostly stay lost for some frames."""
        step = 1 if i >= self._frame else -1
        behind = [j for j in range(i + step, self._count if step > 0 else -1, step) if j not in self._owner]
        for rank, j in enumerate(behind[: self._group.size - 1], start=1):
            self._make(rank, range(j, j + 1), ignore_progress)
        self._make(0, range(i, i + 1), ignore_progress)

    def _make(self, rank: int, frames: range, on_progress: OnProgress) -> None:
        if not frames:
            return
        if rank:
            self._group.send(rank, {"make": torch.tensor([frames.start, frames.stop])})
        else:
            self._own.make(frames, on_progress)
        self._owner |= dict.fromkeys(frames, rank)


def answer(clip: VideoClip, model: DragModel, settings: Settings, group: Group) -> None:
    """What the other ranks do: make features and look points up in them whenever the first rank asks, until it asks no more."""
    own = _Own(clip, model, settings)
    while asked := group.receive(0):
        if "make" in asked:
            own.make(range(*asked["make"].tolist()), ignore_progress)
        else:
            group.send(0, {"answer": own.answer(int(asked["frame"]), asked)})


class _Own:
    """The features that this process makes: (C, h, w) of a frame, on the CPU."""

    def __init__(self, clip: VideoClip, model: DragModel, settings: Settings):
        self.clip, self.model, self.settings = clip, model, settings
        self._made: dict[int, Tensor] = {}

    def answer(self, i: int, question: State) -> Tensor:
        features, size = self._made[i], self.clip.size
        question = {name: value.contiguous() for name, value in question.items()}  # as if it had travelled: sums round alike
        if "places" in question:
            return dift.sample(features, question["places"], size).contiguous()
        return dift.match(question["descriptors"], features, size, question["around"], float(question["window"]))[0]

    def make(self, frames: range, on_progress: OnProgress) -> None:
        model, settings = self.model, self.settings
        chunks = batches.Chunks(model, memory.cells_of(model, self.clip.size), len(frames), settings.chunk)
        latents = batches.encode(model, self.clip.frames[frames.start : frames.stop], chunks)

        def describe(part: slice) -> Tensor:
            generator = torch.Generator().manual_seed(settings.seed)  # the same noises for every chunk
            recipe = dift.RECIPES[settings.recipe]
            return dift.describe(model, latents[part].to(model.device), recipe, settings.ensemble, generator).cpu()

        for part, described in chunks.map(describe, len(frames)):
            self._made |= zip(frames[part], described, strict=True)
            on_progress(part.stop, 2 * len(self.clip), None)
