"""Presets: each sets the inputs of the same name, and what is not chosen does not run."""

import inspect

import pytest

from .executor import Comfy

STAGES = {"DragAVideo_Tune", "DragAVideo_Invert", "DragAVideo_Drag", "DragAVideo_Decode"}


def chosen(comfy: Comfy, preset: str, displacement=object()):
    node = comfy.node_classes["DragAVideo_Preset"]
    names = [output.display_name for output in node.GET_SCHEMA().outputs]
    return dict(zip(names, node.execute(preset, displacement).args, strict=True))


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


def test_the_edit_is_asked_for_only_where_it_is_chosen(comfy: Comfy):
    node = comfy.node_classes["DragAVideo_ChooseEdit"]
    assert inspect.signature(node.check_lazy_status).parameters.keys() >= {"uses_model", "edited"}
    assert node.check_lazy_status(False, "displaced") == []
    assert node.check_lazy_status(True, "displaced") == ["edited"]
    assert node.check_lazy_status(True, "displaced", "edited") == []
    assert node.execute(False, "displaced").args == ("displaced",)
    assert node.execute(True, "displaced", "edited").args == ("edited",)
