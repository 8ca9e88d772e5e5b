"""Composites of two made-up films, and a pair of frames: what must hold for any clip that the benchmark is given."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from bench import pairs, truth
from bench.composites import compose
from bench.masked_films import MaskedFilm, ground_motion
from bench.plans import FRAMES, MASK_RADIUS, SIZE, plan_composites

from dragvideo_core.stages.pick import pick
from dragvideo_core.temporal import metrics

HEIGHT, WIDTH, COUNT = 160, 240, 12


def film(name: str, seed: int) -> MaskedFilm:
    """A club (a disc on an arm) that walks 1 px a frame over ground that pans by 2 px, 12 frames."""
    rng = np.random.default_rng(seed)
    ground, look = (cv2.GaussianBlur(rng.uniform(0, 255, (HEIGHT, WIDTH + 60, 3)), (0, 0), 1.5) for _ in range(2))
    ground, look = (((part - part.mean()) * 4 + 128).clip(0, 255) for part in (ground, look))
    frames, masks, tracks = [], [], []
    for i in range(COUNT):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        body, end = (70 + i, 110), (130 + i, 55)
        cv2.circle(mask, body, 34, 1, -1)
        cv2.line(mask, body, end, 1, 22)
        cv2.circle(mask, end, 16, 1, -1)
        picture = ground[:, 2 * i : 2 * i + WIDTH].copy()
        picture[mask > 0] = look[:, 40 - i : 40 - i + WIDTH][mask > 0]
        frames.append(picture.astype(np.uint8))
        masks.append(mask > 0)
        tracks.append([end, body])
    shown = np.ones((2, COUNT), bool)
    return MaskedFilm(name, np.stack(frames), np.stack(masks), np.array(tracks, float).transpose(1, 0, 2), shown)


@pytest.fixture(scope="module")
def films():
    return [film("one", 1), film("two", 2)]


@pytest.fixture(scope="module")
def case(films):
    return compose(plan_composites(films, 1)[0])


def test_a_composite_differs_from_its_true_edit_only_inside_the_mask(case):
    picks = pick(case.picks, case.clip.size, FRAMES)
    changed = (case.clip.frames[0] - case.true_edit.frames[0]).abs().amax(0) > 0.05
    y, x = changed.nonzero().T.numpy()
    away = np.abs(np.stack([x, y], -1)[:, None] - picks.mask_points.numpy()).max(-1).min(1)
    assert changed.sum() > 300 and np.mean(away <= MASK_RADIUS) > 0.95


def test_the_handle_lands_on_its_target_in_every_frame(case):
    (wanted,) = case.wanted
    picks = json.loads(case.picks)
    moved = np.subtract(picks["pairs"][0]["target"], picks["pairs"][0]["handle"])
    assert wanted.dragged == pytest.approx(np.hypot(*moved)) and 10 <= wanted.dragged <= 36
    y, x = wanted.places.round().astype(int)[:, ::-1].T
    assert (case.true_layer[range(FRAMES), 0, y, x] > 0.9).all()
    assert truth.distances(case.true_edit, case.true_edit, wanted.places, wanted.radius, 48).max() < 0.05
    assert truth.distances(case.true_edit, case.clip, wanted.places, wanted.radius, 48).mean() > 0.3 * wanted.dragged


def test_the_freed_ground_is_the_same_in_no_edit_but_the_true_one(case):
    freed = truth.freed_ground(case.layer, case.true_layer)
    assert freed.flatten(1).any(1).all()
    assert metrics.psnr(case.clip.frames, case.true_edit.frames, freed) < 25
    assert truth.ghost(case.clip.frames, case.true_edit.frames, case.clip.frames, freed) == pytest.approx(1)


def test_source_and_edit_are_equally_sharp(case):
    where = (case.layer > 0.99) & (case.true_layer > 0.99)
    assert truth.sharpness(case.true_edit.frames, case.clip.frames, where) == pytest.approx(1, abs=0.15)


def test_plans_are_the_same_each_time_and_vary(films):
    once, again = plan_composites(films, 3), plan_composites(films, 3)
    assert [plan.name for plan in once] == [plan.name for plan in again]
    assert all((one.field.handle == two.field.handle).all() for one, two in zip(once, again, strict=True))
    assert len({plan.field.amount for plan in once}) == 3 and all(plan.ground is not plan.cut_out for plan in once)


def test_the_part_takes_its_own_motion_along(films):
    plan = plan_composites(films, 1)[0]
    assert plan.shifts[-1] * plan.crop.side / SIZE == pytest.approx([FRAMES - 1, 0], abs=0.3)


def test_one_film_is_too_few(films):
    with pytest.raises(ValueError, match="two filmed clips"):
        plan_composites(films[:1], 1)


def test_the_ground_motion_of_a_pan_is_found(films):
    assert ground_motion(films[0], 0, 5) @ [100, 60, 1] == pytest.approx([90, 60, 1], abs=0.5)


def test_a_pair_drags_points_to_where_they_are_in_the_later_frame(films):
    (pair,) = pairs.find_pairs(films, 1)
    picks = pick(pair.picks, pair.clip.size, 1)
    assert len(pair.clip) == len(pair.true_edit) == 1
    layers = ((pair.layer, picks.handles), (pair.true_layer, picks.targets))
    for layer, places in layers:
        x, y = places.round().long().T
        assert (layer[0, 0, y, x] > 0.9).all()
    still = (pair.layer < 0.01) & (pair.true_layer < 0.01)
    assert metrics.psnr(pair.clip.frames, pair.true_edit.frames, still) > 25
