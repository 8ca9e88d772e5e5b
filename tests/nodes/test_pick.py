"""Pick Points: whose points win, and what the canvas gets."""

from __future__ import annotations

import hashlib
import json

from . import graphs
from .executor import Comfy

DRAWN = graphs.picks(handle=(10, 10))
KJNODES = "[{'x': 50, 'y': 60}, {'x': 70, 'y': 60}]"


def picked(comfy: Comfy, points: str, other_points: str | None = None):
    graph = {
        "clip": graphs.defaults(comfy, "DragAVideo_DemoClip", frames=2),
        "pick": graphs.node("DragAVideo_Pick", video=["clip", 0], points=points),
    }
    if other_points is not None:
        graph["text"] = graphs.node("StringConcatenate", string_a=other_points, string_b="", delimiter="")
        graph["pick"]["inputs"]["other_points"] = ["text", 0]
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    return outcome


def test_points_drawn_here(comfy: Comfy):
    outcome = picked(comfy, DRAWN)
    picks, text, preview = outcome.values["pick"][:3]
    assert picks.handles.tolist() == [[10, 10]] and json.loads(text) == json.loads(DRAWN)
    assert preview.shape == (1, 384, 384, 3)


def test_upstream_points_win_until_the_drawing_starts_from_them(comfy: Comfy):
    seeded = {**json.loads(DRAWN), "seed": hashlib.sha1(KJNODES.encode()).hexdigest()}
    assert picked(comfy, DRAWN, KJNODES).values["pick"][0].handles.tolist() == [[50, 60]]
    assert picked(comfy, json.dumps(seeded), KJNODES).values["pick"][0].handles.tolist() == [[10, 10]]
    changed = KJNODES.replace("50", "55")
    assert picked(comfy, json.dumps(seeded), changed).values["pick"][0].handles.tolist() == [[55, 60]]


def test_the_canvas_is_told_the_upstream_points_and_their_key(comfy: Comfy):
    (seed,) = picked(comfy, "", KJNODES).ui["pick"]["drag_a_video_seed"]
    assert seed["key"] == hashlib.sha1(KJNODES.encode()).hexdigest()
    assert seed["picks"]["pairs"] == [{"handle": [50, 60], "target": [70, 60]}] and seed["picks"]["size"] == [128, 128]


def test_the_points_that_leave_can_be_put_in_again(comfy: Comfy):
    first = picked(comfy, graphs.picks((7, 9), (30, 20), size=(64, 64), mask_points=[])).values["pick"]
    again = picked(comfy, "", first[1]).values["pick"]
    assert again[0].handles.tolist() == first[0].handles.tolist() and again[1] == first[1]


def given(comfy: Comfy, points: str, output: int):
    """Pick Points with TRACKS (3) or boxes (5), of Use Tracks, in the place of a text."""
    tracks = json.dumps([[{"x": 20 + 4 * frame, "y": 30} for frame in range(2)]])
    graph = {
        "clip": graphs.defaults(comfy, "DragAVideo_DemoClip", frames=2),
        "text": graphs.node("StringConcatenate", string_a=tracks, string_b="", delimiter=""),
        "first": graphs.node("DragAVideo_Pick", video=["clip", 0], points=graphs.picks((20, 30), (30, 30), [(30, 30)])),
        "use": graphs.defaults(
            comfy, "DragAVideo_UseTracks", video=["clip", 0], picks=["first", 0], given=["text", 0], mask_radius=28.0
        ),
        "pick": graphs.node("DragAVideo_Pick", video=["clip", 0], points=points, other_points=["use", output]),
    }
    return comfy.run(graph)


def test_tracks_start_the_drawing_and_what_is_drawn_on_them_wins(comfy: Comfy):
    outcome = given(comfy, "", output=3)
    picks = outcome.values["pick"][0]
    assert (picks.handles.tolist(), picks.targets.tolist()) == ([[20, 30]], [[24, 30]])
    (seed,) = outcome.ui["pick"]["drag_a_video_seed"]
    mine = json.dumps({**json.loads(DRAWN), "seed": seed["key"]})
    assert given(comfy, mine, output=3).values["pick"][0].handles.tolist() == [[10, 10]]


def test_boxes_start_the_mask_and_ask_for_an_arrow(comfy: Comfy):
    outcome = given(comfy, "", output=5)
    assert outcome.status == "error" and "at least one pair" in outcome.error["exception_message"]
    (seed,) = outcome.ui["pick"]["drag_a_video_seed"]
    assert seed["picks"]["pairs"] == [] and seed["picks"]["mask_points"] == [[30, 30]]
    mine = json.dumps({**json.loads(DRAWN), "seed": seed["key"]})
    assert given(comfy, mine, output=5).status == "success"


def test_the_layer_found_from_strokes_goes_back_to_the_page(comfy: Comfy, random_weights):
    """Of the frame that was drawn on, in black and white: the picker shows a drag by it."""
    strokes = [
        {"kind": "thing", "radius": 4, "points": [[60, 60], [64, 70]]},
        {"kind": "ground", "radius": 4, "points": [[5, 5], [120, 5]]},
    ]
    drawn = {**json.loads(graphs.picks((60, 60), (70, 60), mask_points=[])), "version": 2, "strokes": strokes}
    graph = {
        "clip": graphs.defaults(comfy, "DragAVideo_DemoClip", frames=2),
        "model": graphs.node("DragAVideo_EmbeddedModel", subject="creature"),
        "pick": graphs.node("DragAVideo_Pick", video=["clip", 0], points=json.dumps(drawn)),
        "follow": graphs.defaults(
            comfy, "DragAVideo_Propagate", video=["clip", 0], picks=["pick", 0], model=["model", 0], tracker="flow"
        ),
    }
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert json.loads(outcome.values["pick"][1])["strokes"] == strokes
    assert len(outcome.ui["follow"]["drag_a_video_layer"]) == 1
    assert outcome.ui["follow"]["drag_a_video_layer_frame"] == [0]
