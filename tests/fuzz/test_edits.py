"""Edit files and unfinished work from a stranger, points in other packs' forms: read right or refused in a sentence."""

from __future__ import annotations

import json
import math
import struct
import tracemalloc
import warnings
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from safetensors.torch import save as write_tensors

from dragvideo_core.exchange.points_json import points_text
from dragvideo_core.files import edit_file, unfinished
from dragvideo_core.files.edit_file import EditFile
from dragvideo_core.job_file import read_job, write_job
from dragvideo_core.stages.pick import pick
from dragvideo_core.types import DragResult, PointTracks, Round, UserError

from . import mutate
from .conftest import randoms, watched

N, J, S, Q, SIZE = 2, 1, 4, 1, (64, 64)
POINTS = {"version": 1, "size": [64, 64], "frame": 0, "pairs": [{"handle": [9, 9], "target": [12, 9]}], "mask_points": []}


def sound_edit() -> EditFile:
    """The smallest edit that there is."""
    points, flags = torch.ones(N, J, S, 2), torch.ones(N, J, S, dtype=torch.bool)
    made = Round(settings="{}", iterations=1, left_before=3.0, left_after=1.0)
    edit = DragResult({35: torch.zeros(N, 4, 2, 2)}, points.expand(2, -1, -1, -1, -1), torch.zeros(1, 2), flags[0, :, 0], (made,))
    tracks = PointTracks(points, points, flags, flags, torch.ones(N, 1, *SIZE, dtype=torch.bool), torch.ones(N, Q, 2))
    return EditFile(edit, tracks, json.dumps(POINTS), "clip", "model", "name")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("edits") / "good.safetensors"
    edit_file.save(path, sound_edit())
    return path.read_bytes()


def with_header(rng: Random, data: bytes) -> bytes:
    """The file with a changed header, or with changed JSON in the header's metadata."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if rng.random() < 0.5:
        metadata = header["__metadata__"]
        name = rng.choice(list(metadata))
        try:
            metadata[name] = mutate.text(rng, json.loads(metadata[name]))
        except ValueError:
            metadata[name] = mutate.text(rng, metadata[name])
        text = json.dumps(header)
    else:
        text = mutate.text(rng, header)
    written = text.encode("utf-8", "surrogatepass")
    return len(written).to_bytes(8, "little") + written + data[8 + length :]


def with_numbers(rng: Random, data: bytes) -> bytes:
    """The file with numbers that nobody meant."""
    held, length = bytearray(data), int.from_bytes(data[:8], "little")
    for _ in range(rng.randint(1, 4)):
        at = 8 + length + 4 * rng.randrange((len(data) - 8 - length) // 4)
        held[at : at + 4] = struct.pack("<f", rng.choice((math.nan, math.inf, -3e38, 1e7, 1e-40, 5.0)))
    return bytes(held)


def damaged(rng: Random, data: bytes) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return rng.randbytes(rng.randint(0, 200))
    return with_header(rng, data) if kind < 5 else with_numbers(rng, data) if kind < 7 else mutate.data(rng, data)


def finite(value: object) -> bool:
    tensors = [tensor for tensor in vars(value).values() if isinstance(tensor, torch.Tensor)]
    return all(bool(torch.isfinite(tensor.float()).all()) for tensor in tensors)


@given(randoms())
def test_edit_files(good, tmp_path_factory, rng):
    path = tmp_path_factory.getbasetemp() / "edit.safetensors"
    path.write_bytes(damaged(rng, good))
    with watched() as seen:
        try:
            saved = edit_file.load(path)
        except UserError as refusal:
            assert 20 < len(str(refusal)) < 2000
            json.dumps(str(refusal))
        else:
            assert (
                finite(saved.edit)
                and finite(saved.tracks)
                and all(map(torch.isfinite, map(torch.sum, saved.edit.offsets.values())))
            )
            frames, tracks = len(saved.tracks.edit_mask), saved.tracks
            assert tracks.handles.shape[0] == frames == next(iter(saved.edit.offsets.values())).shape[0]
    assert all(str(path) in event for event in seen), seen


def test_a_sound_edit_is_read(good, tmp_path):
    path = tmp_path / "good.safetensors"
    path.write_bytes(good)
    assert edit_file.load(path).edit.offsets.keys() == {35}


@pytest.mark.parametrize("claim", ["large header", "large tensor", "many tensors"])
def test_a_large_claim_takes_no_memory(good, tmp_path, claim):
    path, length = tmp_path / "large.safetensors", int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + length])
    if claim == "large tensor":
        header["offset.35"] |= {"shape": [10**6, 4, 10**4, 10**4], "data_offsets": [0, 16 * 10**14]}
    if claim == "many tensors":
        header |= {f"offset.{i}": header["offset.35"] for i in range(1, 20_000)}
    text = json.dumps(header).encode()
    path.write_bytes((10**15 if claim == "large header" else len(text)).to_bytes(8, "little") + text + good[8 + length :])
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="cannot be used"):
            edit_file.load(path)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


@given(randoms())
def test_unfinished_work(tmp_path_factory, rng):
    """What was kept is read, or the work starts anew; nothing that fits is of another kind or shape."""
    folder: Path = tmp_path_factory.getbasetemp() / "unfinished"
    folder.mkdir(exist_ok=True)
    like = {"a": torch.zeros(2, 3), "losses": torch.zeros(1, 2), "state": torch.zeros(5, dtype=torch.uint8)}
    (folder / "print.safetensors").write_bytes(damaged(rng, write_tensors(like, {"x": "[]"})))
    with warnings.catch_warnings(), watched():
        warnings.filterwarnings("ignore", "unfinished work could not be read")
        state = unfinished.Unfinished(folder).work("print").resumed()
    if state is not None and unfinished.fits(state, like, growing=("losses",)):
        assert state["a"].shape == (2, 3) and state["losses"].shape[1] == 2
        assert all(bool(torch.isfinite(value.float()).all()) for value in state.values())


JOBS = [
    {
        "drag_a_video_job": 1,
        "film": "film.mp4",
        "output": "out.mp4",
        "points": POINTS,
        "model": {"kind": "none"},
        "settings": {"film": {"codec": "hevc", "quality": 3}, "displace": {"stiffness": 0.5}, "propagate": {"set_side": 3}},
    },
    {
        "drag_a_video_job": 1,
        "film": "film.mp4",
        "output": "out.mp4",
        "points": POINTS,
        "model": {"kind": "embedded", "subject": "flower"},
        "sam": "sam.pth",
        "settings": {"displace": None, "drag": {"steps": [42, 35], "reach": 1.0}, "decode": {"lock": True, "cross_branch": "off"}},
    },
    {
        "drag_a_video_job": 1,
        "film": "film.mp4",
        "output": "out.mp4",
        "points": POINTS,
        "model": {"kind": "checkpoint", "file": "sd15.safetensors", "prompt": "a wolf", "tokenizer": "clip"},
    },
]


@given(randoms())
def test_jobs(tmp_path_factory, rng):
    """A job is read or refused; one that is read makes its film in its own folder, and is the same when it is written again."""
    folder: Path = tmp_path_factory.getbasetemp() / "jobs"
    folder.mkdir(exist_ok=True)
    path = folder / "job.json"
    path.write_bytes(mutate.text(rng, rng.choice(JOBS)).encode("utf-8", "surrogatepass"))
    with watched() as seen:
        try:
            job = read_job(path)
        except UserError as refusal:
            assert 20 < len(str(refusal)) < 1000
            json.dumps(str(refusal))
            return
    assert all(str(path) in event for event in seen), seen
    assert job.output.parent == folder.resolve() or folder.resolve() in job.output.parents
    write_job(path, job)
    again = read_job(path)
    assert (again.film_settings, again.settings, again.output) == (job.film_settings, job.settings, job.output)


BOX = {"x": 3, "y": 4.5, "width": 20, "height": 9}
TRACK = [[{"x": 60, "y": 40}, {"x": 61, "y": 40}]]


@given(randoms())
def test_points_in_other_forms(rng):
    good = rng.choice((BOX, [BOX], [[BOX, BOX], [BOX]], POINTS, TRACK))
    value = mutate.text(rng, good) if rng.random() < 0.4 else mutate.document(rng, good)
    with watched() as seen:
        try:
            text = points_text(value, SIZE, 8.0)
            if text:
                pick(text, SIZE, N, least=0)
        except UserError as refusal:
            assert 20 < len(str(refusal)) < 1000
            json.dumps(str(refusal))
    assert not seen, seen
