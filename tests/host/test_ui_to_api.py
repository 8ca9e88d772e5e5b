"""The converter from the page's workflow format to API format, on tiny graphs."""

import pytest

from host.ui_to_api import BadWorkflow, ui_to_api

INFO = {
    "Make": {
        "input": {"required": {"seed": ["INT", {}], "mode": [["a", "b"], {}], "points": ["STRING", {"widgetType": "OWN"}]}},
        "display_name": "Maker",
    },
    "Pass": {"input": {"required": {"image": ["IMAGE", {}]}, "optional": {"amount": ["FLOAT", {"default": 1.0}]}}},
    "Load": {
        "input": {"required": {"file": [["x.png"], {"image_upload": True}]}, "optional": {"cap": ["INT", {}]}},
        "input_order": {"required": ["file"], "optional": ["cap"]},
    },
}


def make(**changes):
    return {"id": 1, "type": "Make", "widgets_values": [7, "randomize", "b", "[]"], "outputs": [{"type": "IMAGE"}], **changes}


def passing(node_id, link, **changes):
    inputs = [{"name": "image", "type": "IMAGE", "link": link}]
    return {"id": node_id, "type": "Pass", "inputs": inputs, "outputs": [{"type": "IMAGE"}], "widgets_values": [0.5], **changes}


def convert(nodes, links=()):
    return ui_to_api({"nodes": nodes, "links": list(links)}, INFO)


def test_widget_values_are_named_and_what_the_page_adds_is_left_out():
    graph = convert([make(), {"id": 2, "type": "Load", "widgets_values": ["x.png", 9, "image"]}])
    assert graph["1"]["inputs"] == {"seed": 7, "mode": "b", "points": "[]"}
    assert graph["1"]["_meta"]["title"] == "Maker"
    assert graph["2"]["inputs"] == {"file": "x.png", "cap": 9}


def test_links_and_a_widget_turned_into_an_input():
    nodes = [make(), passing(2, 10)]
    nodes[1]["inputs"].append({"name": "amount", "type": "FLOAT", "link": 11, "widget": {"name": "amount"}})
    graph = convert(nodes, [[10, 1, 0, 2, 0, "IMAGE"], [11, 1, 0, 2, 1, "FLOAT"]])
    assert graph["2"]["inputs"] == {"image": ["1", 0], "amount": ["1", 0]}


@pytest.mark.parametrize("mode, expected", [(0, ["2", 0]), (4, ["1", 0]), (2, None)])
def test_a_bypassed_node_passes_its_input_on_and_a_muted_one_nothing(mode, expected):
    graph = convert([make(), passing(2, 10, mode=mode), passing(3, 11)], [[10, 1, 0, 2, 0, "IMAGE"], [11, 2, 0, 3, 0, "IMAGE"]])
    assert graph["3"]["inputs"].get("image") == expected
    assert ("2" in graph) == (mode == 0)


def test_reroutes_are_followed_primitives_written_in_and_notes_dropped():
    reroute = {"id": 5, "type": "Reroute", "inputs": [{"link": 10}], "outputs": [{"type": "*"}]}
    primitive = {"id": 6, "type": "PrimitiveNode", "widgets_values": [0.25, "fixed"], "outputs": [{"type": "FLOAT"}]}
    nodes = [make(), reroute, primitive, {"id": 7, "type": "Note", "widgets_values": ["hello"]}, passing(2, 11)]
    nodes[-1]["inputs"].append({"name": "amount", "type": "FLOAT", "link": 12})
    links = [[10, 1, 0, 5, 0, "IMAGE"], [11, 5, 0, 2, 0, "IMAGE"], [12, 6, 0, 2, 1, "FLOAT"]]
    assert convert(nodes, links)["2"]["inputs"] == {"image": ["1", 0], "amount": 0.25}
    assert set(convert(nodes, links)) == {"1", "2"}


@pytest.mark.parametrize("values", [[7, "fixed", "b"], [7, "fixed", "b", "[]", "surplus"]])
def test_values_that_do_not_fit_the_node_are_refused(values):
    with pytest.raises(BadWorkflow, match="widget values expected"):
        convert([make(widgets_values=values)])


def test_an_unknown_node_is_refused():
    with pytest.raises(BadWorkflow, match="no node 'Nowhere'"):
        convert([{"id": 1, "type": "Nowhere"}])
