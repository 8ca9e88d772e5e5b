"""Filmed clips with object masks from a folder: one folder per clip with `frames/*.jpg` and `masks/*.png`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

MOST_FRAMES = 32


@dataclass(frozen=True, eq=False)
class MaskedFilm:
    """A filmed clip, the thing in it, and the tracks that people marked, if any. Pixels are the film's own."""

    name: str
    frames: np.ndarray  # (F, H, W, 3) uint8 RGB
    masks: np.ndarray  # (F, H, W) bool
    tracks: np.ndarray  # (P, F, 2) px of points on the thing; P may be 0
    shown: np.ndarray  # (P, F) bool


def load_films(folder: Path) -> list[MaskedFilm]:
    """Every clip of the folder that has frames and as many masks, in the order of their names."""
    names = sorted(path.parent.name for path in folder.glob("*/masks") if (path.parent / "frames").is_dir())
    films = [_load(folder / name) for name in names]
    return [film for film in films if len(film.frames) == len(film.masks) >= 2]


def _load(folder: Path) -> MaskedFilm:
    pictures, masks = (sorted(path for path in (folder / part).iterdir() if path.is_file()) for part in ("frames", "masks"))
    frames = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in pictures[:MOST_FRAMES]])
    things = np.stack([np.asarray(Image.open(path).convert("L")) >= 128 for path in masks[:MOST_FRAMES]])
    tracks, shown = np.zeros((0, len(frames), 2)), np.zeros((0, len(frames)), bool)
    if (folder / "tracks.npz").is_file():
        with np.load(folder / "tracks.npz") as given:
            on_thing = given["is_fg"].astype(bool)
            tracks = given["points"][on_thing, : len(frames)] - 0.5  # TAP-Vid's pixel centres are at +0.5
            shown = ~given["occluded"][on_thing, : len(frames)]
    return MaskedFilm(folder.name, frames, things, tracks, shown)


def followed(frames: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the first frame inside `where` (H, W) bool, and the same in the second: twice (P, 2) px, P may be 0.

    Lucas and Kanade's flow there and back; corners that do not come back within a pixel are left out.
    """
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    corners = cv2.goodFeaturesToTrack(grey[0], 400, 0.003, 3, mask=where.astype(np.uint8))
    if corners is None:
        return np.zeros((0, 2)), np.zeros((0, 2))
    window = {"winSize": (13, 13), "maxLevel": 4}
    there, seen, _ = cv2.calcOpticalFlowPyrLK(grey[0], grey[1], corners, None, **window)
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(grey[1], grey[0], there, None, **window)
    good = (seen & seen_back).ravel().astype(bool) & (np.linalg.norm(back - corners, axis=-1).ravel() < 1)
    return corners[good, 0].astype(np.float64), there[good, 0].astype(np.float64)


def ground_motion(film: MaskedFilm, first: int, last: int) -> np.ndarray:
    """The similarity (3, 3) that takes places of the ground from frame `first` to a later frame `last`."""
    total = np.eye(3)
    for i in range(first, last):
        total = _ground_step(film, i) @ total
    return total


@functools.lru_cache(maxsize=1024)
def _ground_step(film: MaskedFilm, i: int) -> np.ndarray:
    """The same from frame i to the next; nothing moves where the ground shows too little."""
    near_thing = cv2.dilate(film.masks[i].astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool)
    before, after = followed(film.frames[i : i + 2], ~near_thing)
    found = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=1.5)[0] if len(before) >= 8 else None
    return np.eye(3) if found is None else np.concatenate([found, [[0.0, 0.0, 1.0]]])
