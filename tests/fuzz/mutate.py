"""Hostile documents and files, made of good ones: what a stranger, a broken disk or another program may hand us.

Everything is drawn from the `Random` that is handed in, so the same seed gives the same case.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

NUMBERS = (0, -0.0, -1, 1, 0.5, 127.5, 1e9, -1e9, 10**10, 2**31, 2**63, -(2**64), 10**400, 1e308, -1e308, 5e-324)
NOT_NUMBERS = (float("nan"), float("inf"), float("-inf"), None, True, False, "", "12", "nan", "\ud800", "\0", "x" * 5000)
HOLDERS = ("[]", "{}", "[[]]", "[{}]", '{"x": 1}', '{"x": {}, "y": []}', "[1, 2, 3]", "[[1, 2]]", "[null, null]")
MOST_CHARACTERS = 10**6  # of a changed document; what is too long for a parser has tests of its own
TOKENS = ("1e400", "-1e400", "NaN", "Infinity", "9" * 5000, "\ufeff", "\x00", "\\ud800", "//", "'", '"', "[" * 400, "}" * 9)


def leaf(rng: Random) -> Any:
    """A value that a parser may not expect."""
    kind = rng.randrange(3)
    return json.loads(rng.choice(HOLDERS)) if kind == 0 else rng.choice(NUMBERS if kind == 1 else NOT_NUMBERS)


def _places(value: Any, places: list) -> list:
    """Every (holder, key) inside a JSON value."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        places.append((value, key))
        _places(part, places)
    return places


def _times(value: Any, times: int) -> list:
    """The value so many times, or once if that would be too long: a copy of copies of copies has 100 MB."""
    return [value] * (times if len(json.dumps(value)) * times <= MOST_CHARACTERS else 1)


def document(rng: Random, good: Any) -> Any:
    """A JSON value that differs from a good one in up to four places."""
    value = json.loads(json.dumps(good))
    places = _places(value, [])
    if not places:
        return leaf(rng)
    for _ in range(rng.randint(0, 4)):
        holder, key = rng.choice(places)
        if key not in (holder if isinstance(holder, dict) else range(len(holder))):
            continue  # gone since
        kind = rng.randrange(7)
        if kind <= 1:
            holder[key] = leaf(rng)
        elif kind == 2:
            del holder[key]
        elif kind == 3:
            holder[key] = _times(holder[key], rng.choice((1, 2, 2, 300)))
        elif kind == 4 and isinstance(holder, list):
            holder[key:key] = _times(holder[key], rng.choice((1, 2, 2, 2, 600, 1500)))
        elif kind == 5 and isinstance(holder, dict):
            holder[rng.choice(("x", "version", "handle", key + "2", "\ud800", ""))] = holder.pop(key)
        elif kind == 6:
            holder[key] = json.loads(json.dumps(good))
    return value


def text(rng: Random, good: Any) -> str:
    """JSON text of a changed document, sometimes damaged as text."""
    written = json.dumps(document(rng, good), ensure_ascii=rng.random() < 0.5)
    kind = rng.randrange(12)
    at = rng.randrange(len(written) + 1)
    if kind == 0:
        written = written[:at]
    elif kind == 1:
        written = written[:at] + rng.choice(TOKENS) + written[at:]
    elif kind == 2:
        written = written.replace('"', "'")
    elif kind == 3:
        written = "[" * (depth := rng.choice((1, 1, 2, 2, 50, 100_000))) + written + "]" * depth
    elif kind == 4 and written.startswith("{"):  # a key twice
        written = "{" + f'"version": 1, "pairs": {json.dumps(leaf(rng))}, ' + written[1:]
    elif kind == 5:
        digits = [i for i, character in enumerate(written) if character.isdigit()]
        if digits:
            at = rng.choice(digits)
            written = written[:at] + rng.choice(TOKENS[:5]) + written[at + 1 :]
    return written


def data(rng: Random, good: bytes) -> bytes:
    """The bytes of a file, damaged: bits flipped, cut off, parts doubled, filled or put elsewhere."""
    changed = bytearray(good)
    for _ in range(rng.randint(1, 6)):
        if not changed:
            break
        at, kind = rng.randrange(len(changed)), rng.randrange(7)
        if kind <= 2:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            changed[at] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 4:
            changed[at : at + 8] = rng.choice((b"\xff" * 8, b"\x00" * 8, (10**9).to_bytes(8, "little"), b"\x7f" * 4))
        elif kind == 5:
            del changed[at : at + rng.choice((1, 8, 100, len(changed)))]
        else:
            changed[at:at] = changed[rng.randrange(len(changed)) :][: rng.choice((1, 8, 300))]
    return bytes(changed)


PARTS = (
    "..", ".", "", "clip.mp4", "swan", "sub", "a b", "CON", "NUL.mp4", "C:", "C:\\x", "..\\..", "\\\\host\\share", "~",
    "\0", "\n", "\ud800", "\u202e", "e\u0301", "x" * 100, "x" * 300, "\U0001f986" * 60, "*", "?", "%2e%2e", "-rf",
    "$HOME", "link_out", "link_in", "loop", "file_out", ".hidden", "x:y", "[output]", " [output]", " [temp]", " [input]",
)  # fmt: skip


def name(rng: Random, roots: tuple[str, ...]) -> str:
    """A file's name that may lead anywhere; `roots` are folders that an attacker may know."""
    parts = [rng.choice(rng.choice((PARTS, ("sub", "clip.mp4", "link_in")))) for _ in range(rng.choice((1, 1, 1, 2, 2, 6)))]
    if rng.random() < 0.2:
        parts.insert(0, rng.choice(("", "/", "/etc", "/proc/self", *roots)))
    return rng.choice(("/", "/", "\\", "//")).join(parts) + rng.choice(
        ("", "", "", "", ".mp4", " [output]", " [temp]", "/", ".safetensors")
    )
