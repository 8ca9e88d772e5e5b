"""How the thing about a handle turns and grows, on a texture that is turned and sized by known amounts."""

import cv2
import numpy as np
import pytest
import torch

from dragvideo_core.points.similarity import similarities, turned

SIZE, COUNT, CENTRE = (128, 160), 12, (80.0, 64.0)
ASKED = torch.tensor([True])


def texture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0, 1, (64, 64, 3)).astype(np.float32)
    return cv2.GaussianBlur(cv2.resize(coarse, (512, 512), interpolation=cv2.INTER_CUBIC), (0, 0), 1.5).clip(0, 1)


def film(true: np.ndarray, radius: float = 400.0) -> torch.Tensor:
    """A disc of this radius px, turned and sized by `true` (N,) complex about the centre, over a ground that stands still."""
    thing, ground = texture(0), texture(1)[: SIZE[0], : SIZE[1]]
    frames = []
    for by in true:
        middle = np.array([256.0, 256.0])
        map_to = np.array([[by.real, -by.imag], [by.imag, by.real]])
        there = np.concatenate([map_to, (CENTRE - map_to @ middle)[:, None]], 1)
        disc = np.zeros((512, 512), np.float32)
        cv2.circle(disc, (256, 256), round(radius), 1, -1)
        moved, cover = (cv2.warpAffine(one, there, SIZE[::-1], flags=cv2.INTER_AREA) for one in (thing, disc))
        frames.append(moved * cover[..., None] + ground * (1 - cover[..., None]))
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def way_of(true: np.ndarray, place: complex = 6 - 4j) -> torch.Tensor:
    """Where a place of the thing is in each frame, (N, 1, 2) px."""
    places = complex(*CENTRE) + place * true
    return torch.from_numpy(np.stack([places.real, places.imag], -1)).float()[:, None]


def amounts(size: float, degrees: float) -> np.ndarray:
    share = np.arange(COUNT) / (COUNT - 1)
    return size**share * np.exp(1j * np.radians(degrees) * share)


@pytest.mark.parametrize("picked", [0, 5, 11])
@pytest.mark.parametrize("size, degrees", [(0.6, 0.0), (1.5, 0.0), (1.0, 35.0), (0.75, -30.0)])
def test_turn_and_size_are_found_and_do_not_tremble(picked: int, size: float, degrees: float):
    true = amounts(size, degrees)
    found = similarities(film(true), picked, way_of(true), ASKED)[:, 0].numpy()
    ratio = found / (true / true[picked])
    assert abs(found[picked] - 1) < 1e-6 and np.abs(ratio - 1).max() < 0.05 and np.abs(np.diff(ratio)).max() < 0.01


def test_what_stands_still_stays_as_it_is():
    true = np.ones(COUNT, complex)
    assert (similarities(film(true), 3, way_of(true), ASKED) - 1).abs().max() < 1e-3


def test_only_what_belongs_to_the_thing_counts():
    """A small thing shrinks on a ground that stands still, and most places about its handle are ground."""
    true = amounts(0.7, 0.0)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    thing = torch.from_numpy((np.hypot(x - CENTRE[0], y - CENTRE[1]) <= 10).astype(np.float32))
    frames, way = film(true, 10.0), way_of(true, 0j)
    with_it, without = (similarities(frames, 0, way, ASKED, one)[:, 0].numpy() / true for one in (thing, None))
    assert np.abs(with_it - 1).max() < 0.08 and np.abs(without - 1).max() > 0.3


def test_pairs_that_are_not_asked_for_and_things_of_too_few_places_stay_as_they_are():
    true = amounts(0.6, 20.0)
    frames, way = film(true), way_of(true).expand(-1, 2, -1)
    both = similarities(frames, 0, way, torch.tensor([True, False]))
    assert torch.equal(both[:, 1], torch.ones(COUNT, dtype=torch.complex64)) and (both[-1, 0] - 1).abs() > 0.3
    speck = torch.zeros(SIZE)
    speck[60:64, 84:88] = 1.0
    assert torch.equal(similarities(frames, 0, way, torch.tensor([True, True]), speck), torch.ones(COUNT, 2, dtype=torch.complex64))


def test_it_is_eased_over_frames_that_do_not_show_the_thing():
    true = amounts(0.7, 20.0)
    frames = film(true)
    frames[4:8] = torch.rand(4, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    found = similarities(frames, 0, way_of(true), ASKED)[:, 0].numpy()
    assert np.abs(found / true - 1).max() < 0.05


def test_moves_are_turned_and_sized():
    by = torch.tensor([1.0, 2j, -0.5])
    moved = turned(torch.tensor([[3.0, 1.0]]).expand(3, 2), by)
    torch.testing.assert_close(moved, torch.tensor([[3.0, 1.0], [-2.0, 6.0], [-1.5, -0.5]]))
