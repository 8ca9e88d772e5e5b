"""What the page writes on the nodes can be read: numbers in full, no line cut off."""

import pytest

from host.browser import ComfyPage
from host.comfyui import ComfyUI
from host.picker_driver import Canvas, build, demo_graph, picks

SHOWN = """([id, name]) => {
    const field = document.querySelector(`[data-node-id="${id}"] [aria-label="${name}"]`);
    return field?.querySelector?.('input')?.value ?? field?.value ?? null;
}"""
LONGEST = "The frame's size has changed: points rescaled from 1920 x 1080 to 1024 x 1024. (and 12 more)"


@pytest.mark.parametrize("renderer", ["nodes2"], indirect=True)
def test_every_number_shows_its_default_in_full(page: ComfyPage, comfy: ComfyUI):
    """In Nodes 2.0; the classic canvas writes all digits that an input's step has."""
    wanted, specs = {}, []
    for row, (name, info) in enumerate(comfy.object_info().items()):
        if not name.startswith("DragAVideo_"):
            continue
        inputs = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
        wanted[name] = {key: spec[1]["default"] for key, spec in inputs.items() if spec[0] == "FLOAT"}
        if wanted[name]:
            specs.append((name, name, (0, 700 * row), {}, {}))
    ids = build(page, specs)
    assert "learning_rate" in wanted["DragAVideo_Tune"]
    for name, node_id in ids.items():
        page.center_on(node_id)
        for key, default in wanted[name].items():
            shown = page.page.evaluate(SHOWN, [node_id, key])
            if shown is not None:  # folded away
                assert float(shown.replace(",", "")) == default, f"{name}.{key}: {shown}"
    page.center_on(ids["DragAVideo_Tune"])
    assert page.page.evaluate(SHOWN, [ids["DragAVideo_Tune"], "learning_rate"]) == "0.0005"


def test_the_longest_status_text_is_not_cut_off(page: ComfyPage):
    ids = build(page, demo_graph(picks([((40, 50), (80, 30))])))
    canvas = Canvas(page, ids["pick"])
    fits = canvas.node(
        f"""(() => {{
            const said = widget.element.querySelector('.dav-said');
            said.textContent = {LONGEST!r};
            return said.scrollWidth <= said.clientWidth && said.scrollHeight <= said.clientHeight + 1;
        }})()"""
    )
    assert fits
