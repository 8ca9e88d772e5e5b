"""The thing as what moves with the handle and unlike the ground."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.embedded.demo_film import FRAMES, KIND, SEED, demo_film
from dragvideo_core.layers.guess import guessed_layer
from dragvideo_core.layers.moving import STEPS, moving_region
from dragvideo_core.layers.pixels import as_picture

SIDE, SPEED = 128, 3.0  # px; px a frame
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
HANDLE = np.array([[60.0, 50.0]])
MASK = np.hypot(COLUMNS - 62, ROWS - 52) < 40


def texture(seed: int, colour: tuple[int, ...], side: int = SIDE) -> np.ndarray:
    """Spots of about 4 px, (side, side, 3)."""
    spots = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (side, side, 1)).astype(np.float32), (0, 0), 2.0)[..., None]
    return np.array(colour) + 25 * spots / spots.std()


GROUND = texture(0, (80, 120, 90), 2 * SIDE)
BANDS = [texture(1, (200, 60, 50)), texture(2, (230, 210, 80)), texture(3, (60, 60, 200))]  # the thing's colours from top to bottom


def thing(step: int) -> np.ndarray:
    return (abs(COLUMNS - 60 - SPEED * step) < 14) & (ROWS > 30) & (ROWS < 90)


def frame(step: int, pan: int = 0, speed: float = SPEED) -> np.ndarray:
    """A film's frame: the camera pans by `pan` px a frame, the thing moves on by itself."""
    at = SIDE // 2 + pan * step
    picture = GROUND[SIDE // 2 : SIDE // 2 + SIDE, at : at + SIDE].copy()
    moved = int(speed * step)
    bands = np.where(ROWS[..., None] < 50, BANDS[0], np.where(ROWS[..., None] < 70, BANDS[1], BANDS[2]))
    where = np.roll(thing(0), moved, 1)
    picture[where] = np.roll(bands, moved, 1)[where]
    return picture.clip(0, 255).astype(np.uint8)


def film(**how: float) -> list[np.ndarray]:
    return [frame(step, **how) for step in STEPS]


def iou(region: np.ndarray | None) -> float:
    assert region is not None
    true = thing(0)
    return float((region & true & MASK).sum() / ((region | true) & MASK).sum())


@pytest.mark.parametrize("pan", [0, 2])
def test_a_thing_of_several_colours_is_found_by_its_motion_also_where_the_camera_pans(pan: int):
    assert iou(moving_region(frame(0), film(pan=pan), HANDLE, MASK)) > 0.9


def test_one_frame_beside_it_is_enough():
    assert iou(moving_region(frame(0), [frame(1)], HANDLE, MASK)) > 0.85


@pytest.mark.parametrize(
    "others",
    [[], film(speed=0), [texture(40 + step, (120, 90, 60)).clip(0, 255).astype(np.uint8) for step in STEPS]],
    ids=["one picture", "nothing moves", "behind a cut"],
)
def test_where_no_film_shows_it_move_nothing_is_known(others: list[np.ndarray]):
    assert moving_region(frame(0), others, HANDLE, MASK) is None


def test_a_handle_on_the_ground_moves_like_the_ground():
    assert moving_region(frame(0), film(pan=2), np.array([[100.0, 20.0]]), MASK) is None


def test_the_guess_takes_all_colours_of_what_moves():
    points = torch.from_numpy(HANDLE).float(), torch.tensor([[10.0, 0.0]])
    by_colours, by_motion = (guessed_layer(frame(0), *points, MASK, others) for others in ((), film()))
    assert by_motion is not None and iou(by_motion >= 0.5) > 0.9
    assert by_colours is None or iou(by_colours >= 0.5) < 0.7


def test_the_same_film_gives_the_same_region():
    first, again = (moving_region(frame(0), film(), HANDLE, MASK) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("size", [(3, 3), (8, 40), (40, 9)])
def test_tiny_pictures_are_no_error(size: tuple[int, int]):
    pictures = [np.random.default_rng(i).integers(0, 255, (*size, 3), np.uint8) for i in range(3)]
    moving_region(pictures[0], pictures[1:], np.array([[1.0, 1.0]]), np.ones(size, bool))


def test_a_head_whose_body_goes_the_other_way_comes_with_its_neck_and_body():
    """The pack's own film, as *Drag a Film* sees it: the middle of the neck stands still, its bands have the body's colours."""
    demo = demo_clip(KIND, SEED, FRAMES)
    pictures = [as_picture(frame) for frame in functional.avg_pool2d(demo_film().frames, 2)]
    true = functional.interpolate(demo.layer[:1], scale_factor=2, mode="bilinear")[0, 0].numpy() >= 0.5
    y, x = np.mgrid[:256, :256]
    edit_mask = np.hypot(x - 122, y - 50) < 80
    others = [pictures[step] for step in STEPS if 0 <= step < len(pictures)]
    found = moving_region(pictures[0], others, np.array([[97.75, 51.75]]), edit_mask)
    part = np.s_[:180]  # legs swing, and lie outside of the box that is looked at
    assert (found & true)[part].sum() / (found | true)[part].sum() > 0.85
