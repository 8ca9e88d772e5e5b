"""What passes over the ground is not taken for ground."""

import cv2
import numpy as np
import pytest

from dragvideo_core.ground.fill import fill_freed
from dragvideo_core.ground.passing import passing

SIZE, COUNT, RADIUS = (96, 128), 12, 9


def ground(step: int = 0) -> list[np.ndarray]:
    """A textured ground, shown by a camera that goes `step` px to the right in each frame: float32 in [0, 1]."""
    noise = np.random.default_rng(3).random((SIZE[0], SIZE[1] + COUNT * step, 3)).astype(np.float32)
    world = (cv2.GaussianBlur(noise, (0, 0), 3) - 0.5) * 3 + 0.5
    return [world[:, i * step : i * step + SIZE[1]].clip(0.2, 0.8) for i in range(COUNT)]


def with_ball(pictures: list[np.ndarray], frames: range, speed: int, y: int = 48) -> tuple[list[np.ndarray], np.ndarray]:
    """A white ball that flies by in these frames, and where it is, (N, H, W) bool."""
    drawn, where = [one.copy() for one in pictures], np.zeros((COUNT, *SIZE), bool)
    for i in frames:
        canvas = np.zeros(SIZE, np.uint8)
        cv2.circle(canvas, (20 + speed * (i - frames.start), y), RADIUS, 1, -1)
        where[i] = canvas > 0
        drawn[i][where[i]] = 1
    return drawn, where


def of(pictures: list[np.ndarray], step: int = 0, known: np.ndarray | None = None) -> np.ndarray:
    """(N, H, W)"""
    ways = [np.array([[1, 0, -step * i], [0, 1, 0], [0, 0, 1]], float) for i in range(COUNT)]
    return np.stack(passing(pictures, list(np.ones((COUNT, *SIZE), bool) if known is None else known), ways))


@pytest.mark.parametrize("step", [0, 2])
def test_a_ball_that_flies_by_is_found_with_its_edge_and_nothing_else(step: int):
    pictures, ball = with_ball(ground(step), range(4, 8), 12)
    found = of(pictures, step)
    edge = np.stack([cv2.dilate(one.astype(np.uint8), np.ones((13, 13))) > 0 for one in ball])
    assert (found | ~ball)[:, :, 30:-30].all() and not (found & ~edge).any()


def test_nothing_passes_over_ground_that_stays_the_same_or_gets_darker():
    pictures = ground()
    assert not of(pictures).any()
    assert not of([one * (1 - 0.05 * i) for i, one in enumerate(pictures)]).any()


def test_what_lies_there_most_of_the_time_is_ground():
    pictures, ball = with_ball(ground(), range(1, 12), 0)
    assert not (of(pictures) & ball).any()


def test_where_few_frames_show_the_ground_none_of_them_is_wrong():
    pictures, _ = with_ball(ground(), range(4, 8), 0)
    known = np.zeros((COUNT, *SIZE), bool)
    known[3:7] = True
    assert not of(pictures, 0, known).any()


def test_a_hole_is_not_filled_with_a_ball_that_flies_over_it_in_the_frames_beside():
    truth = ground()
    pictures, _ = with_ball(truth, range(1, 4), 0, 50)
    pictures[2][40:60, 12:28] = (1, 0, 1)
    hole = np.zeros((COUNT, *SIZE), bool)
    hole[2, 40:60, 12:28] = True
    filled, shown = fill_freed(pictures, hole, hole)
    assert shown[2][hole[2]].all() and np.abs(filled[2] - truth[2][hole[2]]).max() < 0.02
