"""Segment: masks win, SAM is asked once per frame, everything else is everything."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dragvideo_core.layers import sam as sam_part
from dragvideo_core.layers.sam import SamSegmenter, load_sam
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import UserError

FRAME = torch.rand(3, 64, 128, generator=torch.Generator().manual_seed(0))
POINT = torch.tensor([[40.0, 30.0]])


# ------------------------------------------------------------------------------------------------------ mask, nothing


def test_without_anything_everything_is_foreground():
    assert segment().foreground(3, FRAME, POINT).all()
    assert segment().foreground(3, FRAME, POINT).shape == (64, 128)


@pytest.mark.parametrize("shape", [(64, 128), (1, 64, 128)])
def test_one_mask_serves_every_frame(shape):
    mask = torch.rand(shape)
    segmenter = segment(mask)
    segmenter.check(5)
    for index in (0, 4):
        assert torch.equal(segmenter.foreground(index, FRAME, POINT), mask.reshape(64, 128) >= 0.5)


def test_every_frame_has_its_mask():
    masks = torch.rand(3, 64, 128)
    segmenter = segment(masks)
    segmenter.check(3)
    for index in range(3):
        assert torch.equal(segmenter.foreground(index, FRAME, POINT), masks[index] >= 0.5)


def test_a_mask_wins_over_sam():
    assert not segment(torch.zeros(64, 128), sam=object()).foreground(0, FRAME, POINT).any()


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 4])
def test_a_mask_of_another_size_is_resized(factor):
    wanted = torch.zeros(64, 128)
    wanted[16:40, 32:104] = 1.0
    side = int(64 * factor), int(128 * factor)
    rows = ((torch.arange(side[0]) + 0.5) / factor).long()
    columns = ((torch.arange(side[1]) + 0.5) / factor).long()
    resized = wanted[rows][:, columns]
    assert torch.equal(segment(resized).foreground(0, FRAME, POINT), wanted.bool())


@pytest.mark.faults
@pytest.mark.parametrize(
    "mask, says",
    [
        (torch.zeros(3, 64, 128), r"each frame \(5\): got 3 masks"),
        (torch.zeros(0, 64, 128), "shape"),
        (torch.zeros(5, 1, 64, 128), "shape"),
        (torch.zeros(64), "shape"),
        (torch.full((64, 128), torch.nan), "NaN"),
    ],
)
def test_a_bad_mask_says_why(mask, says):
    with pytest.raises(UserError, match=says):
        segment(mask).check(5)


@pytest.mark.faults
def test_a_frame_without_a_mask_says_so():
    with pytest.raises(UserError, match="got 3 masks"):
        segment(torch.zeros(3, 64, 128)).foreground(3, FRAME, POINT)


# --------------------------------------------------------------------------------------------------------------- SAM


def tiny_sam() -> torch.nn.Module:
    """A SAM of the package's own parts, of 64 x 64 pictures and random weights."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    torch.manual_seed(0)
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=64,
            patch_size=16,
            embed_dim=16,
            depth=1,
            num_heads=2,
            mlp_ratio=2,
            out_chans=32,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=[0],
            window_size=2,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        ),
        prompt_encoder=PromptEncoder(embed_dim=32, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_chans=4),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer_dim=32,
            iou_head_depth=2,
            iou_head_hidden_dim=16,
            transformer=TwoWayTransformer(depth=1, embedding_dim=32, mlp_dim=32, num_heads=2),
        ),
    ).eval()


@pytest.fixture
def counted():
    """A segmenter with a tiny SAM, and the list of what its image encoder was asked."""
    sam, asked = tiny_sam(), []
    sam.image_encoder.register_forward_hook(lambda module, inputs, output: asked.append(inputs[0]))
    return segment(sam=sam), asked


def test_each_frame_is_embedded_once(counted):
    segmenter, asked = counted
    other = FRAME.flip(2)
    first = segmenter.foreground(0, FRAME, POINT)
    second = segmenter.foreground(1, other, POINT)
    assert first.shape == (64, 128) and first.dtype == torch.bool
    assert len(asked) == 2
    assert torch.equal(segmenter.foreground(0, FRAME, POINT), first)  # from the kept embedding, the same mask
    assert torch.equal(segmenter.foreground(1, other, POINT), second)
    segmenter.foreground(0, FRAME, torch.tensor([[5.0, 5.0], [100.0, 50.0]]))
    assert len(asked) == 2


def test_another_picture_under_the_same_number_is_embedded_anew(counted):
    segmenter, asked = counted
    segmenter.foreground(0, FRAME, POINT)
    segmenter.foreground(0, 1 - FRAME, POINT)
    segmenter.foreground(0, FRAME.reshape(3, 128, 64), POINT)
    assert len(asked) == 3


def test_embeddings_are_bounded_and_the_latest_stay(counted, monkeypatch):
    monkeypatch.setattr(sam_part, "MAX_EMBEDDINGS", 2)
    segmenter, asked = counted
    for index in (0, 1, 0, 2, 0):
        segmenter.foreground(index, FRAME, POINT)
    assert len(asked) == 3 and len(segmenter._embeddings) == 2
    segmenter.foreground(1, FRAME, POINT)
    assert len(asked) == 4


def test_the_best_mask_for_positive_points_is_taken(counted):
    segmenter, _ = counted
    predictor, prompts = segmenter._predictor, torch.tensor([[40.0, 30.0], [70.5, 10.25]])
    given = segmenter.foreground(0, FRAME, prompts)
    predictor.set_image((FRAME.permute(1, 2, 0) * 255).round().byte().numpy())
    masks, scores, _ = predictor.predict(prompts.numpy(), np.array([1, 1]))
    assert np.array_equal(given.numpy(), masks[scores.argmax()])
    assert any(not np.array_equal(given.numpy(), mask) for mask in masks)  # else the choice would not show


def test_points_off_the_thing_are_said_to_be_off_it(counted):
    segmenter, _ = counted
    predictor, on, off = segmenter._predictor, torch.tensor([[40.0, 30.0]]), torch.tensor([[100.0, 50.0], [-5.0, 10.0]])
    given = segmenter.foreground(0, FRAME, on, off)
    predictor.set_image((FRAME.permute(1, 2, 0) * 255).round().byte().numpy())
    masks, scores, _ = predictor.predict(torch.cat([on, off[:1]]).numpy(), np.array([1, 0]))
    assert np.array_equal(given.numpy(), masks[scores.argmax()])
    assert not torch.equal(given, segmenter.foreground(0, FRAME, on))
    assert not segmenter.foreground(0, FRAME, on[:0], off).any()  # nothing is said to be on it


def test_free_gives_everything_back_and_the_segmenter_goes_on(counted):
    segmenter, asked = counted
    before = segmenter.foreground(0, FRAME, POINT)
    segmenter.free()
    assert not segmenter._embeddings and segmenter._predictor.features is None
    assert torch.equal(segmenter.foreground(0, FRAME, POINT), before) and len(asked) == 2


def test_a_sam_made_in_inference_mode_serves_outside_of_it():
    """ComfyUI runs nodes in inference mode; `propagate` may ask from outside."""
    with torch.inference_mode():
        segmenter = segment(sam=tiny_sam())
        inside = segmenter.foreground(0, FRAME, POINT)
    assert torch.equal(segmenter.foreground(0, FRAME, POINT), inside)  # from the kept embedding
    segmenter.free()
    outside = segmenter.foreground(0, FRAME, POINT)
    assert torch.equal(outside, inside) and not outside.is_inference()


def test_points_outside_the_frame_are_left_out(counted):
    segmenter, asked = counted
    nowhere = torch.tensor([[-5.0, 10.0], [10.0, 64.0], [float("nan"), 3.0]])
    assert not segmenter.foreground(0, FRAME, nowhere).any() and not asked
    both = segmenter.foreground(0, FRAME, torch.cat([nowhere, POINT]))
    assert torch.equal(both, segmenter.foreground(0, FRAME, POINT))


class ImpactWrapper:
    """As the Impact pack's SAMWrapper: the predictor of the model on every call, all masks of a score above the threshold,
    or else the best one; with no score above 0, none. Its model is on the device only between prepare and release."""

    def __init__(self, scores=(1.01, 1.02)):
        self.calls, self.scores = [], scores

    def prepare_device(self):
        self.calls.append("prepare")

    def release_device(self):
        self.calls.append("release")

    def predict(self, image, points, plabs, bbox, threshold):
        assert self.calls[-1] == "prepare"
        self.calls.append((image.shape, image.dtype, points, plabs, bbox))
        masks = [np.zeros((64, 128), bool), np.ones((64, 128), np.float32)]  # SAM 2's are numbers
        best = max(zip(self.scores, range(2), strict=True))
        above = [mask for mask, score in zip(masks, self.scores, strict=True) if score >= threshold]
        return above or ([masks[best[1]]] if best[0] > 0 else [])


@pytest.mark.parametrize("is_bare", [False, True], ids=["SAM", "SAM 2"])
def test_a_sam_model_of_the_impact_pack_is_asked_its_way(is_bare):
    """Its loader hangs a SAMWrapper on the model as `sam_wrapper`; of SAM 2 it hands on the wrapper itself."""
    wrapper = ImpactWrapper()
    segmenter = segment(sam=wrapper if is_bare else SimpleNamespace(sam_wrapper=wrapper))
    segmenter.check(7)
    assert segmenter.foreground(0, FRAME, POINT).all()
    asked = ((64, 128, 3), np.uint8, [[40.0, 30.0]], [1], None)
    assert wrapper.calls == ["prepare", asked, "release"]
    segmenter.foreground(0, FRAME, POINT, torch.tensor([[9.0, 8.0]]))
    assert wrapper.calls[4] == ((64, 128, 3), np.uint8, [[40.0, 30.0], [9.0, 8.0]], [1, 0], None)
    segmenter.free()


def test_a_sam_model_that_finds_nothing_and_one_that_fails():
    assert not segment(sam=ImpactWrapper(scores=(0.0, -1.0))).foreground(0, FRAME, POINT).any()
    wrapper = ImpactWrapper()
    wrapper.predict = lambda *asked: 1 / 0
    with pytest.raises(ZeroDivisionError):
        segment(sam=wrapper).foreground(0, FRAME, POINT)
    assert wrapper.calls == ["prepare", "release"]


def test_the_impact_packs_wrapper_around_a_real_sam_gives_the_mask_that_ours_gives():
    """The same calls as its `sam_predict` makes, on `segment_anything`'s own predictor."""
    from segment_anything import SamPredictor

    class Wrapper(ImpactWrapper):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def predict(self, image, points, plabs, bbox, threshold):
            predictor = SamPredictor(self.model)
            predictor.set_image(image, "RGB")
            masks, scores, _ = predictor.predict(
                point_coords=np.array(points), point_labels=np.array(plabs), box=None if bbox is None else np.array([bbox])
            )
            return [masks[int(scores.argmax())]] if scores.max() < threshold else list(masks)

    theirs = segment(sam=SimpleNamespace(sam_wrapper=Wrapper(tiny_sam()))).foreground(0, FRAME, POINT)
    assert torch.equal(theirs, segment(sam=tiny_sam()).foreground(0, FRAME, POINT))


@pytest.mark.faults
def test_something_that_is_no_sam_says_so():
    with pytest.raises(UserError, match="SAM_MODEL"):
        segment(sam=torch.nn.Identity())


# -------------------------------------------------------------------------------------------------------- checkpoints


@pytest.mark.slow
@pytest.mark.sam
def test_a_real_format_vit_b_checkpoint(tmp_path):
    """The one test with 94 million weights: written, told by its shapes, read, asked twice, embedded once."""
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        shapes = {name: value.shape for name, value in sam_model_registry["vit_b"]().state_dict().items()}
    random = torch.Generator().manual_seed(0)
    weights = {name: torch.empty(shape).uniform_(-0.02, 0.02, generator=random) for name, shape in shapes.items()}
    path = tmp_path / "anything.pth"
    torch.save(weights, path)
    sam = load_sam(path)
    assert sam.image_encoder.pos_embed.shape[-1] == 768 and not sam.training
    name = "image_encoder.blocks.7.attn.qkv.weight"
    assert torch.equal(sam.state_dict()[name], weights[name])
    assert torch.equal(sam.pixel_mean.flatten(), torch.tensor([123.675, 116.28, 103.53]))  # not in the file
    segmenter, asked = SamSegmenter(sam), []
    assert segmenter.file == path
    sam.image_encoder.register_forward_hook(lambda module, inputs, output: asked.append(output.shape))
    mask = segmenter.foreground(0, FRAME, POINT)
    assert mask.shape == (64, 128) and mask.dtype == torch.bool
    assert torch.equal(segmenter.foreground(0, FRAME, POINT), mask)
    assert asked == [(1, 256, 64, 64)]  # the embedding was kept
    segmenter.free()
    assert not segmenter._embeddings


@pytest.mark.faults
def test_a_missing_checkpoint_says_which_where_and_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match="no SAM file 'sam_vit_b.pth' in .*models/sams") as caught:
        load_sam(tmp_path / "sam_vit_b.pth")
    assert str(tmp_path) in str(caught.value) and "Download" in str(caught.value)


class Evil:
    def __reduce__(self):
        return print, ("code in a checkpoint was run",)


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["empty", "text", "other model", "list", "code", "cut", "one weight missing", "safetensors"])
def test_a_file_that_is_no_sam_says_so(tmp_path, kind, capsys):
    path = tmp_path / ("other.safetensors" if kind == "safetensors" else "other.pth")
    position = {"image_encoder.pos_embed": torch.zeros(1, 64, 64, 768)}
    if kind in ("empty", "text"):
        path.write_text("" if kind == "empty" else "not weights " * 100)
    elif kind == "safetensors":
        save_file({"a": torch.zeros(3)}, path)
    else:
        torch.save({"other model": {"a": torch.zeros(3)}, "list": [1], "code": {"a": Evil()}}.get(kind, position), path)
        if kind == "cut":
            path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="'other.*is not a SAM checkpoint: expected .*, got .*models/sams"):
        load_sam(path)
    assert capsys.readouterr().out == ""
