"""What is composed with what: cut-out, ground, crops, joint and field of each filmed composite, by a seeded search.

Nothing is chosen by hand: a seed proposes a part that sticks out of the thing, a joint on the way from there to its body, and a
deformation, until one passes the checks of `_passes`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import fields
from .fields import Field
from .masked_films import MaskedFilm, followed

SIZE, FRAMES, STRIDE = 256, 6, 1  # px, frames of a composite, and every how many of the film's frames
SEED = 7000
TRIES = 3000
LENGTHS = (35.0, 80.0)  # px from joint to handle
MASK_RADIUS = 34.0  # px: half side of a mask point's square at this size (`mask_radius` 68 at 512)
MARGIN = 10  # px that handle and target keep from the picture's edge
SMALLER = 4  # times, for the search of parts
ROOM = 60  # px of the film around the part, for its own motion
CORNERS = 8  # whose motion is the handle's
RIM = 9  # px of the film
COARSE = 4  # px between the places that are checked


@dataclass(frozen=True)
class Crop:
    """A square of a film that becomes SIZE x SIZE pixels."""

    left: float  # px of the film
    top: float
    side: float

    def to_film(self, places: np.ndarray) -> np.ndarray:
        """Places (.., 2) px of the crop in px of the film."""
        return (places + 0.5) * self.side / SIZE - 0.5 + [self.left, self.top]

    def from_film(self, places: np.ndarray) -> np.ndarray:
        return (places - [self.left, self.top] + 0.5) * SIZE / self.side - 0.5


@dataclass(frozen=True)
class Plan:
    """One composite before it is rendered."""

    name: str
    cut_out: MaskedFilm
    ground: MaskedFilm
    first: int  # frame of the cut-out's film
    ground_first: int
    crop: Crop
    ground_crop: Crop
    field: Field  # in px of the crop, in the first frame
    shifts: np.ndarray  # (FRAMES, 2) px of the crop: how far the part has moved since the first frame

    @property
    def drag(self) -> np.ndarray:
        """(2,) px of the crop"""
        return self.field.forward(self.field.handle) - self.field.handle


def plan_composites(films: Sequence[MaskedFilm], count: int) -> list[Plan]:
    """`count` plans; cut-outs and kinds of field in turn. ValueError for fewer than two films, or where nothing passes."""
    if len(films) < 2:
        raise ValueError(f"expected at least two filmed clips with masks, got {len(films)}: one is laid over another.")
    long = [film for film in films if len(film.frames) > (FRAMES - 1) * STRIDE]
    return [_plan(long, number) for number in range(count)]


def _plan(films: Sequence[MaskedFilm], number: int) -> Plan:
    rng = np.random.default_rng(SEED + number)
    cut_out = films[number % len(films)]
    kind = fields.KINDS[(number // len(films)) % len(fields.KINDS)]
    others = [film for film in films if film is not cut_out]
    for _ in range(TRIES):
        proposal = _propose(cut_out, others[rng.integers(len(others))], kind, f"{number + 1} {cut_out.name} {kind}", rng)
        if proposal is None or not _passes(proposal[0]):
            continue
        plan = _with_own_motion(*proposal)
        if _passes(plan):
            return plan
    raise ValueError(f"no part of '{cut_out.name}' could be {kind}: expected a thing with a part that sticks out.")


def _propose(cut_out: MaskedFilm, ground: MaskedFilm, kind: str, name: str, rng: np.random.Generator) -> tuple[Plan, float] | None:
    """A plan whose part does not move by itself yet, and the part's length in px of the film."""
    first, ground_first = (int(rng.integers(len(film.frames) - (FRAMES - 1) * STRIDE)) for film in (cut_out, ground))
    found = _way_to_the_body(cut_out, first, rng)
    if found is None:
        return None
    way, thick = found
    handle = way[int(thick[: max(2, int(rng.uniform(0.1, 0.4) * len(way)))].argmax())]
    joint = way[int(rng.uniform(0.25, 0.9) * len(way))]
    reach = float(np.hypot(*(handle - joint)))
    if reach < 20:
        return None
    crop = _crop_around(0.6 * joint + 0.4 * handle, reach * SIZE / rng.uniform(*LENGTHS), cut_out, rng)
    place, side = rng.uniform(0, 1, 2) * ground.masks.shape[:0:-1], rng.uniform(0.55, 1.0) * ground.masks.shape[1]
    ground_crop = _crop_around(place, side, ground, rng)
    sign = rng.choice([-1.0, 1.0])
    amount, more = {
        "turned": (sign * np.radians(rng.uniform(15, 25)), rng.uniform(0.85, 1.2)),
        "bent": (sign * np.radians(rng.uniform(20, 40)), 0.0),
        "moved": (rng.uniform(10, 20), rng.uniform(0, 2 * np.pi)),
    }[kind]
    field = Field(kind, crop.from_film(joint), crop.from_film(handle), float(amount), float(more))
    still = np.zeros((1, 2))
    return Plan(name, cut_out, ground, first, ground_first, crop, ground_crop, field, still), reach


def _way_to_the_body(film: MaskedFilm, i: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """Places (K, 2) px inside a mask, from the end of a part to where the thing is thickest, and how thick it is there, (K,) px."""
    thick, far, ends = _parts(film, i)
    if not len(ends):
        return None
    here = ends[rng.integers(len(ends))]
    way = [here]
    while far[tuple(here)] > 0:
        around = here + np.array([[0, 1], [1, 0], [0, -1], [-1, 0], [1, 1], [1, -1], [-1, 1], [-1, -1]])
        here = around[np.argmin([far[tuple(place)] for place in around])]
        way.append(here)
    places = np.array(way)
    return (places[:, ::-1] - 1 + 0.5) * SMALLER - 0.5, thick[places[:, 0], places[:, 1]] * SMALLER


@functools.lru_cache(maxsize=256)
def _parts(film: MaskedFilm, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a smaller mask with a rim of one pixel: thickness, steps on the way inside from its thickest place, far ends (E, 2)."""
    small = cv2.resize(film.masks[i].astype(np.float32), None, fx=1 / SMALLER, fy=1 / SMALLER, interpolation=cv2.INTER_AREA) > 0.5
    padded = np.pad(small, 1)
    thick = cv2.distanceTransform(padded.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    far = np.full(padded.shape, np.inf, np.float32)
    edge = np.zeros(padded.shape, np.uint8)
    edge[np.unravel_index(thick.argmax(), thick.shape)] = 1
    shapes, steps = (cv2.MORPH_CROSS, cv2.MORPH_RECT), 0  # in turn: nearly round
    while edge.any():
        far[edge > 0] = steps
        grown = cv2.dilate(edge, cv2.getStructuringElement(shapes[steps % 2], (3, 3)))
        edge = ((grown > 0) & padded & np.isinf(far)).astype(np.uint8)
        steps += 1
    inside = np.where(np.isfinite(far), far, -1)
    farthest = inside == cv2.dilate(inside, np.ones((9, 9), np.uint8))
    return thick, far, np.argwhere(farthest & (inside > 0.35 * inside.max()) & (inside > 6))


def _crop_around(place: np.ndarray, side: float, film: MaskedFilm, rng: np.random.Generator) -> Crop:
    height, width = film.masks.shape[1:]
    side = float(np.clip(side, 0.4 * min(height, width), min(height, width)))
    corner = place - side * rng.uniform(0.35, 0.65, 2)
    left, top = (float(np.clip(value, 0, most - side)) for value, most in zip(corner, (width, height), strict=True))
    return Crop(left, top, side)


def _with_own_motion(plan: Plan, reach: float) -> Plan:
    """The plan with the motion of the corners nearest to the handle, within 0.7 of `reach` px of the film; NaN where it is lost."""
    film, start = plan.cut_out, plan.crop.to_film(plan.field.handle)
    here, shifts = start, [np.zeros(2)]
    rows, columns = np.mgrid[: film.masks.shape[1], : film.masks.shape[2]]
    for i in range(plan.first, plan.first + (FRAMES - 1) * STRIDE):
        near = (np.hypot(columns - here[0], rows - here[1]) < max(0.7 * reach, 16)) & film.masks[i]
        around = tuple(slice(max(0, int(at - reach - ROOM)), int(at + reach + ROOM)) for at in here[::-1])
        inner = cv2.erode(near.astype(np.uint8), np.ones((RIM, RIM), np.uint8))[around]  # corners that see nothing of the ground
        before, after = followed(film.frames[(slice(i, i + 2), *around)], inner)
        nearest = np.linalg.norm(before - here, axis=-1).argsort()[:CORNERS]  # the rest of the part may swing otherwise
        here = here + (np.median((after - before)[nearest], 0) if len(before) >= 4 else np.nan)
        if np.isnan(here).any():
            return replace(plan, shifts=np.full((FRAMES, 2), np.nan))
        shifts.append(here - start)
    return replace(plan, shifts=np.stack(shifts)[::STRIDE] * SIZE / plan.crop.side)


def _passes(plan: Plan) -> bool:
    """The drag is long enough and stays in the picture, the part is thick enough, nothing folds, and the mask holds what moves."""
    handles = plan.field.handle + plan.shifts
    ends = np.concatenate([handles, handles + plan.drag])
    if not (np.isfinite(ends).all() and (ends >= MARGIN).all() and (ends <= SIZE - 1 - MARGIN).all()):
        return False
    if not 10 <= np.hypot(*plan.drag) <= 36:
        return False
    points = np.array(mask_points(plan))
    grid = np.stack(np.meshgrid(np.arange(0.0, SIZE, COARSE), np.arange(0.0, SIZE, COARSE)), -1)
    for i, shift in enumerate(plan.shifts):
        mask = plan.cut_out.masks[plan.first + i * STRIDE]
        column, row = plan.crop.to_film(grid).round().astype(int).clip(0, np.array(mask.shape[::-1]) - 1).transpose(2, 0, 1)
        layer = mask[row, column]
        around = layer[np.linalg.norm(grid - handles[i], axis=-1) < 5]
        if not around.all():
            return False
        went = plan.field.forward(grid - shift) + shift
        across, down = np.gradient(went, COARSE, axis=1), np.gradient(went, COARSE, axis=0)
        if (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0])[layer].min() < 0.35:
            return False
        back = plan.field.inverse(went[layer] - shift) + shift
        if not np.abs(back - grid[layer]).max() < 0.1:  # NaN too: another place of the picture goes there as well
            return False
        moved = layer & (np.linalg.norm(went - grid, axis=-1) > 0.75)
        held = [(np.abs(places[:, None] - points - shift).max(-1) <= MASK_RADIUS).any(1) for places in (grid[moved], went[moved])]
        if moved.sum() < 300 / COARSE**2 or min(part.mean() for part in held) < 0.95:
            return False
    return True


def mask_points(plan: Plan) -> list[list[float]]:
    """What a careful person clicks, by the drawn clips' rule: where the part is, was and goes; px of the crop's first frame."""
    root, tip = plan.field.joint, plan.field.handle
    target, shares = tip + plan.drag, np.array([0.35, 0.7])[:, None]
    beyond = target + 0.5 * plan.drag
    points = [*(root + shares * (tip - root)), *(root + shares * (target - root)), tip, (tip + target) / 2, target, beyond]
    return [[round(float(value), 1) for value in np.clip(point, 0, SIZE - 1)] for point in points]
