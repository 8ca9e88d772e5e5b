"""The nodes' texts in other languages: complete, and of no input that is not there."""

import json
import re

import pytest

from .executor import ROOT, Comfy

LANGUAGES = sorted(path.name for path in (ROOT / "locales").iterdir())
HAN = re.compile(r"[\u4e00-\u9fff]")


def texts(language: str) -> dict:
    return json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))


def test_english_and_chinese_are_there():
    assert LANGUAGES == ["en", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_node_input_and_output_has_a_text_and_no_other(comfy: Comfy, language: str):
    told = texts(language)
    assert told.keys() == comfy.node_classes.keys()
    for name, node in comfy.node_classes.items():
        info = node.GET_NODE_INFO_V1()
        inputs = [one for section in ("required", "optional") for one in info["input_order"].get(section, [])]
        assert list(told[name]["inputs"]) == inputs, name
        assert list(told[name]["outputs"]) == [str(at) for at in range(len(info["output"]))], name
        labels = [one["name"] for one in (*told[name]["inputs"].values(), *told[name]["outputs"].values())]
        assert told[name]["display_name"] and all(labels)
        assert not any("_" in label for label in labels), f"{name}: a label is for people"


def test_chinese_is_chinese_and_explains_every_input(comfy: Comfy):
    for name, node in texts("zh").items():
        assert HAN.search(node["description"]), name
        for one, told in node["inputs"].items():
            assert HAN.search(told["tooltip"]), f"{name} {one}"


def test_english_names_are_those_of_the_nodes(comfy: Comfy):
    told = texts("en")
    assert {name: node.GET_SCHEMA().display_name for name, node in comfy.node_classes.items()} == {
        name: node["display_name"] for name, node in told.items()
    }
