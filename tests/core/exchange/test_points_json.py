"""Points of other packs as the text that the picker starts from."""

import json

import pytest
import torch

from dragvideo_core.exchange.points_json import points_text
from dragvideo_core.stages.pick import pick
from dragvideo_core.types import UserError

SIZE = (128, 192)  # (H, W)
RADIUS = 8.0


def read(value):
    return pick(points_text(value, SIZE, RADIUS), SIZE, 4, least=0)


def test_a_text_stays_as_it_is():
    for text in ("", "[{'x': 5, 'y': 6}, {'x': 9, 'y': 6}]", '{"version": 1}', "no points"):
        assert points_text(text, SIZE, RADIUS) == text
    assert points_text(None, SIZE, RADIUS) == points_text([], SIZE, RADIUS) == ""


def test_a_track_becomes_an_arrow_from_its_first_place_to_its_last():
    path = torch.tensor([[[10.0, 20.0], [180.0, 5.0]], [[11.0, 22.0], [185.0, 3.0]], [[14.0, 25.5], [400.0, -9.0]]])
    tracks = {"track_path": path, "track_visibility": torch.ones(3, 2, dtype=torch.bool)}
    picks = read(tracks)
    assert picks.handles.tolist() == [[10, 20], [180, 5]] and picks.frame == 0
    assert picks.targets.tolist() == [[14, 25.5], [191, 0]], "an end outside the frame is brought in"
    as_json = json.dumps([[{"x": x, "y": y} for x, y in track] for track in path.transpose(0, 1).tolist()])
    assert points_text(as_json, SIZE, RADIUS) == points_text(as_json.replace('"', "'"), SIZE, RADIUS)
    assert json.loads(points_text(as_json, SIZE, RADIUS)) == json.loads(points_text(tracks, SIZE, RADIUS))


@pytest.mark.parametrize("box", [(40, 30, 60, 50), (100, 20, 7, 9), (0, 0, 192, 128), (170, 100, 90, 90)])
def test_a_box_becomes_mask_squares_that_fill_it(box):
    """Every pixel of the box that is in the frame is covered; of squares that fit into it nothing sticks out."""
    x, y, width, height = box
    picks = read([dict(zip(("x", "y", "width", "height"), box, strict=True))])
    assert len(picks.handles) == 0
    ys, xs = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="ij")
    pixels = torch.stack([xs, ys], -1).reshape(-1, 1, 2).float()
    covered = ((pixels - picks.mask_points).abs().amax(-1) <= RADIUS + 1e-4).any(1).reshape(SIZE)
    inside = torch.zeros(SIZE, dtype=torch.bool)
    inside[y : y + height, x : x + width] = True
    assert covered[inside].all()
    fits = min(width, SIZE[1] - x) > 2 * RADIUS and min(height, SIZE[0] - y) > 2 * RADIUS
    assert not fits or not covered[~inside].any()


def test_boxes_come_alone_in_a_list_or_per_frame():
    box = {"x": 4, "y": 5, "width": 6, "height": 7}
    assert len({points_text(value, SIZE, RADIUS) for value in (box, [box], [[box], [box, box]])}) == 1
    assert read({**box, "width": 0}).mask_points.shape == (0, 2)


@pytest.mark.parametrize(
    "wrong",
    [7, torch.zeros(3), {"x": 1}, [{"x": 1, "y": 2, "width": None, "height": 3}], ["box"], [[[1]]], {"track_path": 3},
     [{"x": 1, "y": 2, "width": 1, "height": 1}] * 300, "[[1, 2], [3, 4]]",
     [{"x": float("nan"), "y": 2, "width": 1, "height": 1}]],
)  # fmt: skip
def test_anything_else_is_one_clear_error(wrong):
    with pytest.raises(UserError, match="got"):
        points_text(wrong, SIZE, RADIUS)
