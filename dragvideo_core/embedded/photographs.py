"""Crops of photographs and films to train the embedded model on, from a folder of files whose licence allows it.

`docs/model.md` names the files that the shipped weights were trained on, with where they are from and their licences.
"""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from .drawn_world import SIZE

FILM_FRAMES = 6  # taken from each film, evenly spread
LARGEST = 2160  # px of a picture's shorter side
LEAST = 2 * SIZE  # px of a crop's shorter side: shrunk so far it is sharp
SQUEEZED = 2.5  # times as wide as high, or as high as wide, a crop is at most
BUSY = 0.03  # mean step from pixel to pixel, of 1, of crops that are all taken; smoother ones are taken less often


def photographs(folder: Path) -> list[np.ndarray]:
    """The pictures (H, W, 3) uint8 RGB of every .jpg, .png and .mp4 in a folder, shrunk to a shorter side of at most 2160 px."""
    pictures = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".jpg", ".png"):
            pictures.append(cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
        elif path.suffix.lower() == ".mp4":
            pictures.extend(_film_frames(path))
    if not pictures:
        raise FileNotFoundError(f"no .jpg, .png or .mp4 in {folder.name}/: docs/model.md names pictures that may be used")
    return [_shrunk(picture) for picture in pictures]


def random_crop(pictures: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A part of one of the pictures, shrunk to (128, 128, 3) uint8, from 256 px across (less where the picture is smaller) to the
    picture's shorter side, and not smooth. Frames of films are as sharp and as busy, once scaled down; plain crops are not."""
    while True:
        picture = pictures[rng.integers(len(pictures))]
        most = min(picture.shape[:2])
        height, width = (int(np.exp(rng.uniform(np.log(min(LEAST, most)), np.log(most)))) for _ in range(2))
        if max(height, width) > SQUEEZED * min(height, width):
            continue
        top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(picture.shape, (height, width), strict=False))
        crop = cv2.resize(picture[top : top + height, left : left + width], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        busy = np.abs(np.diff(crop.astype(np.float32), axis=1)).mean() / 255
        if rng.uniform() < max(0.02, busy / BUSY):
            return crop


def _film_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    return frames[:: max(1, len(frames) // FILM_FRAMES)]


def _shrunk(picture: np.ndarray) -> np.ndarray:
    scale = LARGEST / min(picture.shape[:2])
    return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
