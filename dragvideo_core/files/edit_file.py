"""An edit as a file: one `.safetensors` with the offsets, the tracks, how it was made, and for which clip and model.

The tensors are float32 (`offset.<step>`, `handle_path`, `losses`, `tracks.*`) or bytes that mean yes or no; `tracks.layer`
and `tracks.front` are left out where they are not known. All that is
text is JSON in the header's `__metadata__`, so a reader needs eight bytes of length and a JSON parser, no torch:

    drag_a_video_edit  version of this layout, 1      clip   {"fingerprint", "frames", "height", "width"}
    rounds             [{"settings", "iterations",    model  {"fingerprint", "name"}
                         "left_before", ...}, ...]    points the Pick Points node's JSON, or empty

A file may come from a stranger: sizes are bounded before anything is read or allocated, every name, kind, shape and
number is checked, nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
import struct
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..types import DragModel, DragResult, PointTracks, Round, UserError, VideoClip
from .fingerprint import fingerprint
from .unfinished import write

MARK, VERSION = "drag_a_video_edit", "1"
MOST_BYTES, MOST_HEADER, MOST_TEXT = 8 * 2**30, 8 * 2**20, 2**20
MOST = {"N": 100_000, "K": 100_000, "J": 1024, "S": 1024, "Q": 4096, "h": 16384, "w": 16384, "H": 100_000, "W": 100_000}
MAY_BE_NONE = "KQ"  # axes that may have length 0
MOST_ROUNDS, MOST_STEPS, LAST_STEP = 1000, 50, 1000
FARTHEST, LARGEST = 1e6, 1e9  # px of a point; any other number
OFFSET = re.compile(r"offset\.([1-9][0-9]{0,3})")
LAYOUT = {  # (kind, axes): letters are lengths, the same in every tensor
    "handle_path": ("F32", "kNJS2"),
    "losses": ("F32", "K2"),
    "arrived": ("U8", "J"),
    "tracks.handles": ("F32", "NJS2"),
    "tracks.targets": ("F32", "NJS2"),
    "tracks.is_foreground": ("U8", "NJS"),
    "tracks.visible": ("U8", "NJS"),
    "tracks.edit_mask": ("U8", "N1HW"),
    "tracks.mask_points": ("F32", "NQ2"),
}  # k is K + 1; offsets are F32, N4hw
MAY_BE_MISSING = {"tracks.layer": ("F32", "N1HW"), "tracks.front": ("F32", "N1HW")}  # shares of a pixel, 0 to 1


@dataclass(frozen=True)
class EditFile:
    """What a file holds."""

    edit: DragResult
    tracks: PointTracks
    points: str  # the Pick Points node's JSON; empty: not known
    clip: str  # fingerprint of the frames
    model: str  # fingerprint
    model_name: str


def clip_fingerprint(clip: VideoClip) -> str:
    """The same for the same pictures, whatever their rate; rounded to 8 bits, which is what videos have."""
    return fingerprint((clip.frames * 255).round().to(torch.uint8))


def model_fingerprint(model: DragModel) -> str:
    """The same for the same weights, precision and prompt."""
    return fingerprint(model.denoiser, model.context, model.prediction)


def save(path: Path, content: EditFile) -> None:
    """Write a file that is either whole or not there. UserError where it cannot be written."""
    edit, tracks = content.edit, content.tracks
    count, _, height, width = tracks.edit_mask.shape
    tensors = {f"offset.{step}": offset.float() for step, offset in edit.offsets.items()}
    values = {"handle_path": edit.handle_path, "losses": edit.losses, "arrived": edit.arrived}
    values |= {f"tracks.{field.name}": getattr(tracks, field.name) for field in fields(tracks)}
    for name, tensor in values.items():
        if tensor is not None:
            tensors[name] = tensor.to(torch.float32 if (LAYOUT | MAY_BE_MISSING)[name][0] == "F32" else torch.uint8)
    clip = {"fingerprint": content.clip, "frames": count, "height": height, "width": width}
    metadata = {
        MARK: VERSION,
        "clip": json.dumps(clip),
        "points": content.points,
        "model": json.dumps({"fingerprint": content.model, "name": content.model_name}),
        "rounds": json.dumps([asdict(made) for made in edit.rounds]),
    }
    try:
        write(path, {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}, metadata)
    except OSError as error:
        raise UserError(
            f"the edit could not be written to {path.name}: expected a folder with room that may be written to, got "
            f"'{error}'. Free some space in ComfyUI's output folder and queue again: what is done is not done twice."
        ) from error


def load(path: Path) -> EditFile:
    """Read and check a file. UserError, naming the file and the fault, for anything that `save` does not write."""
    try:
        return _load(path)
    except (OSError, SafetensorError, ValueError, RuntimeError, RecursionError, OverflowError) as error:
        raise UserError(
            f"the edit {path.name!r} cannot be used: {error}. It is damaged, or not an edit of Drag-A-Video: choose another "
            "file, or save the edit again."
        ) from error


def header(path: Path) -> tuple[dict[str, tuple[str, tuple[int, ...]]], dict[str, str]]:
    """Kind and shape of each tensor, and the metadata, from the file's first bytes. ValueError if they are not that."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if not 8 <= size <= MOST_BYTES:
            raise ValueError(f"expected a file of 8 to {MOST_BYTES} bytes, got {size}")
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(MOST_HEADER, size - 8):
            raise ValueError(f"expected a header of at most {min(MOST_HEADER, size - 8)} bytes, got {length}")
        entries = _json(file.read(length).decode(), dict, "header")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("expected texts as metadata")
    kinds = {}
    for name, entry in entries.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if not isinstance(shape, list) or not all(type(side) is int for side in shape):
            raise ValueError(f"expected a kind and a shape of {reprlib.repr(name)}, got {reprlib.repr(entry)}")
        kinds[name] = (str(entry.get("dtype")), tuple(shape))
    return kinds, metadata


# ------------------------------------------------------------------------------------------------------------ checks


def _load(path: Path) -> EditFile:
    kinds, metadata = header(path)
    if MARK not in metadata:
        raise ValueError(f"expected '{MARK}' in its metadata, got {reprlib.repr(sorted(metadata))}")
    if metadata[MARK] != VERSION:
        raise ValueError(f"expected version {VERSION} of the layout, got {reprlib.repr(metadata[MARK])}: update Drag-A-Video")
    sizes = _check_layout(kinds)
    clip = _fields(metadata, "clip", {"fingerprint": str, "frames": int, "height": int, "width": int})
    if (clip["frames"], clip["height"], clip["width"]) != (sizes["N"], sizes["H"], sizes["W"]):
        raise ValueError(f"expected a clip of the mask's size {sizes}, got {clip}")
    model = _fields(metadata, "model", {"fingerprint": str, "name": str})
    rounds = _rounds(metadata.get("rounds", ""))
    points = metadata.get("points", "")
    if len(points) > MOST_TEXT:
        raise ValueError(f"expected points of at most {MOST_TEXT} characters, got {len(points)}")
    with safe_open(str(path), "pt") as file:
        if set(file.keys()) != set(kinds) or any(_kind(file, name) != kind for name, kind in kinds.items()):
            raise ValueError("expected one entry per tensor in its header")
        tensors = {name: _checked(name, kinds[name][0], file.get_tensor(name)) for name in kinds}
    return EditFile(
        edit=DragResult(
            offsets={int(match[1]): tensor for name, tensor in tensors.items() if (match := OFFSET.fullmatch(name))},
            handle_path=tensors["handle_path"],
            losses=tensors["losses"],
            arrived=tensors["arrived"],
            rounds=rounds,
        ),
        tracks=PointTracks(
            **{field.name: tensors[f"tracks.{field.name}"] for field in fields(PointTracks) if f"tracks.{field.name}" in tensors}
        ),
        points=points,
        clip=clip["fingerprint"],
        model=model["fingerprint"],
        model_name=model["name"],
    )


def _check_layout(kinds: dict[str, tuple[str, tuple[int, ...]]]) -> dict[str, int]:
    """The length of every axis. ValueError if a tensor is missing, too many, or of another kind or shape."""
    offsets = {name: int(match[1]) for name in kinds if (match := OFFSET.fullmatch(name))}
    if not 1 <= len(offsets) <= MOST_STEPS or max(offsets.values()) > LAST_STEP:
        raise ValueError(f"expected offsets of 1 to {MOST_STEPS} steps up to {LAST_STEP}, got {reprlib.repr([*offsets])}")
    known = {name: kind for name, kind in MAY_BE_MISSING.items() if name in kinds}
    wanted = LAYOUT | known | dict.fromkeys(offsets, ("F32", "N4hw"))
    if kinds.keys() != wanted.keys():
        odd = sorted(kinds.keys() ^ wanted.keys())
        raise ValueError(f"expected the tensors {sorted(LAYOUT)} and offsets, got others: {reprlib.repr(odd)}")
    sizes: dict[str, int] = {}
    for name, (kind, axes) in wanted.items():
        stored, shape = kinds[name]
        if stored != kind or len(shape) != len(axes):
            got = f"{reprlib.repr(stored)} {reprlib.repr(shape)}"
            raise ValueError(f"expected {name} to be {kind} with {len(axes)} axes, got {got}")
        for axis, side in zip(axes, shape, strict=True):
            _check_axis(name, axis, side, sizes)
    steps = sizes["H"] // sizes["h"], sizes["W"] // sizes["w"]
    if (
        sizes["H"] % 64
        or sizes["W"] % 64
        or steps[0] != steps[1]
        or (sizes["H"], sizes["W"]) != (steps[0] * sizes["h"], steps[1] * sizes["w"])
    ):
        raise ValueError(f"expected a mask that fits the offsets, got {sizes}")
    return sizes


def _check_axis(name: str, axis: str, side: int, sizes: dict[str, int]) -> None:
    if axis == "k":
        axis, side = "K", side - 1
    wanted = int(axis) if axis.isdigit() else sizes.setdefault(axis, side)
    least = 0 if axis in MAY_BE_NONE else 1
    if side != wanted or not least <= side <= MOST.get(axis, wanted):
        raise ValueError(f"expected length {wanted} (at most {MOST.get(axis, wanted)}) in {name}, got {side}")


def _kind(file: Any, name: str) -> tuple[str, tuple[int, ...]]:
    part = file.get_slice(name)
    return part.get_dtype(), tuple(part.get_shape())


def _checked(name: str, kind: str, tensor: Tensor) -> Tensor:
    """A tensor of its own, no view of the file; bytes as yes or no."""
    if kind == "U8":
        return tensor != 0
    if name in MAY_BE_MISSING:
        least, most = 0.0, 1.0
    else:
        most = FARTHEST if name.startswith("tracks.") or name == "handle_path" else LARGEST
        least = -most
    if not bool(((tensor >= least) & (tensor <= most)).all()):  # false for NaN too
        raise ValueError(f"expected finite numbers from {least:g} to {most:g} in {name}")
    return tensor.clone()


def _json(text: str, kind: type, what: str) -> Any:
    value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError(f"expected a {kind.__name__} as {what}, got {reprlib.repr(value)}")
    return value


def _fields(metadata: dict[str, str], name: str, kinds: dict[str, type]) -> dict[str, Any]:
    entries = _json(metadata.get(name, ""), dict, name)
    if entries.keys() != kinds.keys() or any(type(entries[key]) is not kind for key, kind in kinds.items()):
        raise ValueError(f"expected {sorted(kinds)} as {name}, got {reprlib.repr(entries)}")
    if any(isinstance(value, str) and len(value) > 1000 for value in entries.values()):
        raise ValueError(f"expected short texts in {name}")
    return entries


def _rounds(text: str) -> tuple[Round, ...]:
    entries = _json(text, list, "rounds")
    if len(entries) > MOST_ROUNDS:
        raise ValueError(f"expected at most {MOST_ROUNDS} rounds, got {len(entries)}")
    kinds = {"settings": str, "iterations": int, "left_before": float, "left_after": float, "strength": float}
    for made in entries:
        if not isinstance(made, dict) or made.keys() != kinds.keys():
            raise ValueError(f"expected {sorted(kinds)} of each round, got {reprlib.repr(made)}")
        for key, kind in kinds.items():
            if type(made[key]) is not kind or (kind is float and not math.isfinite(made[key])):
                raise ValueError(f"expected a {kind.__name__} as {key} of a round, got {reprlib.repr(made[key])}")
        _json(made["settings"], dict, "settings of a round")
    return tuple(Round(**made) for made in entries)
