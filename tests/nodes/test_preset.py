"""Presets: each sets the inputs of the same name, and what is not chosen does not run."""

import inspect

import pytest
import torch

from . import graphs
from .executor import Comfy

STAGES = {"DragAVideo_Tune", "DragAVideo_Invert", "DragAVideo_Drag", "DragAVideo_Decode"}


def chosen(comfy: Comfy, preset: str, displacement=object(), model=None):
    node = comfy.node_classes["DragAVideo_Preset"]
    node.hidden = node.hidden or comfy.module("nodes").io.HiddenHolder.from_dict({})  # ComfyUI fills it in before it runs a node
    names = [output.display_name for output in node.GET_SCHEMA().outputs]
    return dict(zip(names, node.execute(preset, displacement, model).args, strict=True))


def displacement_that_leaves(comfy: Comfy, left: str):
    """To the model: nothing, ground that the smooth fill covers, or a place that is stretched."""
    ground = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    freed = ground.clone()
    freed[:, :, 4:8, 4:8] = True
    return comfy.module("dragvideo_core.types").Displacement(
        frames=torch.zeros(2, 3, 16, 16),
        backward=torch.zeros(2, 16, 16, 2),
        matte=torch.ones(2, 1, 16, 16),
        freed=freed,
        shown_elsewhere=freed if left == "nothing" else ground,
        stretch=torch.full((2, 1, 16, 16), 9.0 if left == "stretched" else 1.0),
    )


@pytest.mark.parametrize("preset", ["quick", "best", "paper"])
def test_each_output_is_a_value_of_the_input_of_its_name(comfy: Comfy, preset: str):
    inputs = {i.id: i for name in STAGES for i in comfy.node_classes[name].GET_SCHEMA().inputs}
    values = chosen(comfy, preset)
    for name, value in values.items():
        if name not in ("displacement", "uses model"):
            assert inputs[name].as_dict().get("min", value) <= value or isinstance(value, str)
            assert type(value) is type(inputs[name].default)


def test_quick_asks_no_model_and_paper_no_displacement(comfy: Comfy):
    values = {preset: chosen(comfy, preset, "moved") for preset in ("quick", "best", "paper")}
    assert [one["uses model"] for one in values.values()] == [False, True, True]
    assert [one["displacement"] for one in values.values()] == ["moved", "moved", None]
    paper = values["paper"]
    assert (paper["iterations"], paper["steps"], paper["lock"], paper["warm_start"]) == (60, "42, 41, 35, 30", False, False)


@pytest.mark.parametrize(
    "left, paint_from, uses_model, steps",
    [
        ("nothing", 10, False, "42, 41, 35, 30"),
        ("fill", 0, False, "42, 41, 35, 30"),  # as the embedded model
        ("fill", 10, True, "10"),  # no step above the painting
        ("stretched", 0, True, "42, 41, 35, 30"),
    ],
)
def test_best_runs_no_more_of_the_stages_than_the_frames_show(comfy: Comfy, left, paint_from, uses_model, steps):
    model = comfy.module("dragvideo_core.types").DragModel(None, None, None, None, None, paint_from=paint_from)
    steps = ", ".join(map(str, comfy.module("dragvideo_core.stages.drag").DragSettings().steps)) if steps != "10" else steps
    displacement = displacement_that_leaves(comfy, left)
    values = chosen(comfy, "best", displacement, model)
    assert (values["uses model"], values["steps"]) == (uses_model, steps)
    assert values["until"] == (10 if steps == "10" else chosen(comfy, "best")["until"])
    assert values["displacement"] is displacement
    for preset in ("quick", "paper"):
        assert chosen(comfy, preset, displacement, model) == chosen(comfy, preset, displacement)


def test_best_with_the_embedded_model_is_displaces_edit_and_says_so(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy)
    graph["clip"]["inputs"]["kind"] = "balloon"  # nothing of it is stretched
    tracks, model = ["propagate", 0], ["model", 0]
    graph["displace"] = graphs.defaults(comfy, "DragAVideo_Displace", video=["clip", 0], tracks=tracks)
    graph["preset"] = graphs.node("DragAVideo_Preset", preset="best", displacement=["displace", 4], model=model)
    for name in ("drag", "decode"):
        graph[name]["inputs"]["displacement"] = ["preset", 0]
    inputs = {"displaced": ["displace", 5], "edited": ["decode", 1], "uses_model": ["preset", 1]}
    graph["chosen"] = graphs.node("DragAVideo_ChooseEdit", **inputs)
    graph = graphs.up_to(graph, "chosen")
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert {"displace", "preset", "chosen"} <= outcome.executed and not {"tune", "invert", "drag", "decode"} & outcome.executed
    assert outcome.values["chosen"][0] is outcome.values["displace"][5]
    assert [text for node, text in outcome.listener.node_texts if node == "preset"][-1].startswith("nothing is left for this model")
    graph["preset"]["inputs"]["preset"] = "paper"
    graph["tune"]["inputs"]["passes"] = 1
    assert {"tune", "invert", "drag", "decode"} <= comfy.run(graph).executed


def test_the_edit_is_asked_for_only_where_it_is_chosen(comfy: Comfy):
    node = comfy.node_classes["DragAVideo_ChooseEdit"]
    assert inspect.signature(node.check_lazy_status).parameters.keys() >= {"uses_model", "edited"}
    assert node.check_lazy_status(False, "displaced") == []
    assert node.check_lazy_status(True, "displaced") == ["edited"]
    assert node.check_lazy_status(True, "displaced", "edited") == []
    assert node.execute(False, "displaced").args == ("displaced",)
    assert node.execute(True, "displaced", "edited").args == ("edited",)
