"""What a benchmark has measured is kept in a folder, so that a run that was stopped goes on where it was.

The same question asked of the same code is not worked out again: a name holds the question and every line of the core and of
the benchmark. What is kept is tensors, numbers and words.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

ROOT = Path(__file__).resolve().parents[2]
CODE = ("dragvideo_core", "tests/bench")

Answer = TypeVar("Answer")


def kept(folder: Path, question: str, work_out: Callable[[], Answer]) -> Answer:
    """The answer to the question, from the folder where it is known; else worked out, and kept there."""
    file = folder / f"{hashlib.sha256(f'{code()} {question}'.encode()).hexdigest()[:24]}.pt"
    if file.is_file():
        return torch.load(file, weights_only=True)
    answer = work_out()
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    torch.save(answer, unfinished)
    unfinished.replace(file)
    return answer


@functools.lru_cache(maxsize=1)
def code() -> str:
    """A number that changes with any line of the code that is measured, or that measures."""
    summed = hashlib.sha256()
    for file in sorted(path for part in CODE for path in (ROOT / part).rglob("*.py")):
        summed.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return summed.hexdigest()
