"""Work that was broken off, on disk: a cancelled or crashed stage goes on where it was. The last finished works are kept alike, as
ComfyUI's cache may let go of their results.

Each piece of work has one `.safetensors` file, named by the fingerprint of all that it depends on. A file appears by
renaming, so a crash while it is written leaves the one before. Few are kept, the oldest go first. Where nothing can be
written the work goes on all the same, with a warning.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..warning import warn

MOST_FILES = 9  # a tuning, an inversion and a drag of the last three clips
MOST_BYTES = 8 * 2**30  # of all files together
SHARE = 20  # writing takes at most one part in this many of the time
STALE_SECONDS = 3600.0  # after which a file that is still being written belongs to a process that is gone
ENDING, WRITING = ".safetensors", ".writing"

State = dict[str, Tensor]  # on the CPU


@dataclass(frozen=True)
class Unfinished:
    """Where unfinished work is kept."""

    folder: Path | None = None  # None: it is not kept
    seconds: float = 5.0  # between two writes, at least

    def of_rank(self, rank: int, size: int) -> Unfinished:
        """Where a rank of a group keeps what only it can go on with; several of them may be on one machine."""
        return self if self.folder is None or size == 1 else Unfinished(self.folder / f"rank {rank} of {size}", self.seconds)

    def work(self, fingerprint: str) -> Work:
        """The piece of work of this name."""
        return Work(None if self.folder is None else self.folder / (fingerprint + ENDING), self.seconds)


NOT_KEPT = Unfinished()


class Work:
    """One piece of work that can be broken off and taken up again."""

    def __init__(self, path: Path | None, seconds: float):
        self.path, self._seconds = path, seconds
        self._written, self._took, self._warned = time.monotonic(), 0.0, False

    def resumed(self) -> State | None:
        """What was kept, if there is something. Anybody may have put it there: see `fits`."""
        return None if self.path is None else read(self.path)

    @property
    def is_due(self) -> bool:
        """Whether so much time has passed since the last write that the state is to be written again."""
        return self.path is not None and time.monotonic() - self._written >= max(self._seconds, SHARE * self._took)

    def keep(self, state: Callable[[], State]) -> None:
        """Write the state if it is due."""
        if self.is_due:
            self.break_off(state)

    def break_off(self, state: Callable[[], State]) -> None:
        """Write the state now."""
        if self.path is None or self._warned:
            return
        began = time.monotonic()
        try:
            tensors = state()
            size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
            if size > MOST_BYTES:
                raise OSError(f"{size} bytes are more than the {MOST_BYTES} that are kept")
            write(self.path, tensors)
            _prune(self.path)
        except OSError as error:
            self._warned = True
            warn(
                f"the work so far could not be kept in {self.path.parent} ({error}). It goes on; broken off, it would "
                "start anew. Free some space there, or make the folder writable.",
            )
        self._written = time.monotonic()
        self._took = self._written - began

    def finished(self) -> None:
        """The work is done: what was kept of it is not needed any more."""
        if self.path is not None:
            with suppress(OSError):  # read-only: it is pruned when something can be written again
                self.path.unlink(missing_ok=True)


def read(path: Path) -> State | None:
    """The tensors of a `.safetensors` file; None where there is none, and with a warning where it cannot be read."""
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OSError(f"it is larger than {MOST_BYTES} bytes")
        with safe_open(str(path), "pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  safe_open is no dict
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        warn(f"unfinished work could not be read ({error}): it starts anew.")
        return None


def write(path: Path, tensors: State, metadata: dict[str, str] | None = None) -> None:
    """Write a `.safetensors` file that is either whole or not there. OSError where it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writing = path.with_name(f"{path.name}.{os.getpid()}{WRITING}")
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(writing), metadata=metadata)
        os.replace(writing, path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    finally:
        writing.unlink(missing_ok=True)


def fits(state: State, like: State, growing: tuple[str, ...] = ()) -> bool:
    """Whether a state has the names, kinds, shapes and finite values that this work asks for.

    growing: names whose first dimension is a count of what has been done, which may be larger.
    """
    if state.keys() != like.keys():
        return False
    for name, tensor in state.items():
        shape, wanted = tensor.shape, like[name].shape
        same = shape[1:] == wanted[1:] and len(shape) == len(wanted) if name in growing else shape == wanted
        if not same or tensor.dtype != like[name].dtype:
            return False
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return False
    return True


def adam_state(optimiser: torch.optim.Adam) -> State:
    """What Adam remembers of its weights; zeros before its first step, which is where Adam starts."""
    state = {}
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for i, weight in enumerate(weights):
        now = optimiser.state.get(weight, {})
        state[f"adam.{i}.step"] = now.get("step", torch.tensor(0.0)).detach().cpu().clone()
        for name in ("exp_avg", "exp_avg_sq"):
            state[f"adam.{i}.{name}"] = now.get(name, torch.zeros_like(weight)).detach().cpu().clone()
    return state


def set_adam_state(optimiser: torch.optim.Adam, state: State) -> None:
    """Give Adam back what `adam_state` read."""
    count = sum(len(group["params"]) for group in optimiser.param_groups)
    names = ("step", "exp_avg", "exp_avg_sq")
    moments = {i: {name: state[f"adam.{i}.{name}"] for name in names} for i in range(count)}
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})


def _prune(newest: Path) -> None:
    """Keep few files, the newest first."""
    states = []
    for path in newest.parent.iterdir():
        if path.suffix in (ENDING, WRITING) and path.is_file():
            stat = path.stat()
            if path.suffix == ENDING:
                states.append((path != newest, -stat.st_mtime, stat.st_size, path))
            elif time.time() - stat.st_mtime > STALE_SECONDS:
                path.unlink(missing_ok=True)
    total = 0
    for number, (_, _, size, path) in enumerate(sorted(states)):
        total += size
        if number >= MOST_FILES or total > MOST_BYTES:
            path.unlink(missing_ok=True)
