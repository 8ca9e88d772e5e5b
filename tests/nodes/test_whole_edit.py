"""The pipeline in ComfyUI's executor, so inside inference mode: values, progress, previews, caching, cancelling."""

from __future__ import annotations

import copy
import json

import av
import numpy as np
import pytest
import torch
from PIL import Image

from . import graphs
from .executor import Comfy, Outcome

LONG = ["propagate", "tune", "invert", "drag", "decode", "evaluate"]


def test_values_have_comfyuis_shapes(edit: Outcome):
    frames, true_edit, _, fps = edit.values["clip"][:4]
    assert frames.shape == true_edit.shape == (3, 128, 128, 3) and fps == 8.0
    _, mask, preview = edit.values["propagate"][:3]
    assert mask.shape == (3, 128, 128) and set(mask.unique().tolist()) == {0.0, 1.0}
    assert preview.shape[0] == 3 and preview.shape[-1] == 3 and min(preview.shape[1:3]) >= 384
    images, video, latent = edit.values["decode"]
    assert images.shape == frames.shape and images.min() >= 0 and images.max() <= 1
    assert latent["samples"].shape == edit.values["invert"][1]["samples"].shape == (3, 4, 32, 32)
    assert video.get_components().frame_rate == 8


def test_nothing_changes_outside_the_mask(edit: Outcome):
    before, after = edit.values["clip"][0], edit.values["decode"][0]
    outside = edit.values["propagate"][1] == 0
    assert torch.equal(before[outside], after[outside])
    assert not torch.equal(before[~outside], after[~outside])


def test_no_value_that_leaves_a_core_node_is_an_inference_tensor(edit: Outcome):
    """What is kept between runs has to serve later runs, which differentiate through it."""
    for node, output in (("propagate", 0), ("invert", 0), ("drag", 0), ("tune", 0)):
        for name, value in vars(edit.values[node][output]).items():
            if isinstance(value, torch.Tensor):
                assert not value.is_inference(), f"{node}.{name}"
    tuned = edit.values["tune"][0].denoiser
    assert not any(parameter.is_inference() for parameter in tuned.parameters())


def test_the_tuned_model_differs_and_the_loaded_one_stays(edit: Outcome, comfy: Comfy):
    loaded, tuned = edit.values["model"][0], edit.values["tune"][0]
    assert loaded.lora is None and tuned.lora
    again = comfy.module("dragvideo_core.embedded.model").load()
    assert all(torch.equal(a, b) for a, b in zip(loaded.denoiser.parameters(), again.denoiser.parameters(), strict=True))


def test_long_nodes_report_progress_to_its_end(edit: Outcome):
    for node in LONG:
        reports = [data for data in edit.of("progress") if data["node"] == node]
        values = [data["value"] for data in reports]
        assert values == sorted(values), node
        assert values[-1] == reports[-1]["max"], node


def test_a_stage_that_ends_early_leaves_a_full_bar(comfy: Comfy, monkeypatch):
    reports = []
    monkeypatch.setattr("comfy.utils.PROGRESS_BAR_HOOK", lambda value, total, preview, **more: reports.append((value, total)))
    host = comfy.module("nodes.comfy.run")

    def arrives_early(on_progress) -> None:
        on_progress(19, 40, None)

    host.run(arrives_early, host.progress())
    assert reports == [(19, 40), (40, 40)]


def test_long_nodes_show_pictures(edit: Outcome):
    """Propagate shows its own player instead (ComfyUI's picture would make that node grow), DDIM Invert has none."""
    seen = {node for node, _ in edit.previews}
    assert seen == set(LONG) - {"evaluate", "propagate", "invert"}
    assert all(isinstance(picture, Image.Image) for _, picture in edit.previews)


def test_the_preview_that_stays_on_decode_shows_the_edit(edit: Outcome):
    picture = [picture for node, picture in edit.previews if node == "decode"][-1]
    edited, before = edit.values["decode"][0][1], edit.values["clip"][0][1]
    shown = torch.tensor(np.asarray(picture.convert("RGB"))) / 255
    assert (shown - edited).abs().max() < 0.01 < (shown - before).abs().max()


def test_the_page_gets_what_its_canvas_draws(edit: Outcome):
    pick, propagate = edit.ui["pick"], edit.ui["propagate"]
    assert pick["drag_a_video_size"] == [[128, 128]] and len(pick["drag_a_video_frames"]) == 3
    assert pick["drag_a_video_seed"][0]["picks"]["pairs"] == json.loads(edit.values["clip"][2])["pairs"]
    (tracks,) = propagate["drag_a_video_tracks"]
    assert len(tracks["handles"]) == 3 and len(tracks["handles"][0][0]) == 9 and tracks["mask_radius"] == 16
    assert tracks["frame"] == edit.values["pick"][0].frame
    assert len(propagate["drag_a_video_frames"]) == 3
    assert "images" not in pick and "images" not in propagate  # ComfyUI would draw those itself
    json.dumps([pick, propagate], allow_nan=False)


def test_points_are_propagated_before_the_long_work(edit: Outcome):
    """They are what people look at before they let the rest run; a warning about them has to come first."""
    order = [data["node"] for data in edit.of("executing") if data["node"]]
    assert order.index("pick") < order.index("propagate") < order.index("tune") < order.index("drag")


def test_picking_and_propagating_can_be_run_alone(comfy: Comfy, random_weights):
    graph = graphs.up_to(graphs.whole_edit(comfy), "propagate")
    del graph["shown"]
    assert comfy.run(graph).status == "success"


def test_files_and_scores(edit: Outcome, comfy: Comfy):
    (video,) = edit.ui["video"]["images"]
    with av.open(str(comfy.base / "output" / video["subfolder"] / video["filename"])) as file:
        assert sum(1 for _ in file.decode(video=0)) == 3
    scores = json.loads(edit.ui["evaluate"]["text"][0])
    assert edit.ui["scores"]["text"] == edit.ui["evaluate"]["text"] == [edit.values["evaluate"][0]]
    lines = edit.values["evaluate"][2].splitlines()  # a list: a page that takes it for Markdown would run plain lines together
    assert [line.split(":")[0] for line in lines[-len(scores) :]] == [f"- {name.replace('_', ' ')}" for name in scores]
    assert {"mean_distance", "outside_psnr", "smoothness"} <= scores.keys()
    assert all(set(score) - {"per_frame"} == {"value", "unit", "better", "meaning"} for score in scores.values())
    assert len(scores["mean_distance"]["per_frame"]) == 3
    assert scores["smoothness"]["per_frame"][::2] == [None, None]
    sheet = edit.values["evaluate"][1]
    assert sheet.shape[0] == 1 and sheet.shape[1] > 3 * 384 and sheet.shape[2] > 3 * 384


def test_evaluates_plots_are_pictures_and_those_without_an_edit_are_left_out(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy)
    for number in (3, 4, 5):
        graph[f"plot {number}"] = graphs.node("PreviewImage", images=["evaluate", number])
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert {"plot 3", "plot 4", "plot 5"} & outcome.ui.keys() == {"plot 3"}
    graph["evaluate"]["inputs"]["edit"] = ["drag", 0]
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert {"plot 4", "plot 5"} <= outcome.ui.keys()
    assert all(plot.shape[0] == 1 and plot.shape[-1] == 3 for plot in outcome.values["evaluate"][3:])


def test_a_second_run_comes_from_the_cache_and_a_changed_one_runs_only_what_follows(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy, frames=3)
    comfy.run(graph)
    assert comfy.run(graph).executed == set()
    changed = copy.deepcopy(graph)
    changed["drag"]["inputs"]["iterations"] = 1
    assert comfy.run(changed).executed == {"drag", "decode", "evaluate", "scores", "sheet", "video"}


@pytest.mark.parametrize("node", ["propagate", "tune", "invert", "drag", "decode", "evaluate"])
def test_cancelling_stops_at_once_and_the_next_run_works(comfy: Comfy, random_weights, node: str):
    """No progress comes after the request, torch's modes are as before, and the same graph then runs."""
    graph = graphs.up_to(graphs.whole_edit(comfy, iterations=3), node)
    graph["clip"]["inputs"]["seed"] = 100 + LONG.index(node)
    reports = []

    def cancel_on_first_report(kind, data):
        if kind == "progress" and data["node"] == node:
            reports.append(data["value"])
            comfy.cancel()

    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    cancelled = comfy.run(graph, cancel_on_first_report)
    assert cancelled.status == "interrupted" and len(reports) == 1
    assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (grad, inference)
    assert comfy.run(graph).status == "success"


def test_the_stages_run_on_values_made_inside_inference_mode(comfy: Comfy, random_weights):
    """IMAGE and MASK of core nodes are inference tensors; the edit works on them, and they stay as they were."""
    graph = graphs.whole_edit(comfy, iterations=1)
    graph["image"] = graphs.node("EmptyImage", width=128, height=64, batch_size=2, color=0x804020)
    graph["solid"] = graphs.node("SolidMask", value=1.0, width=128, height=64)
    graph["sam"]["inputs"]["mask"] = ["solid", 0]
    for name in ("pick", "propagate", "tune", "invert", "decode"):
        graph[name]["inputs"]["video"] = ["image", 0]
    graph["evaluate"]["inputs"]["original"] = ["image", 0]
    del graph["pick"]["inputs"]["other_points"]
    graph["pick"]["inputs"]["points"] = graphs.picks(handle=(40, 30), target=(50, 30), mask_points=[(45, 30)], size=(128, 64))
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    image = outcome.values["image"][0]
    assert image.is_inference() and torch.equal(image[0, 0, 0] * 255, torch.tensor([128.0, 64.0, 32.0]))
    assert outcome.values["decode"][0].shape == (2, 64, 128, 3)


def test_advanced_settings_may_be_left_out_of_a_graph(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy, iterations=1)
    for name in graph:
        asked = comfy.nodes.NODE_CLASS_MAPPINGS[graph[name]["class_type"]].INPUT_TYPES()
        inputs = graph[name]["inputs"]
        optional = [key for key in asked.get("optional", {}) if not isinstance(inputs.get(key), list)]
        graph[name]["inputs"] = {key: value for key, value in inputs.items() if key not in optional}
    assert "chunk" not in graph["drag"]["inputs"] and "steps" in graph["drag"]["inputs"]
    outcome = comfy.run(graphs.up_to(graph, "drag"))
    assert outcome.status == "success", outcome.error


def test_one_frame_is_a_clip(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy, frames=1, iterations=1)
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert len(outcome.values["decode"][0]) == 1
    assert json.loads(outcome.values["evaluate"][0])["smoothness"]["value"] is None


class Scale(torch.nn.Module):
    """One weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))


def test_a_model_made_inside_inference_mode_can_be_tuned(comfy: Comfy, random_weights):
    """Of a model whose weights another node made, the stages get a copy that can be differentiated."""
    host = comfy.module("nodes.comfy.run")
    with torch.inference_mode():
        layer, x = Scale(), torch.tensor([2.0, 3.0])
        assert layer.weight.is_inference() and x.is_inference()

        def gradient(layer, x):
            (layer.weight * x).sum().backward()
            return layer.weight.grad

        assert host.run(gradient, layer, x).tolist() == [2.0, 3.0]
        assert layer.weight.grad is None
