"""What a segmenter is asked while the points are followed: each pair alone, its points on the thing, nothing else."""

from dataclasses import replace

import cv2
import numpy as np
import torch
from core.tiny import tiny_clip, tiny_model, tiny_picks

from dragvideo_core.layers.find import asked_layer
from dragvideo_core.layers.regions import Regions
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import PointPicks, VideoClip

CLIP = tiny_clip(3)


class Recording:
    """The thing is the picture's left half, of which a disc around the first prompt is given; keeps what it was asked."""

    masks, front, asks_points = None, None, True

    def __init__(self):
        self.asked = []

    def check(self, frames):
        """Any clip will do."""

    def free(self):
        """Nothing is held."""

    def foreground(self, index, frame, prompts):
        self.asked.append((index, prompts))
        rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
        near = (columns - prompts[0, 0]) ** 2 + (rows - prompts[0, 1]) ** 2 <= 12**2
        return near & (columns < 32)


def points() -> torch.Tensor:
    """Two pairs of three points, the third of each on the ground, and two mask points."""
    return torch.tensor([[10.0, 10], [12, 12], [40, 10], [10, 50], [12, 52], [40, 50], [11, 11], [50, 30]])


def test_each_pair_is_asked_alone_with_its_points_on_the_thing():
    segmenter = Recording()
    on_thing = Regions(segmenter, CLIP, None, pairs=2, members=3).of_picks(0, points())
    assert on_thing.tolist() == [True, True, False, True, True, False, True, False]
    first, second = segmenter.asked[:2], segmenter.asked[2:]
    assert [prompts.tolist() for _, prompts in first] == [[[12, 12]], [[12, 52]]]  # the handles: the middle of each set
    assert [prompts.tolist() for _, prompts in second] == [[[10, 10], [12, 12]], [[10, 50], [12, 52]]]


def test_the_region_is_the_union_over_the_pairs():
    regions = Regions(Recording(), CLIP, None, 2, 3)
    regions.of_picks(0, points())
    assert regions.masks[0, 0, 10, 10] and regions.masks[0, 0, 50, 10] and not regions.masks[0, 0, 10, 40]


def test_hidden_points_are_no_prompts_and_a_pair_of_hidden_points_is_not_asked_for():
    segmenter = Recording()
    regions, seen = Regions(segmenter, CLIP, None, 2, 3), torch.ones(8, dtype=torch.bool)
    before = regions.of_picks(0, points())
    seen[[0, 3, 4, 5]] = False
    segmenter.asked.clear()
    regions.of_frame(1, points(), before, seen, 0)
    assert [prompts.tolist() for _, prompts in segmenter.asked] == [[[12, 12]]]


def test_with_every_pair_hidden_the_region_moves_on():
    segmenter = Recording()
    regions, hidden = Regions(segmenter, CLIP, None, 2, 3), torch.zeros(8, dtype=torch.bool)
    before = regions.of_picks(0, points())
    segmenter.asked.clear()
    regions.of_frame(1, points(), before, hidden, 0)
    both = regions.masks[0] & regions.masks[1]
    assert not segmenter.asked and both.sum() > 0.7 * (regions.masks[0] | regions.masks[1]).sum()


def test_a_layer_that_is_known_is_not_asked_for():
    segmenter, layer = Recording(), torch.zeros(3, 1, 64, 64)
    layer[..., :20] = 1
    on_thing = Regions(segmenter, CLIP, layer, 2, 3).of_picks(0, points())
    assert not segmenter.asked and on_thing.tolist() == [True, True, False, True, True, False, True, False]


def test_mask_points_and_points_on_the_ground_are_never_prompts_in_a_propagation():
    """Fault: all points of all sets, mask points and ground points were prompts of one mask."""
    picks = replace(
        tiny_picks(),
        handles=torch.tensor([[26.0, 20.0], [20.0, 44.0]]),
        targets=torch.tensor([[30.0, 16.0], [24.0, 48.0]]),
        mask_points=torch.tensor([[50.0, 30.0], [10.0, 30.0]]),
    )
    segmenter = Recording()
    settings = PropagateSettings(tracker="flow", mask_radius=96.0, set_spacing=64.0)  # 8 px here: a column of the first set is off
    tracks = propagate(CLIP, picks, segmenter, tiny_model(), settings)
    assert tracks.layer.shape == (3, 1, 64, 64) and not tracks.is_foreground[0, 0].all()
    for index, prompts in segmenter.asked:
        at_mask_points = torch.cdist(prompts, tracks.mask_points[index]).amin(1) < 0.01
        assert len(prompts) <= 9 and not at_mask_points.any() and (prompts[:, 0] < 32.5).all()
    assert len([index for index, _ in segmenter.asked if index == 1]) == 2  # once for each pair


def test_points_that_are_known_in_every_frame_are_asked_for_in_the_same_way():
    segmenter, picks = Recording(), tiny_picks(frame=1)
    handles = torch.tensor([[22.0, 30.0], [24.0, 30.0], [40.0, 30.0]]).expand(3, 1, 3, 2)
    layer = asked_layer(CLIP, picks, segmenter, handles, torch.ones(3, 1, 3, dtype=torch.bool))
    assert layer.shape == (3, 1, 64, 64) and [index for index, _ in segmenter.asked] == [1, 1, 2, 0]
    assert all((prompts[:, 0] < 32).all() for _, prompts in segmenter.asked)


def rods(count: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """A body with a thin rod on it that goes fast over a textured ground: frames (N, 3, 160, 200), the layer of the first
    (160, 200), and where the rod's tip is, (N, 2) px."""
    random = np.random.default_rng(0)
    ground, looks = (cv2.GaussianBlur(random.random((160, 200, 3)).astype(np.float32), (0, 0), sigma) for sigma in (2, 1.5))
    frames, masks = [], []
    tips = np.array([[100.0 + 9 * i, 52.0 - 5 * i] for i in range(count)])
    for i, (x, y) in enumerate(tips.astype(int)):
        mask = np.zeros((160, 200), np.uint8)
        cv2.rectangle(mask, (x - 25, y + 53), (x + 25, y + 88), 1, -1)
        cv2.line(mask, (x, y + 53), (x, y - 2), 1, 3)
        thing = np.roll(looks, (-5 * i, 9 * i), (0, 1)) * 1.5 - 0.4
        frame = np.where(mask[..., None] > 0, thing.clip(0, 0.5), ground * 0.8 + 0.2)
        frames.append(cv2.GaussianBlur(frame, (0, 0), 0.6))
        masks.append(mask)
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2), torch.from_numpy(masks[0]).float(), tips


def test_a_handle_at_the_tip_of_a_thin_part_goes_along_with_the_layer_where_flow_slips_off():
    frames, layer, tips = rods(6)
    handle = torch.tensor(tips[:1]).float()
    picks = PointPicks(handle, handle - torch.tensor([12.0, 0.0]), torch.zeros(0, 2), 0, (160, 200))
    clip = VideoClip(frames, torch.arange(len(frames)), 24.0)
    tracks = propagate(clip, picks, segment(layer[None]), settings=PropagateSettings(tracker="flow"))
    assert np.abs(tracks.handles[:, 0].mean(1).numpy() - tips).max() < 1.5 and tracks.visible.any(2).all()
