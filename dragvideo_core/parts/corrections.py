"""The text in which handles corrected by hand are kept: where a pair's handle really is in a later frame.

    {"version": 1, "moves": [{"frame": i, "pair": j, "handle": [x, y]}, ...]}      pixels of the clip

It may come from a stranger's workflow: its length is bounded before it is parsed, and everything in it is checked.
"""

from __future__ import annotations

import json
import math

import torch

from ..types import Correction, UserError

VERSION = 1
MAX_TEXT = 1_000_000  # characters
MAX_MOVES = 4096


def read_corrections(text: str, size: tuple[int, int]) -> list[Correction]:
    """The corrections for a clip of `size` (H, W); none for an empty text. UserError for anything else."""
    if not text.strip():
        return []
    if len(text) > MAX_TEXT:
        raise _wrong(f"at most {MAX_TEXT} characters", f"{len(text)}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong("JSON", "a text that is none") from None
    if not isinstance(found, dict) or found.get("version") != VERSION or not isinstance(found.get("moves"), list):
        raise _wrong(f'{{"version": {VERSION}, "moves": [...]}}', "another form or version")
    if len(found["moves"]) > MAX_MOVES:
        raise _wrong(f"at most {MAX_MOVES} moves", f"{len(found['moves'])}")
    return [_read_move(move, size) for move in found["moves"]]


def _read_move(move: object, size: tuple[int, int]) -> Correction:
    handle = move.get("handle") if isinstance(move, dict) else None
    numbers = isinstance(handle, list) and len(handle) == 2 and all(_is_number(v) for v in handle)
    if not numbers or not all(type(move.get(key)) is int and 0 <= move[key] < 2**31 for key in ("frame", "pair")):
        raise _wrong('moves like {"frame": 3, "pair": 0, "handle": [40.5, 17]}', "something else")
    x, y = float(handle[0]), float(handle[1])
    if not (0 <= x <= size[1] - 1 and 0 <= y <= size[0] - 1):
        raise _wrong(f"handles inside the {size[1]} x {size[0]} picture", f"({x:g}, {y:g})")
    return Correction(frame=move["frame"], pair=move["pair"], handle=torch.tensor([x, y]))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9 and math.isfinite(value)


def _wrong(expected: str, got: str) -> UserError:
    return UserError(f"the corrections cannot be read: expected {expected}, got {got}. Clear them on the Propagate node.")
