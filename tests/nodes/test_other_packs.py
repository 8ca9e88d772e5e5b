"""What goes out to nodes of other packs, and what comes in from them: in the forms that those read and write."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch

from . import graphs
from .executor import Comfy, Outcome

FRAMES, SIDE = 3, 128


def frames_of(comfy: Comfy) -> dict:
    """A drawn clip with the points that fit it."""
    return {
        "clip": graphs.defaults(comfy, "DragAVideo_DemoClip", kind="creature", seed=3, frames=FRAMES),
        "pick": graphs.node("DragAVideo_Pick", video=["clip", 0], points=graphs.picks()),
    }


def masks(*values: float) -> dict:
    """A MASK batch made by core nodes, of the node 'masks': one of a constant value for each number."""
    made = {f"mask{i}": graphs.node("SolidMask", value=v, width=SIDE, height=SIDE) for i, v in enumerate(values)}
    made |= {f"image{i}": graphs.node("MaskToImage", mask=[f"mask{i}", 0]) for i in range(len(values))}
    last = "image0"
    for i in range(1, len(values)):
        made[f"batch{i}"] = graphs.node("ImageBatch", image1=[last, 0], image2=[f"image{i}", 0])
        last = f"batch{i}"
    return made | {"masks": graphs.node("ImageToMask", image=[last, 0], channel="red")}


def use_tracks(comfy: Comfy, given: str, **more) -> dict:
    return graphs.defaults(comfy, "DragAVideo_UseTracks", video=["clip", 0], picks=["pick", 0], given=given, **more)


STANDING = json.dumps([[{"x": 60, "y": 60}] * FRAMES])


def test_the_picker_hands_on_points_a_mask_and_a_box(comfy: Comfy):
    graph = frames_of(comfy)
    graph["pick"]["inputs"]["points"] = graphs.picks(handle=(20, 30.5), target=(40, 50), mask_points=[(20, 30)])
    handles, mask, boxes = comfy.run(graph).values["pick"][3:]
    assert json.loads(handles) == [{"x": 20.0, "y": 30.5}]
    assert mask.shape == (1, SIDE, SIDE) and mask[0, 30, 20] == 1 and mask[0, 100, 100] == 0
    ((box,),) = boxes
    assert (box["x"], box["y"], box["width"], box["height"]) == (13, 23, 15, 15)  # 28 px at 512: 7 px here
    assert mask.sum() == 15 * 15


def test_what_propagation_hands_on(edit: Outcome):
    tracks, mask, _, data, text, boxes, _ = edit.values["propagate"]
    pairs = tracks.handles.shape[1]
    assert data["track_path"].shape == (FRAMES, pairs, 2) and data["track_path"].dtype == torch.float32
    assert data["track_visibility"].shape == (FRAMES, pairs) and data["track_visibility"].dtype == torch.bool
    core = importlib.import_module("comfy_extras.nodes_wan").parse_json_tracks(text)
    read = torch.tensor([[[point["x"], point["y"]] for point in track] for track in core])  # (pairs, frames, 2)
    torch.testing.assert_close(read.transpose(0, 1), data["track_path"], atol=0.01, rtol=0)
    assert len(boxes) == len(mask) == FRAMES
    for frame, (box,) in zip(mask, boxes, strict=True):
        inside = torch.zeros_like(frame)
        inside[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]] = 1
        assert (inside >= frame).all() and inside.any(0).sum() == frame.any(0).sum()


def test_a_mask_for_every_frame_in_the_place_of_the_squares(comfy: Comfy):
    graph = frames_of(comfy) | masks(0.0, 1.0, 0.0) | {"follow": use_tracks(comfy, STANDING, edit_mask=["masks", 0])}
    graph["seen"] = graphs.node("MaskPreview", mask=["follow", 1])
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert [float(mask.mean()) for mask in outcome.values["follow"][1]] == [0, 1, 0]
    assert [len(boxes) for boxes in outcome.values["follow"][5]] == [0, 1, 0]


def test_a_mask_for_every_frame_as_the_foreground(comfy: Comfy, random_weights):
    graph = graphs.whole_edit(comfy, frames=FRAMES) | masks(1.0, 0.0, 1.0)
    graph["sam"]["inputs"]["mask"] = ["masks", 0]
    outcome = comfy.run(graphs.up_to(graph, "propagate"))
    assert outcome.status == "success", outcome.error
    foreground = outcome.values["propagate"][0].is_foreground
    assert [bool(frame.all()) for frame in foreground] == [True, False, True] and not foreground[1].any()


def test_clicks_on_the_thing_and_off_it_reach_a_sam_model(comfy: Comfy, monkeypatch):
    asked = []

    class Wrapper:
        def prepare_device(self):
            """There is no device."""

        def release_device(self):
            """There is no device."""

        def predict(self, image, points, plabs, bbox, threshold):
            asked.append((points, plabs))
            mask = np.zeros(image.shape[:2], bool)
            mask[40:80, 40:80] = True
            return [mask]

    class Loader:
        RETURN_TYPES, FUNCTION, INPUT_TYPES = ("SAM_MODEL",), "load", staticmethod(lambda: {"required": {}})

        def load(self):
            return (Wrapper(),)

    monkeypatch.setitem(comfy.nodes.NODE_CLASS_MAPPINGS, "SomeSamLoader", Loader)
    strokes = [{"kind": kind, "radius": 2, "points": [at]} for kind, at in (("thing", [50, 50]), ("ground", [100, 20]))]
    graph = frames_of(comfy)
    graph["pick"]["inputs"]["points"] = graphs.picks(version=2, strokes=strokes)
    graph["loader"] = graphs.node("SomeSamLoader")
    graph["sam"] = graphs.defaults(comfy, "DragAVideo_SAM", sam_model=["loader", 0])
    graph["tracks"] = graphs.defaults(
        comfy, "DragAVideo_Propagate", video=["clip", 0], picks=["pick", 0], segmenter=["sam", 0], tracker="flow"
    )
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    assert asked == [([[60.0, 60.0], [50.0, 50.0], [100.0, 20.0]], [1, 1, 0])]
    layer = outcome.values["tracks"][0].layer
    assert layer[0, 0, 60, 60] == 1 and layer[0, 0, 20, 100] == 0


def test_latents_of_another_node_take_the_place_of_the_frames(comfy: Comfy, edit: Outcome, random_weights):
    """The edited latents are inverted again, as they are."""
    graph = graphs.whole_edit(comfy, frames=FRAMES)
    graph["again"] = graphs.node("DragAVideo_Invert", **graph["invert"]["inputs"], clip_latent=["decode", 2])
    graph["shown"] = graphs.node("PreviewAny", source=["again", 0])
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    latents = outcome.values["again"][0].latents[0]
    torch.testing.assert_close(latents, outcome.values["decode"][2]["samples"], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(latents, outcome.values["invert"][0].latents[0])


@pytest.mark.faults
@pytest.mark.parametrize("value", [None, "text", {"samples": None}, {}, {"samples": torch.zeros(3, dtype=torch.int64)}])
def test_values_that_are_no_latent(comfy: Comfy, value):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    with pytest.raises(types.UserError, match="LATENT"):
        convert.from_latent(value, None)


def test_cores_optical_flow_is_loaded_and_used_and_another_model_is_refused(comfy: Comfy):
    convert, types = comfy.module("nodes.comfy.values"), comfy.module("dragvideo_core.types")
    patchers, torchvision = (
        importlib.import_module("comfy.model_patcher"),
        importlib.import_module("torchvision.models.optical_flow"),
    )
    torch.manual_seed(0)
    cpu = torch.device("cpu")
    wired = patchers.ModelPatcher(torchvision.raft_small(weights=None).eval(), load_device=cpu, offload_device=cpu)
    flow = convert.to_flow(wired).between(*torch.rand(2, 3, 128, 128))
    assert flow.shape == (2, 128, 128) and bool(torch.isfinite(flow).all())
    for other in (patchers.ModelPatcher(torch.nn.Identity(), load_device=cpu, offload_device=cpu), "flow"):
        with pytest.raises(types.UserError, match="RAFT"):
            convert.to_flow(other)


# ---------------------------------------------------------------------------------------- who paints the freed ground


class PlainVAE:
    """In the place of a VAE: its latents are the pictures, made smaller."""

    def __init__(self, channels: int, frames_each: int):
        self.channels, self.frames_each = channels, frames_each

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1).mean(1, keepdim=True), 8).repeat(1, self.channels, 1, 1)
        return small if self.frames_each == 1 else small[:: self.frames_each].movedim(0, 1)[None]


@pytest.fixture(scope="module")
def displaced(comfy: Comfy) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Frames, freed ground and matte of five frames, and what of the ground the matte leaves, by core's node."""
    graph = frames_of(comfy)
    graph["clip"] = graphs.defaults(comfy, "DragAVideo_DemoClip", kind="creature", seed=3, frames=5)
    graph["pick"]["inputs"] |= {"other_points": ["clip", 2], "points": ""}
    graph["sam"] = graphs.defaults(comfy, "DragAVideo_SAM", mask=["clip", 4])
    graph["tracks"] = graphs.defaults(
        comfy, "DragAVideo_Propagate", video=["clip", 0], picks=["pick", 0], segmenter=["sam", 0], tracker="flow"
    )
    graph["displace"] = graphs.defaults(comfy, "DragAVideo_Displace", video=["clip", 0], tracks=["tracks", 0])
    graph["ground"] = graphs.node(
        "MaskComposite", destination=["displace", 1], source=["displace", 2], x=0, y=0, operation="subtract"
    )
    graph["shown"] = graphs.node("MaskPreview", mask=["ground", 0])
    outcome = comfy.run(graph)
    assert outcome.status == "success", outcome.error
    frames, freed, matte = outcome.values["displace"][:3]
    (ground,) = outcome.values["ground"]
    assert torch.allclose(ground, (freed - matte).clamp(0, 1)) and ground.any()
    return frames, freed, ground


def test_core_inpainting_takes_the_displaced_frames_and_the_freed_ground(displaced):
    frames, freed, ground = displaced
    core = importlib.import_module("nodes").InpaintModelConditioning()
    positive, _, latent = core.encode([[torch.zeros(1), {}]], [[torch.zeros(1), {}]], frames, PlainVAE(4, 1), freed)
    assert latent["samples"].shape[0] == 5 and torch.equal(latent["noise_mask"].squeeze(1), freed)
    assert positive[0][1]["concat_latent_image"].shape == latent["samples"].shape
    paste = importlib.import_module("comfy_extras.nodes_mask").ImageCompositeMasked()
    (pasted,) = paste.composite(frames, torch.zeros_like(frames), 0, 0, True, ground)
    assert torch.allclose(pasted, frames * (1 - ground[..., None]), atol=1e-5)


def test_wan_vace_takes_the_displaced_frames_and_the_freed_ground(displaced):
    frames, freed, _ = displaced
    core = getattr(importlib.import_module("comfy_extras.nodes_wan"), "WanVaceToVideo", None)
    if core is None:
        pytest.skip("this ComfyUI has no Wan VACE")
    given = [[torch.zeros(1), {}]]
    made = core.execute(
        given, given, PlainVAE(16, 4), SIDE, SIDE, len(frames), 1, 1.0, control_video=frames, control_masks=freed
    ).args
    positive, latent = made[0], made[2]
    assert latent["samples"].shape == (1, 16, 2, SIDE // 8, SIDE // 8) and made[3] == 0
    (mask,) = positive[0][1]["vace_mask"]
    assert mask.shape == (1, 64, 2, SIDE // 8, SIDE // 8)
    first = mask[0, :, 0].reshape(8, 8, SIDE // 8, SIDE // 8).permute(2, 0, 3, 1).reshape(SIDE, SIDE)
    assert first.any() and any(first.equal(one) for one in freed)
