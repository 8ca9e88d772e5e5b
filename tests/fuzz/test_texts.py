"""Points, corrections, tracks and steps as text from a stranger: each is read right or refused in one sentence."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dragvideo_core.exchange.corrections import read_corrections
from dragvideo_core.exchange.tracks import as_boxes, as_json, read_tracks
from dragvideo_core.media.drawing import draw_tracks
from dragvideo_core.stages.follow import FollowSettings, follow
from dragvideo_core.stages.pick import MAX_MASK_POINTS, MAX_PAIRS, pick
from dragvideo_core.types import PointPicks, UserError, VideoClip

from . import mutate
from .conftest import randoms, watched

SIZE, FRAMES = (64, 128), 3  # (H, W)
LONGEST_ERROR = 1000  # characters: what fits on a node

OWN_POINTS = {
    "version": 1,
    "size": [128, 64],
    "frame": 0,
    "pairs": [{"handle": [60, 40], "target": [70.5, 40]}, {"handle": [1, 2], "target": [3, 4]}],
    "mask_points": [[60, 40], [70, 40]],
}
TURNS = [{"x": 60, "y": 40}, {"x": 70, "y": 40}]
TWO_LISTS = {"positive": TURNS[:1], "negative": TURNS[1:]}
MOVES = {"version": 1, "moves": [{"frame": 1, "pair": 0, "handle": [40.5, 17]}, {"frame": 2, "pair": 0, "handle": [4, 7]}]}
TRACKS = [[{"x": 60 + i, "y": 40} for i in range(FRAMES)], [{"x": 6.5, "y": 4 - i} for i in range(FRAMES)]]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "y", "pairs", "version"]), inner, max_size=4),
    max_leaves=12,
)
any_text = st.text(max_size=200) | json_values.map(json.dumps)


def texts(*good: Any) -> st.SearchStrategy[str]:
    """Mostly changed copies of good documents, sometimes any text."""
    changed = st.builds(lambda rng: mutate.text(rng, rng.choice(good)), randoms())
    return st.integers(0, 9).flatmap(lambda kind: any_text if kind == 0 else changed)


def read(parser: Callable, *arguments: Any, error: type[Exception] = UserError) -> Any:
    """What the parser makes of it, None if it refuses properly; fails if it opens anything."""
    with watched() as seen:
        try:
            value_read = parser(*arguments)
        except error as refusal:
            assert 20 < len(str(refusal)) <= LONGEST_ERROR, str(refusal)[:LONGEST_ERROR]
            json.dumps(str(refusal))
            value_read = None
    assert not seen, seen
    return value_read


def inside(points: torch.Tensor) -> bool:
    limit = torch.tensor([SIZE[1], SIZE[0]]) - 0.5
    return bool(((points >= -0.501) & (points <= limit + 1e-3)).all())  # false for NaN


@given(texts(OWN_POINTS, TURNS, TWO_LISTS))
def test_points(text):
    picks = read(pick, text, SIZE, FRAMES)
    if picks is not None:
        assert 1 <= len(picks.handles) == len(picks.targets) <= MAX_PAIRS and len(picks.mask_points) <= MAX_MASK_POINTS
        assert 0 <= picks.frame < FRAMES and picks.size == SIZE
        assert inside(picks.handles) and inside(picks.targets) and inside(picks.mask_points)


@given(texts(MOVES))
def test_corrections(text):
    for move in read(read_corrections, text, SIZE) or []:
        assert inside(move.handle) and move.handle.shape == (2,) and 0 <= move.frame < 2**31 and 0 <= move.pair < 2**31


CLIP = VideoClip(torch.zeros(FRAMES, 3, *SIZE), torch.arange(FRAMES), 8.0)
PICKS = PointPicks(torch.tensor([[60.0, 40.0]]), torch.tensor([[70.0, 40.0]]), torch.tensor([[60.0, 40.0]]), 0, SIZE)


_used: set[bytes] = set()  # tracks that were followed and drawn before


def used(given_tracks: Any) -> None:
    """Whatever can be read can be followed, drawn and handed on, all numbers finite."""
    key = torch.cat([given_tracks.places, given_tracks.visible[..., None]], -1).numpy().tobytes()
    if key in _used:
        return
    _used.add(key)
    try:
        tracks = follow(CLIP, PICKS, given_tracks, settings=FollowSettings())
    except UserError:  # another number of frames
        return
    for places in (tracks.handles, tracks.targets, tracks.mask_points):
        assert torch.isfinite(places).all()
    json.loads(as_json(tracks), parse_constant=pytest.fail)
    assert len(as_boxes(tracks.edit_mask)) == FRAMES
    draw_tracks(CLIP.frames, tracks)


@pytest.mark.filterwarnings("ignore:the track next to handle")
@given(texts(TRACKS, TRACKS[:1], TRACKS[0]))
def test_tracks_json(text):
    value_read = read(read_tracks, text)
    if value_read is not None:
        assert torch.isfinite(value_read.places).all() and value_read.places.shape[:2] == value_read.visible.shape
        if abs(value_read.places).max() > 200 and len(value_read.places) == FRAMES:
            used(value_read)


tensors = st.builds(
    lambda shape, kind, value: (torch.ones(shape) * value).to(kind),
    st.lists(st.sampled_from([0, 1, 2, FRAMES]), max_size=4),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64, torch.bool, torch.uint8, torch.complex64]),
    st.sampled_from([0.0, 1.0, 40.0, 1e30, float("nan"), float("inf")]),
)
places = st.builds(lambda value: torch.full((FRAMES, 2, 2), value), st.sampled_from([0.0, 40.0, -1e6, 3e38]))


@pytest.mark.filterwarnings("ignore:the track next to handle", "ignore:Casting complex values")
@given(st.fixed_dictionaries({"track_path": places | tensors | json_values}, optional={"track_visibility": tensors | json_values}))
def test_tracks_as_values(value):
    value_read = read(read_tracks, value)
    if value_read is not None:
        assert value_read.places.dtype == torch.float32 and value_read.visible.dtype == torch.bool
        used(value_read)


@given(st.builds(lambda rng: " ".join(str(mutate.leaf(rng)) for _ in range(rng.randint(1, 4))), randoms()) | any_text)
def test_steps(comfy, text):
    module, error = comfy.module("nodes.drag"), comfy.module("dragvideo_core.types").UserError
    steps = read(module.read_steps, text, error=error)
    assert steps is None or (steps and all(type(step) is int for step in steps))
    assert module.Drag.validate_inputs(text) is True or steps is None


@given(texts(OWN_POINTS, TURNS), texts(OWN_POINTS | {"seed": "x"}, TURNS))
def test_points_on_the_node(comfy, points, other):
    """What the node does with both texts before it reads them."""
    module = comfy.module("nodes.pick")
    verdict = module.Pick.validate_inputs(points, other)
    assert verdict is True or 20 < len(verdict) <= LONGEST_ERROR
    assert module._newest(points, other) in (points, other)


BOMBS = {  # what is written, and how often
    "millions of points": ('{"handle": [1,1], "target": [2,2]},', 10**6),
    "millions of lists": ("[", 10**6),
    "many empty lists": ("[],", 300_000),
    "one long number": ("9", 900_000),
    "one long string": ("x", 3 * 10**7),
    "many quotes": ("'", 900_000),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("parser", [lambda text: pick(text, SIZE, FRAMES), lambda text: read_corrections(text, SIZE), read_tracks])
def test_large_texts_are_refused_without_taking_memory(parser, kind):
    """The length bounds what is parsed: nothing takes more than some copies of the text."""
    what, times = BOMBS[kind]
    tracemalloc.start()
    try:
        for around in ('"{}"', "[{}[]]", '{{"version": 1, "pairs": [{}1], "moves": []}}', '{{"version": 1, "frame": {}}}'):
            read(parser, around.format(what * times))
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()
