"""What our nodes say is shown on the subgraph's node that they are in, on both pages."""

import pytest

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import build, demo_graph, pack_errors, picks, run_from_page

OUTSIDE = [((30.0, 30.0), (110.0, 100.0))]  # the target lies far off the mask: Propagate Points warns of it
INTO_SUBGRAPH = """id => {
    const { canvas, graph } = window.app;
    const inner = graph.getNodeById(id) ?? graph.getNodeById(Number(id));
    canvas.selectItems([inner]);
    return String(graph.convertToSubgraph(canvas.selectedItems).node.id);
}"""
SHOWN = """id => {
    const node = window.app.graph.getNodeById(id) ?? window.app.graph.getNodeById(Number(id));
    return String(node.widgets?.find((widget) => widget.name === "$$node-text-preview")?.value ?? "");
}"""


@pytest.fixture(scope="module", params=["comfy", "newest"])
def served(request: pytest.FixtureRequest) -> ComfyUI:
    """Both pages."""
    return request.getfixturevalue(request.param)


def test_a_subgraph_says_what_is_said_inside(page: ComfyPage, renderer: str):
    """The page itself shows such texts only while the subgraph is open."""
    seed = 40 + (renderer == "classic")  # else nothing runs, and nothing is said
    graph = [
        *demo_graph(picks(OUTSIDE, [(30.0, 30.0)]), frames=2, seed=seed),
        ("carry", "DragAVideo_Propagate", (1000, 100), {"tracker": "flow"}, {"video": ["clip", 0], "picks": ["pick", 0]}),
    ]
    outer = page.page.evaluate(INTO_SUBGRAPH, build(page, graph)["carry"])
    assert run_from_page(page)["status"]["status_str"] == "success"
    page.page.wait_for_function(f"id => ({SHOWN})(id).includes('Warning')", arg=outer, timeout=10_000)
    page.center_on(outer)
    assert page.page.evaluate(SHOWN, outer).startswith("Propagate Points: Warning: ")
    assert not pack_errors(page)
