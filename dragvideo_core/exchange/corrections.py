"""The text in which handles corrected by hand are kept: where a pair's handle really is in a later frame.

    {"version": 2, "size": [W, H], "moves": [{"frame": i, "pair": j, "handle": [x, y]}, ...]}

in pixels of a clip of that size; for a clip of another one they are rescaled. Version 1, without a size, is read as
pixels of the clip. The text may come from a stranger's workflow: its length is bounded before it is parsed, and
everything in it is checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import torch

from ..types import Correction, PointPicks, Size, UserError

VERSION = 2
OLD_VERSION = 1
MAX_SIDE = 100_000  # px
MAX_TEXT = 1_000_000  # characters
MAX_MOVES = 4096


def read_corrections(text: str, size: Size) -> list[Correction]:
    """The corrections for a clip of `size` (H, W); none for an empty text. UserError for anything else."""
    if not isinstance(text, str):
        raise _wrong("a JSON text", f"a value of type {type(text).__name__}")
    if not text.strip():
        return []
    if len(text) > MAX_TEXT:
        raise _wrong(f"at most {MAX_TEXT} characters", f"{len(text)}")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong("JSON", "a text that is none") from None
    version = data.get("version") if isinstance(data, dict) else None
    if type(version) is not int or version not in (OLD_VERSION, VERSION) or not isinstance(data.get("moves"), list):
        raise _wrong(f'{{"version": {VERSION}, "size": [W, H], "moves": [...]}}', "another form or version")
    if len(data["moves"]) > MAX_MOVES:
        raise _wrong(f"at most {MAX_MOVES} moves", f"{len(data['moves'])}")
    dragged_on = size if version == OLD_VERSION else _read_size(data.get("size"))
    return [_read_move(move, dragged_on, size) for move in data["moves"]]


def check_corrections(corrections: Sequence[Correction], picks: PointPicks, count: int) -> None:
    """UserError for corrections that do not belong to these points, or to a clip of `count` frames."""
    for one in corrections:
        if not (0 <= one.frame < count and 0 <= one.pair < len(picks.handles)):
            raise UserError(
                f"a correction is for pair {one.pair + 1} on frame {one.frame + 1}, but there are {len(picks.handles)} pairs and "
                f"{count} frames. Clear the corrections on the Propagate Points node."
            )
        if one.frame == picks.frame:
            raise UserError(
                f"a correction is for frame {one.frame + 1}, where the points were picked. Move the handle on the Pick Points node "
                "instead, and clear the correction on the Propagate Points node."
            )


def _read_size(size: object) -> Size:
    """[W, H] to (H, W)."""
    if not isinstance(size, list) or len(size) != 2 or not all(type(s) is int and 1 <= s <= MAX_SIDE for s in size):
        raise _wrong(f'"size": [W, H] of whole numbers from 1 to {MAX_SIDE}', "something else")
    return size[1], size[0]


def _read_move(move: Any, dragged_on: Size, size: Size) -> Correction:
    handle: Any = move.get("handle") if isinstance(move, dict) else None
    numbers = isinstance(handle, list) and len(handle) == 2 and all(_is_number(v) for v in handle)
    if not numbers or not all(type(move.get(key)) is int and 0 <= move[key] < 2**31 for key in ("frame", "pair")):
        raise _wrong('moves like {"frame": 3, "pair": 0, "handle": [40.5, 17]}', "something else")
    x, y = float(handle[0]), float(handle[1])
    if not (0 <= x <= dragged_on[1] - 1 and 0 <= y <= dragged_on[0] - 1):
        raise _wrong(f"handles inside the {dragged_on[1]} x {dragged_on[0]} picture", f"({x:g}, {y:g})")
    # the same place in the clip, pixel centres at integers in both; a pixel at the border stays inside
    places = [
        min(max((at + 0.5) * side / side_from - 0.5, 0.0), side - 1.0)
        for at, side, side_from in zip((x, y), reversed(size), reversed(dragged_on), strict=True)
    ]
    return Correction(frame=move["frame"], pair=move["pair"], handle=torch.tensor(places))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9 and math.isfinite(value)


def _wrong(expected: str, got: str) -> UserError:
    return UserError(f"the corrections cannot be read: expected {expected}, got {got}. Clear them on the Propagate Points node.")
