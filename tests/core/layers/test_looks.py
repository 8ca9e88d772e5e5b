"""What colours say of a carried layer: only where motion explains nothing, and where only one side has the colour."""

import numpy as np
import pytest
import torch

from dragvideo_core.layers.carry import carry
from dragvideo_core.layers.colours import blurred_lab
from dragvideo_core.layers.looks import Palette, put_right
from dragvideo_core.layers.pixels import Places

SIDE = 128


def scene(thing: np.ndarray, seed: int = 0) -> torch.Tensor:
    """A frame (3, H, W) of a red thing (H, W) bool on a green and brown ground, both with texture; the ground always the same."""
    noise = np.random.default_rng(seed).random((3, SIDE, SIDE)).astype(np.float32)
    ground = np.array([0.25, 0.45, 0.15], np.float32)[:, None, None] + 0.2 * (noise - 0.5)
    red = np.array([0.8, 0.2, 0.2], np.float32)[:, None, None] + 0.1 * (noise - 0.5)
    return torch.from_numpy(np.where(thing, red, ground))


def disc(x: float, y: float, radius: float) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    return np.hypot(columns - x, rows - y) <= radius


def where_it_is() -> Places:
    columns, rows = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    return columns, rows


def colours(frame: torch.Tensor) -> np.ndarray:
    return blurred_lab((255 * frame.numpy().transpose(1, 2, 0)).astype(np.uint8))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_part_that_jumps_further_than_it_is_wide_is_found_again():
    body, truth = disc(50, 80, 24), []
    for i in range(5):
        angle = -0.9 + 0.45 * i  # a thin arm swings about the body's middle: its tip moves by 22 px from frame to frame
        arm = np.zeros_like(body)
        for along in np.arange(0, 50, 0.5):
            arm |= disc(50 + along * np.cos(angle), 80 + along * np.sin(angle), 3)
        truth.append(body | arm)
    frames = torch.stack([scene(thing) for thing in truth])
    layer = carry(frames, {0: truth[0].astype(np.float32)})[:, 0].numpy() >= 0.5
    assert min(iou(one, thing) for one, thing in zip(layer, truth, strict=True)) > 0.95


def test_what_comes_from_behind_the_thing_is_taken_in_and_what_goes_is_let_go():
    small, large = disc(64, 64, 20), disc(64, 64, 20) | disc(88, 64, 8)
    for first, second in ((small, large), (large, small)):
        frames = torch.stack([scene(first), scene(second)])
        layer = carry(frames, {0: first.astype(np.float32)})[1, 0].numpy() >= 0.5
        assert iou(layer, second) > 0.97


def test_what_appears_beside_the_thing_is_taken_in_only_if_the_thing_had_its_colour():
    thing, beside = disc(64, 64, 20), disc(88, 64, 8) & ~disc(64, 64, 20)
    layer, before = thing.astype(np.float32), scene(thing)
    palette = Palette.of(colours(before), layer)
    for colour, is_known in (((0.8, 0.2, 0.2), True), ((0.75, 0.2, 0.6), False)):  # both nearer to the thing's than to the ground's
        after = before.clone()
        after[:, beside] = torch.tensor(colour)[:, None]
        places = where_it_is(), where_it_is()
        alone, asked = (put_right(layer, layer, colours(before), colours(after), places, one, SIDE) for one in (None, palette))
        assert (alone >= 0.5)[beside].mean() > 0.9
        assert ((asked >= 0.5)[beside].mean() > 0.9) == is_known and (is_known or np.array_equal(asked, layer))


def test_what_looks_as_its_motion_brings_it_stays_whatever_its_colour():
    frame, wrong = colours(scene(disc(64, 64, 20))), disc(70, 60, 22).astype(np.float32)
    assert np.array_equal(put_right(wrong, wrong, frame, frame, (where_it_is(), where_it_is()), None, SIDE), wrong)


def test_a_palette_mends_the_edge_alone_and_leaves_the_inside_and_what_is_far():
    thing = disc(64, 64, 20)
    frame = colours(scene(thing | disc(110, 110, 8)))  # what has the thing's colour, but lies elsewhere
    palette = Palette.of(colours(scene(thing)), thing.astype(np.float32))
    assert palette is not None
    for given in (disc(64, 64, 18), disc(64, 64, 22)):
        mended = palette.put_right(given.astype(np.float32), frame, SIDE) >= 0.5
        assert 1 - iou(mended, thing) < (1 - iou(given, thing)) / 5  # pixels that show both decide nothing
        assert not mended[100:, 100:].any()


def test_colours_that_both_have_and_single_pixels_decide_nothing():
    thing, plain = disc(64, 64, 20), np.full((SIDE, SIDE, 3), 50, np.float32)
    layer = thing.astype(np.float32)
    palette = Palette.of(plain, layer)
    assert palette is not None and np.array_equal(palette.put_right(layer, plain, SIDE), layer)
    red = Palette.of(colours(scene(thing)), layer)
    dotted = colours(scene(thing))
    dotted[64, 85] = dotted[64, 64]  # one pixel beside the edge
    plainly = red.put_right(layer, colours(scene(thing)), SIDE)
    assert np.array_equal(red.put_right(layer, dotted, SIDE), plainly)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_a_thing_or_ground_to_see_there_is_no_palette(value):
    assert Palette.of(np.zeros((8, 8, 3), np.float32), np.full((8, 8), value, np.float32)) is None
