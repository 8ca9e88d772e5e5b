"""Pairs of frames with true tracks: one frame is edited by drags to where its points are in a later one, which is the true edit.

The later frame is first laid on the earlier one's ground (the motion of the camera is taken out by a similarity): what is left to
the drags is what the thing does. Nothing else is taken out: the light, the far background and what the thing shows differ, so a
pair is never solved, and its figures serve to compare editors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from dragvideo_core.types import VideoClip

from .cases import Case, Wanted
from .composites import averaged, fine_grid, sampled
from .masked_films import MaskedFilm, ground_motion
from .plans import MARGIN, MASK_RADIUS, SIZE, Crop

SEED, TRIES = 9000, 400
GAPS = (4, 16)  # frames between the two
MOST_PAIRS = 4
LOOK = 8.0  # px
LENGTHS = (8.0, 44.0)  # px: of the median drag


def find_pairs(films: Sequence[MaskedFilm], count: int) -> list[Case]:
    """`count` cases of one frame each, the films in turn; fewer where films have no tracks that serve."""
    tracked = [film for film in films if len(film.tracks)]
    found = [_search(tracked[number % len(tracked)], number) for number in range(count)] if tracked else []
    return [case for case in found if case is not None]


def _search(film: MaskedFilm, number: int) -> Case | None:
    rng = np.random.default_rng(SEED + number)
    for _ in range(TRIES):
        gap = int(rng.integers(GAPS[0], min(GAPS[1], len(film.frames) - 1) + 1))
        first = int(rng.integers(len(film.frames) - gap))
        shown = film.shown[:, first] & film.shown[:, first + gap]
        if not shown.any():
            continue
        motion = ground_motion(film, first, first + gap)
        start = film.tracks[shown, first]
        end = cv2.perspectiveTransform(film.tracks[shown, first + gap][None], np.linalg.inv(motion))[0]
        crop = _crop(film, np.concatenate([start, end]), rng)
        handles, targets = crop.from_film(start), crop.from_film(end)
        inside = ((np.stack([handles, targets]) >= MARGIN) & (np.stack([handles, targets]) <= SIZE - 1 - MARGIN)).all((0, 2))
        handles, targets = handles[inside], targets[inside]
        if len(handles) and LENGTHS[0] <= np.median(np.linalg.norm(targets - handles, axis=1)) <= LENGTHS[1]:
            case = _case(
                film, first, gap, motion, crop, *_spread(handles, targets), f"{number + 1} {film.name} {first}-{first + gap}"
            )
            if case is not None:
                return case
    return None


def _crop(film: MaskedFilm, places: np.ndarray, rng: np.random.Generator) -> Crop:
    height, width = film.masks.shape[1:]
    side = rng.uniform(0.7, 1.0) * height
    left, top = np.clip(places.mean(0) - side / 2, 0, np.array([width, height]) - side)
    return Crop(float(left), float(top), float(side))


def _spread(handles: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most MOST_PAIRS of the pairs, each the farthest from those taken before."""
    taken = [0]
    while len(taken) < min(MOST_PAIRS, len(handles)):
        away = np.linalg.norm(handles[:, None] - handles[taken], axis=-1).min(1)
        taken.append(int(away.argmax()))
    return handles[taken], targets[taken]


def _case(
    film: MaskedFilm, first: int, gap: int, motion: np.ndarray, crop: Crop, handles: np.ndarray, targets: np.ndarray, name: str
) -> Case | None:
    """None where the later frame does not show all of the crop."""
    before = crop.to_film(fine_grid())
    after = cv2.perspectiveTransform(before.reshape(1, -1, 2), motion).reshape(before.shape)
    height, width = film.masks.shape[1:]
    if after.min() < -1 or (after > [width, height]).any():
        return None
    pictures, layers = [], []
    for i, places in ((first, before), (first + gap, after)):
        pictures.append(_clip(averaged(sampled(film.frames[i].astype(np.float32) / 255, places))))
        layers.append(torch.from_numpy(averaged(sampled(film.masks[i].astype(np.float32), places))).float()[None, None])
    lengths = np.linalg.norm(targets - handles, axis=1)
    picks = {
        "version": 1,
        "size": [SIZE, SIZE],
        "frame": 0,
        "pairs": [{"handle": handle.tolist(), "target": target.tolist()} for handle, target in zip(handles, targets, strict=True)],
        "mask_points": _mask_points((layers[0] + layers[1])[0, 0].numpy() >= 0.5),
    }
    wanted = tuple(Wanted(target[None], LOOK, float(length)) for target, length in zip(targets, lengths, strict=True))
    return Case(name, pictures[0], pictures[1], json.dumps(picks), wanted, layers[0], layers[1])


def _mask_points(covered: np.ndarray) -> list[list[float]]:
    """Places on a grid as wide as half a mask square, wherever the thing is near, before or after: (Q, 2) px."""
    reach = int(MASK_RADIUS / 2)
    near = cv2.dilate(covered.astype(np.uint8), np.ones((reach, reach), np.uint8))
    return [[float(x), float(y)] for y in range(0, SIZE, reach) for x in range(0, SIZE, reach) if near[y, x]]


def _clip(picture: np.ndarray) -> VideoClip:
    frame = torch.from_numpy(picture).permute(2, 0, 1).float().mul(255).round().div(255)[None]
    return VideoClip(frame.contiguous(), torch.arange(1), 24.0)
