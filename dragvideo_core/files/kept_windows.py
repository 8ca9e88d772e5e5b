"""The finished windows of a film on disk, beside the film that is made: work that was broken off goes on behind them.

A folder of one piece of work has a `.safetensors` file for each window. What is read from it may come from anybody: whoever reads
a window checks its names, shapes and values. Where nothing can be written, the work goes on with one warning.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from ..types import UserError
from ..warning import warn
from .unfinished import ENDING, State, read, write

SUFFIX = ".unfinished"  # of the folders
MOST_AGE = 7 * 86_400.0  # seconds: older folders of other work are removed


class KeptWindows:
    """The windows of the work of this `fingerprint`, in a folder beside the film. `keep`: they stay if the work is broken off."""

    def __init__(self, beside: Path, fingerprint: str, keep: bool):
        self.folder, self.keep, self._warned = beside.parent / f".{fingerprint}{SUFFIX}", keep, False
        _remove_old(beside.parent, self.folder)

    def read(self, name: str) -> State | None:
        """A window that was kept before; None where there is none, or it cannot be read."""
        return read(self._file(name)) if self.keep else None

    def read_back(self, name: str) -> State | None:
        """A window that this work wrote itself."""
        return read(self._file(name))

    def write(self, name: str, state: State, is_needed: bool = False) -> None:
        """Keep a window. UserError where that fails and it `is_needed` later."""
        if self._warned and not is_needed:
            return
        try:
            write(self._file(name), state)
        except OSError as error:
            text = f"the finished part of the film could not be kept in {self.folder.parent} ({error})"
            if is_needed:
                raise UserError(f"{text}, and it is needed there. Free some space, or choose another folder.") from error
            self._warned = True
            warn(f"{text}. The work goes on; broken off, it would start anew. Free some space there.")

    def finished(self) -> None:
        """The film is whole: remove the windows."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def broken_off(self) -> None:
        """The work ended before the film was whole: the windows stay, if they are to be kept."""
        if not self.keep:
            self.finished()

    def _file(self, name: str) -> Path:
        return self.folder / (name + ENDING)


def _remove_old(folder: Path, own: Path) -> None:
    with suppress(OSError):
        for path in folder.glob(f".*{SUFFIX}"):
            if path != own and path.is_dir() and not path.is_symlink() and time.time() - path.stat().st_mtime > MOST_AGE:
                shutil.rmtree(path, ignore_errors=True)
