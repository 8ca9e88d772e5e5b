"""What moves apart from the ground is told from it by motion alone, on both sides of its way."""

import numpy as np
import pytest

from dragvideo_core.layers.apart import odds_of_motion, view
from dragvideo_core.layers.pixels import grown, opencv, shrunk


def noise(seed: int, size: tuple[int, int]) -> np.ndarray:
    """A texture (H, W, 3) uint8."""
    values = np.random.default_rng(seed).uniform(0, 255, (*size, 3)).astype(np.float32)
    smooth = opencv().GaussianBlur(values, (0, 0), 1.5) - 127.5
    return (127.5 + 3 * smooth).clip(0, 255).astype(np.uint8)


def scene(shift: int, size: tuple[int, int] = (128, 144), second_seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A textured upright bar over ground of a like texture, `shift` px to the right of its first place; and where the bar is."""
    ground, thing = noise(1 if second_seed is None else second_seed, size), noise(2, size)
    bar = np.zeros(size, bool)
    bar[24:104, 60 + shift : 84 + shift] = True
    return np.where(bar[..., None], np.roll(thing, shift, 1), ground), bar


def known(bar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return shrunk(bar, 9.0), ~grown(bar, 14.0)


def test_the_thing_and_the_ground_beside_it_are_told_apart():
    (picture, bar), (other, _) = scene(0), scene(6)
    odds = odds_of_motion(picture, [view(picture, other)], *known(bar))
    assert odds is not None
    assert odds[shrunk(bar, 2.0) & ~shrunk(bar, 8.0)].mean() > 0.3
    assert odds[24:104, 48:58].mean() < -0.3  # behind it


def test_ground_that_the_thing_covers_is_no_part_of_it():
    """Fault: in front of the thing, on its way, the ground cannot be seen in the other frame, and looked as if it moved."""
    (picture, bar), (other, _) = scene(0), scene(6)
    odds = odds_of_motion(picture, [view(picture, other)], bar, ~grown(bar, 14.0))
    assert odds is not None and odds[30:98, 85:89].mean() < 0.1


@pytest.mark.parametrize("other", [scene(0)[0], scene(6, second_seed=7)[0][:, ::-1].copy()])
def test_where_nothing_moves_or_all_is_new_nothing_is_told(other: np.ndarray):
    picture, bar = scene(0)
    assert odds_of_motion(picture, [view(picture, other)], *known(bar)) is None
