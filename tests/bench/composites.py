"""Filmed composites with true edits: a cut-out of one film over another, once as it is, once deformed by a field of `fields.py`.

Both are rendered in the same way: the film is sampled with Lanczos' kernel at twice the size, laid over the ground with a
soft edge, and averaged. The cut-out keeps its own motion, the field moves along with the part, and the ground is a film of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from dragvideo_core.points.flow import optical_flow
from dragvideo_core.types import VideoClip

from . import truth
from .cases import Case, Wanted
from .masked_films import MaskedFilm
from .plans import FRAMES, SIZE, STRIDE, Plan, mask_points

OVERSAMPLED = 2  # a crop of 256 px has at most 480 px of the film
SOFT = 1.0  # px of the film: sigma of the cut-out's edge
LOOK = 10.0  # px: radius of what is looked for around the handle
FPS = 24.0
AGREE = 0.5  # px: the ground's flow there and back
GRID = 2  # px between the places where the field is undone
NOWHERE = 1e5  # px: far outside of every film

Warp = Callable[[np.ndarray], np.ndarray]  # places (.., 2) px of the result to where they come from


def compose(plan: Plan) -> Case:
    """The composite as it is, its true edit, its true layers, and the points that a careful person would click."""
    handles, drag = plan.field.handle + plan.shifts, plan.drag
    sources, edits = zip(*(_render(plan, i) for i in range(FRAMES)), strict=True)
    picks = {
        "version": 1,
        "size": [SIZE, SIZE],
        "frame": 0,
        "pairs": [{"handle": plan.field.handle.tolist(), "target": (plan.field.handle + drag).tolist()}],
        "mask_points": mask_points(plan),
    }
    return Case(
        name=plan.name,
        clip=_clip([picture for picture, _ in sources]),
        true_edit=_clip([picture for picture, _ in edits]),
        picks=json.dumps(picks),
        wanted=(Wanted(handles + drag, LOOK, float(np.hypot(*drag))),),
        layer=_matte([matte for _, matte in sources]),
        true_layer=_matte([matte for _, matte in edits]),
        track=partial(_track, plan.shifts),
        seen_elsewhere=_seen_elsewhere(plan, [matte for _, matte in sources]),
    )


def cut_out(film: MaskedFilm, i: int) -> tuple[np.ndarray, np.ndarray]:
    """The thing of a frame in its own colours, (H, W, 3) float32 in [0, 1], carried beyond its edge, and its matte (H, W)."""
    core = cv2.erode(film.masks[i].astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    matte = cv2.GaussianBlur(core.astype(np.float32), (0, 0), SOFT)
    inner = cv2.erode(core, np.ones((3, 3), np.uint8), borderValue=1) > 0
    row, column = distance_transform_edt(~inner, return_distances=False, return_indices=True)
    return film.frames[i][row, column].astype(np.float32) / 255, matte


def sampled(picture: np.ndarray, places: np.ndarray, outside: int = cv2.BORDER_REPLICATE) -> np.ndarray:
    """A picture (H, W) or (H, W, 3) at places (h, w, 2) px, by Lanczos' kernel of 8 x 8 pixels, in [0, 1]."""
    x, y = (np.ascontiguousarray(places[..., k], dtype=np.float32) for k in (0, 1))
    return cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=outside).clip(0, 1)


def fine_grid() -> np.ndarray:
    """The places of the oversampled pixels in px of the result: (2 SIZE, 2 SIZE, 2)."""
    line = (np.arange(SIZE * OVERSAMPLED) + 0.5) / OVERSAMPLED - 0.5
    return np.stack(np.meshgrid(line, line), -1)


def averaged(fine: np.ndarray) -> np.ndarray:
    """(2 SIZE, 2 SIZE, ...) to (SIZE, SIZE, ...)."""
    return fine.reshape(SIZE, OVERSAMPLED, SIZE, OVERSAMPLED, *fine.shape[2:]).mean((1, 3))


def _render(plan: Plan, i: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frame i as it is and as edited: each (SIZE, SIZE, 3), with the matte of the cut-out in it (SIZE, SIZE)."""
    grid = fine_grid()
    colours, matte = cut_out(plan.cut_out, plan.first + i * STRIDE)
    ground = plan.ground.frames[plan.ground_first + i * STRIDE].astype(np.float32) / 255
    ground = sampled(ground, plan.ground_crop.to_film(grid))
    rendered = []
    for source in (grid, _undone(plan, plan.shifts[i])(grid)):
        places = plan.crop.to_film(source)
        cover = sampled(matte, places, cv2.BORDER_CONSTANT)
        picture = sampled(colours, places) * cover[..., None] + ground * (1 - cover[..., None])
        rendered.append((averaged(picture), averaged(cover)))
    return rendered


def _seen_elsewhere(plan: Plan, mattes: list[np.ndarray]) -> Tensor:
    """By the motion of the ground film without anything over it, where its flow there and back agrees."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    here = np.stack([x, y], -1)
    grounds = [
        sampled(plan.ground.frames[plan.ground_first + i * STRIDE].astype(np.float32) / 255, plan.ground_crop.to_film(here))
        for i in range(FRAMES)
    ]
    pictures = _clip(grounds).frames

    def ground_at(i: int, j: int) -> np.ndarray:
        there, back = (optical_flow(pictures[a], pictures[b]).numpy().transpose(1, 2, 0) for a, b in ((i, j), (j, i)))
        places = here + there
        home = cv2.remap(back, *(np.ascontiguousarray(places[..., k]) for k in (0, 1)), cv2.INTER_LINEAR)
        return np.where(np.linalg.norm(there + home, axis=-1, keepdims=True) < AGREE, places, np.nan)

    return truth.seen_elsewhere(_matte(mattes), ground_at)


def _undone(plan: Plan, shift: np.ndarray) -> Warp:
    """Where places of the true edit come from, when the field has moved by `shift` px: worked out every 2 px, then bicubic."""
    line = np.arange(-GRID, SIZE + GRID, GRID, dtype=np.float64)
    grid = np.stack(np.meshgrid(line, line), -1)
    moves = (plan.field.inverse(grid - shift) + shift - grid).astype(np.float32)
    unsettled = np.isnan(moves).any(-1)
    moves[unsettled] = 0
    lost = cv2.dilate(unsettled.astype(np.uint8), np.ones((5, 5), np.uint8))  # what the bicubic kernel mixes with these

    def undo(places: np.ndarray) -> np.ndarray:
        x, y = (np.ascontiguousarray(places[..., k] / GRID + 1, dtype=np.float32) for k in (0, 1))
        source = places + cv2.remap(moves, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        source[cv2.remap(lost, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) > 0] = NOWHERE
        return source

    return undo


def _track(shifts: np.ndarray, points: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Where points (P, 2) of the part in one frame are in all: (N, P, 2), and that all are seen, (N, P)."""
    places = np.asarray(points)[None] + (shifts - shifts[frame])[:, None]
    return places, np.ones(places.shape[:2], bool)


def _clip(pictures: list[np.ndarray]) -> VideoClip:
    """Pictures (H, W, 3) in [0, 1], rounded to 8 bits as a file would hold them."""
    frames = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().mul(255).round().div(255)
    return VideoClip(frames.contiguous(), torch.arange(len(frames)), FPS)


def _matte(mattes: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(mattes)).float()[:, None]
