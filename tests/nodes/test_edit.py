"""Saved edits in ComfyUI's executor: rendered again, weaker, added up, gone on from; names and files from strangers."""

from __future__ import annotations

import copy

import pytest
import torch

from . import graphs
from .executor import Comfy, Outcome
from .graphs import defaults, node

SHARED = ("clip", "pick", "sam", "model", "propagate", "tune", "invert")


@pytest.fixture(scope="module")
def saved(comfy: Comfy, random_weights, edit: Outcome) -> str:
    """The edit that all tests share, as a file: its name."""
    graph = graphs.whole_edit(comfy, frames=3)
    graph["save"] = node(
        "DragAVideo_SaveEdit",
        edit=["drag", 0],
        tracks=["propagate", 0],
        video=["clip", 0],
        model=["tune", 0],
        save_as="clips/swan",
        points=["pick", 1],
    )
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert outcome.values["save"] == ["drag_a_video/clips/swan_00001.safetensors [output]"]
    return outcome.values["save"][0]


def rendered_again(comfy: Comfy, name: str, **inputs) -> dict:
    """The graph that renders a saved edit, without Drag."""
    graph = graphs.whole_edit(comfy, frames=3)
    graph["load"] = defaults(comfy, "DragAVideo_LoadEdit", edit_file=name, video=["clip", 0], model=["tune", 0], **inputs)
    graph["decode"]["inputs"] |= {"edit": ["load", 0], "tracks": ["load", 1]}
    return {key: graph[key] for key in (*SHARED, "load", "decode")} | {"shown": node("PreviewImage", images=["decode", 0])}


def test_a_saved_edit_is_rendered_again_without_being_found_again(comfy: Comfy, saved: str, edit: Outcome):
    outcome = comfy.run(rendered_again(comfy, saved))
    assert outcome.status == "success", outcome.error
    assert torch.equal(outcome.values["decode"][0], edit.values["decode"][0])
    assert outcome.values["load"][2] == edit.values["pick"][1] and "round 1" in outcome.values["load"][3]
    assert saved in comfy.nodes.NODE_CLASS_MAPPINGS["DragAVideo_LoadEdit"].INPUT_TYPES()["required"]["edit_file"][1]["options"]


def test_strength_0_is_the_video_itself(comfy: Comfy, saved: str):
    outcome = comfy.run(rendered_again(comfy, saved, strength=0.0))
    assert torch.equal(outcome.values["decode"][0], outcome.values["clip"][0])


def test_two_edits_are_added_and_gone_on_from(comfy: Comfy, saved: str):
    graph = rendered_again(comfy, saved)
    graph["both"] = defaults(
        comfy,
        "DragAVideo_CombineEdits",
        edit=["load", 0],
        tracks=["load", 1],
        strength=0.5,
        other_edit=["load", 0],
        other_tracks=["load", 1],
        other_strength=0.5,
    )
    graph["drag"] = defaults(
        comfy,
        "DragAVideo_Drag",
        inversion=["invert", 0],
        tracks=["load", 1],
        model=["tune", 0],
        steps="3, 2",
        iterations=1,
        earlier_edit=["load", 0],
    )
    graph["sum"] = node("PreviewAny", source=["both", 0])
    graph["more"] = node("PreviewAny", source=["drag", 0])
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    one, both, more = (outcome.values[name][0] for name in ("load", "both", "drag"))
    assert all(torch.equal(both.offsets[step], one.offsets[step]) for step in one.offsets)
    assert len(both.rounds) == 2 and [made.iterations for made in more.rounds] == [2, 1]
    assert torch.equal(more.handle_path[: len(one.handle_path)], one.handle_path)


@pytest.mark.faults
def test_another_clip_is_refused_and_can_be_overridden(comfy: Comfy, saved: str):
    graph = rendered_again(comfy, saved)
    graph["clip"]["inputs"]["seed"] = 4
    graph = {key: graph[key] for key in ("clip", "load")} | {"shown": node("PreviewAny", source=["load", 3])}
    del graph["load"]["inputs"]["model"]
    outcome = comfy.run(graph)
    assert outcome.status == "error" and "use_anyway" in outcome.error["exception_message"]
    graph["load"]["inputs"]["use_anyway"] = True
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert any("other frames" in text for name, text in outcome.listener.node_texts if name == "load")


@pytest.mark.faults
@pytest.mark.parametrize("name", ["../edit", "/tmp/edit", "a\0b", "x" * 300, "", "unfinished/edit", "clips/../../edit"])
def test_no_edit_is_written_outside_its_folder(comfy: Comfy, name: str):
    folders, types = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types")
    with pytest.raises(types.UserError, match="save_as"):
        folders.new_edit_path(name)


@pytest.mark.faults
def test_no_edit_is_read_from_outside_comfyuis_folders(comfy: Comfy, saved: str, tmp_path):
    folders, types = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types")
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(folders.edit_path(saved).read_bytes())
    link = comfy.base / "output" / "drag_a_video" / "link.safetensors"
    link.symlink_to(outside)
    try:
        for name in (str(outside), f"../{outside.name}", "drag_a_video/link.safetensors [output]", "nowhere [output]", "", "\0"):
            with pytest.raises(types.UserError, match="was not found"):
                folders.edit_path(name)
    finally:
        link.unlink()


@pytest.mark.faults
def test_a_strangers_file_is_one_clear_error(comfy: Comfy, saved: str):
    (comfy.base / "input" / "bad.safetensors").write_bytes(b"\x80\x04cos\nsystem\n")
    graph = {
        "load": defaults(comfy, "DragAVideo_LoadEdit", edit_file="bad.safetensors"),
        "shown": node("PreviewAny", source=["load", 3]),
    }
    outcome = comfy.run(graph)
    assert outcome.status == "error" and "bad.safetensors" in outcome.error["exception_message"]
    assert "choose another" in outcome.error["exception_message"]


@pytest.mark.faults
def test_a_cancelled_drag_goes_on_when_it_is_queued_again(comfy: Comfy, saved: str):
    """And ends as it would have without the cancel."""
    graph = graphs.up_to(graphs.whole_edit(comfy, frames=3, iterations=4), "drag")
    graph["drag"]["inputs"]["learning_rate"] = 0.02

    def cancel(kind, data):
        if kind == "progress" and data["node"] == "drag" and data["value"] == 2:
            comfy.cancel()

    assert comfy.run(graph, cancel).status == "interrupted"
    kept = comfy.base / "output" / "drag_a_video" / "unfinished"
    before = set(kept.iterdir())
    resumed = comfy.run(graph)
    assert resumed.status == "success", resumed.error
    values = [data["value"] for data in resumed.of("progress") if data["node"] == "drag"]
    assert 1 not in values and 2 in values and values[-1] == 4
    assert before <= set(kept.iterdir()), "a finished drag is kept, as ComfyUI's cache may let go of it"
    for path in kept.iterdir():
        path.unlink()
    anew = copy.deepcopy(graph)
    anew["drag"]["inputs"]["mask_weight"] = 0.1  # the default: the same work, but not from the cache
    anew["again"] = anew.pop("drag")
    anew["shown"]["inputs"]["source"] = ["again", 0]
    whole = comfy.run(anew)
    assert all(torch.equal(resumed.values["drag"][0].offsets[step], whole.values["again"][0].offsets[step]) for step in (3, 2))
