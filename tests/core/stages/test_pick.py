"""Pick: every text gives the right points or one error that names the Pick Points node."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dragvideo_core.stages.pick import pick
from dragvideo_core.types import UserError

SIZE = (64, 128)  # H, W


def text(pairs=((10, 20, 30, 40),), mask_points=((5, 6),), raw=None, **changes) -> str:
    data = {
        "version": 1,
        "size": [128, 64],
        "frame": 0,
        "pairs": [{"handle": [a, b], "target": [c, d]} for a, b, c, d in pairs],
        "mask_points": [list(point) for point in mask_points],
    }
    return json.dumps(data | changes | (raw or {}))


def test_points_come_out_as_they_went_in():
    picks = pick(text(pairs=[(10, 20, 30.5, 40), (0, 0, 127, 63)], frame=3), SIZE, frames=4)
    assert picks.handles.tolist() == [[10, 20], [0, 0]] and picks.targets.tolist() == [[30.5, 40], [127, 63]]
    assert picks.mask_points.tolist() == [[5, 6]] and picks.frame == 3 and picks.size == SIZE
    assert picks.handles.dtype == torch.float32


def test_what_may_be_left_out():
    picks = pick('{"version": 1, "pairs": [{"handle": [1, 2], "target": [3, 4]}]}', SIZE, 1)
    assert picks.mask_points.shape == (0, 2) and picks.frame == 0 and picks.handles.tolist() == [[1, 2]]


@given(x=st.floats(-0.5, 127.5), y=st.floats(-0.5, 63.5), width=st.integers(1, 4096), height=st.integers(1, 4096))
@settings(max_examples=60, deadline=None)
def test_rescaling_there_and_back_returns_the_point(x, y, width, height):
    there = pick(text(pairs=[(x, y, x, y)]), (height, width), 1)
    back = pick(text(pairs=[(*there.handles[0].tolist(), 0, 0)], mask_points=[], size=[width, height]), SIZE, 1)
    assert torch.allclose(back.handles, torch.tensor([[x, y]]), atol=2e-3)


def test_rescaling_keeps_the_edges_and_the_centre():
    corners = [(-0.5, -0.5, 127.5, 63.5), (63.5, 31.5, 0, 0)]
    picks = pick(text(pairs=corners), (192, 512), 1)
    assert picks.handles.tolist() == [[-0.5, -0.5], [255.5, 95.5]] and picks.targets[0].tolist() == [511.5, 191.5]
    assert picks.targets[1].tolist() == [1.5, 1.0]  # the centre of pixel 0 is the centre of pixels 0..3, 0..2


@pytest.mark.parametrize(
    "kjnodes",
    [
        '[{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 6}, {"x": 7, "y": 8}]',
        "[{'x': 1, 'y': 2}, {'x': 3, 'y': 4}, {'x': 5, 'y': 6}, {'x': 7, 'y': 8}]",
        '{"positive": [{"x": 1, "y": 2}, {"x": 5, "y": 6}], "negative": [{"x": 3, "y": 4}, {"x": 7, "y": 8}]}',
    ],
)
def test_kjnodes_points_are_handles_and_targets(kjnodes):
    picks = pick(kjnodes, SIZE, 1)
    assert picks.handles.tolist() == [[1, 2], [5, 6]] and picks.targets.tolist() == [[3, 4], [7, 8]]
    assert picks.mask_points.shape == (0, 2)


STROKE = {"kind": "thing", "radius": 4, "points": [[10, 20], [30.5, 40]]}


def test_strokes_come_out_scaled_with_the_clip():
    ground = {"kind": "ground", "radius": 2.5, "points": [[0, 0]]}
    picks = pick(text(version=2, strokes=[STROKE, ground]), (128, 256), 1)
    assert [stroke.kind for stroke in picks.strokes] == ["thing", "ground"]
    assert [stroke.radius for stroke in picks.strokes] == [8, 5]
    assert picks.strokes[0].points.tolist() == [[20.5, 40.5], [61.5, 80.5]]


def test_the_first_version_has_no_strokes_and_the_second_needs_none():
    assert pick(text(), SIZE, 1).strokes == () == pick(text(version=2), SIZE, 1).strokes


def test_a_stroke_may_run_over_the_border_of_the_picture():
    over = STROKE | {"points": [[10, 20], [500, -30]]}
    assert pick(text(version=2, strokes=[over]), SIZE, 1).strokes[0].points.tolist() == [[10, 20], [500, -30]]


BAD = {
    "strokes are no list": (text(version=2, strokes={"a": 1}), 'a list as "strokes"'),
    "a stroke is null": (text(version=2, strokes=[None]), "in every stroke"),
    "a stroke of another kind": (text(version=2, strokes=[STROKE | {"kind": "sky"}]), '"thing" or "ground"'),
    "a stroke without a radius": (text(version=2, strokes=[{**STROKE, "radius": None}]), "a radius .* for stroke 1, got None"),
    "a radius of 0": (text(version=2, strokes=[STROKE | {"radius": 0}]), "a radius .* for stroke 1, got 0"),
    "a radius of true": (text(version=2, strokes=[STROKE | {"radius": True}]), "a radius .* for stroke 1, got True"),
    "a radius of NaN": (text(version=2, strokes=[STROKE | {"radius": float("nan")}]), "NaN"),
    "a stroke without points": (text(version=2, strokes=[STROKE | {"points": []}]), "at least one point in stroke 1"),
    "a stroke of texts": (text(version=2, strokes=[STROKE | {"points": [["1", 2]]}]), "finite numbers as a point of stroke 1"),
    "a stroke outside": (
        text(version=2, strokes=[STROKE, STROKE | {"points": [[-9, 5], [128, 64]]}]),
        r"stroke 2 \(over the thing\) inside the 128 x 64 picture, got all of it outside",
    ),
    "too many strokes": (text(version=2, strokes=[STROKE] * 201), "at most 200"),
    "a stroke of too many points": (text(version=2, strokes=[STROKE | {"points": [[1, 2]] * 501}]), "at most 500"),
    "empty": ("", "an empty text"),
    "no JSON": ("{version: 1", "JSON"),
    "not a text": (None, "NoneType"),
    "no pairs": (text(pairs=[]), "at least one pair"),
    "empty list": ("[]", "at least one pair"),
    "a number": ("7", "a list"),
    "unknown version": (text(version=4), '"version" 1 or 2 or 3, got 4'),
    "no version": ('{"pairs": []}', "version"),
    "version of another type": (text(version=True), "version"),
    "handle without target": (text(raw={"pairs": [{"handle": [1, 2]}]}), "a handle and a target in every pair"),
    "odd list": ('[{"x": 1, "y": 2}]', "1 handles, 0 targets"),
    "uneven dict": ('{"positive": [{"x": 1, "y": 2}], "negative": []}', "1 handles, 0 targets"),
    "handle outside": (text(pairs=[(128, 20, 30, 40)]), r"handle 1 inside the 128 x 64 picture, got \(128, 20\)"),
    "target outside": (text(pairs=[(1, 2, 3, 4), (1, 2, 3, -1)]), "target 2 inside"),
    "mask point outside": (text(mask_points=[(1, 64)]), "mask point 1 inside"),
    "NaN": (text(pairs=[(float("nan"), 0, 0, 0)]), "NaN"),
    "infinity": (text(pairs=[(0, float("inf"), 0, 0)]), "Infinity"),
    "overflow": (text().replace("10, 20", "1e999, 20"), "finite"),
    "huge whole number": (text().replace("10, 20", "9" * 400 + ", 20"), "finite"),
    "too many digits": (text().replace("10, 20", "9" * 9000 + ", 20"), "JSON"),
    "text for a number": (text(pairs=[("10", 20, 30, 40)]), "finite numbers as handle 1"),
    "true for a number": (text(pairs=[(True, 20, 30, 40)]), "finite numbers as handle 1"),
    "three coordinates": (text(mask_points=[(1, 2, 3)]), "mask point 1"),
    "pairs are no list": (text(raw={"pairs": {"a": 1}}), 'a list as "pairs"'),
    "a pair is null": (text(raw={"pairs": [None]}), "in every pair"),
    "bad size": (text(size=[0, 64]), '"size"'),
    "size of one": (text(size=[64]), '"size"'),
    "size of text": (text(size="64"), '"size"'),
    "broken size": (text(size=[64.5, 64]), '"size"'),
    "frame beyond": (text(frame=5), "a frame from 1 to 5, got 6"),
    "frame before": (text(frame=-1), "a frame from 1 to 5"),
    "frame of text": (text(frame="0"), '"frame"'),
    "too many pairs": (text(pairs=[(1, 2, 3, 4)] * 257), "at most 256"),
    "too many mask points": (text(mask_points=[(1, 2)] * 1025), "at most 1024"),
    "too long": (" " * 1_000_001, "at most 1000000 characters"),
    "too deep": ("[" * 100_000, "JSON"),
    "kjnodes without y": ('[{"x": 1}, {"x": 2}]', "points"),
    "mixed lists": ("[[1, 2], [3, 4]]", "points"),
}


@pytest.mark.faults
@pytest.mark.parametrize("kind", BAD)
def test_bad_text_is_one_clear_error(kind):
    bad, says = BAD[kind]
    with pytest.raises(UserError, match=says) as caught:
        pick(bad, SIZE, frames=5)
    assert "Pick Points" in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.faults
def test_the_bounds_themselves_are_allowed():
    picks = pick(text(pairs=[(1, 2, 3, 4)] * 256, mask_points=[(1, 2)] * 1024), SIZE, 1)
    assert len(picks.handles) == 256 and len(picks.mask_points) == 1024


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "version",
                    "size",
                    "frame",
                    "pairs",
                    "mask_points",
                    "strokes",
                    "kind",
                    "radius",
                    "points",
                    "handle",
                    "x",
                    "y",
                    "positive",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@pytest.mark.fuzz
@given(data=JSON, field=st.sampled_from(["version", "size", "frame", "pairs", "mask_points", "strokes", None]))
@settings(max_examples=300, deadline=None)
def test_any_json_gives_points_or_a_user_error(data, field):
    given_text = json.dumps(data) if field is None else text(raw={field: data})
    try:
        picks = pick(given_text, SIZE, frames=5)
    except UserError as error:
        assert "Pick Points" in str(error)
    else:
        points = torch.cat([picks.handles, picks.targets, picks.mask_points])
        assert torch.isfinite(points).all() and len(picks.handles) == len(picks.targets) > 0
        assert (points >= -0.5).all() and (points <= torch.tensor([127.5, 63.5])).all()
        assert 0 <= picks.frame < 5


@pytest.mark.fuzz
@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_points_or_a_user_error(garbage):
    try:
        pick(garbage, SIZE, frames=5)
    except UserError as error:
        assert "Pick Points" in str(error)


def keyed(keys=None, strength=None, version=3):
    data = json.loads(text(pairs=[(10, 20, 30, 40), (50, 20, 50, 30)]))
    data["version"] = version
    if keys is not None:
        data["pairs"][1]["keys"] = keys
    if strength is not None:
        data["strength"] = strength
    return json.dumps(data)


def test_keys_and_strength_are_read_and_ways_are_rescaled_with_the_picture():
    picks = pick(keyed([{"frame": 4, "move": [6, -2]}], [[0, 0], [7, 1]]), (128, 512), 8)
    (key,) = picks.keys
    assert (key.frame, key.pair, key.move.tolist()) == (4, 1, [24.0, -4.0]) and picks.strength == ((0, 0.0), (7, 1.0))
    assert pick(keyed([{"frame": 400, "move": [6, -2]}]), SIZE, 8).keys[0].frame == 400, "the clip may be cut shorter"


@pytest.mark.parametrize(
    "keys, strength",
    [
        (5, None),
        ([5], None),
        ([{"frame": 1}], None),
        ([{"frame": 0, "move": [1, 1]}], None),  # the picked frame has a target already
        ([{"frame": 2, "move": [1, 1]}] * 2, None),
        ([{"frame": True, "move": [1, 1]}], None),
        ([{"frame": -1, "move": [1, 1]}], None),
        ([{"frame": 1, "move": [1, "x"]}], None),
        ([{"frame": i + 1, "move": [1, 1]} for i in range(65)], None),
        (None, 5),
        (None, [[0]]),
        (None, [[0, 1.5]]),
        (None, [[0, True]]),
        (None, [[0, 1], [0, 0]]),
    ],
)
def test_keys_that_are_none_are_refused(keys, strength):
    with pytest.raises(UserError, match="Pick Points"):
        pick(keyed(keys, strength), SIZE, 8)
