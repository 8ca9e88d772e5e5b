"""What passes over the ground, such as a ball, or a hand that the layer has lost: it would be taken for ground in the holes of
other frames. A pixel shows it where most frames agree on what the ground looks like there, and this one shows something else.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .camera import Array, Mask, Matrix

ASKED = 16  # frames, at most, that are asked what the ground looks like
FEWEST, MOST = 5, 0.6  # so many of them must show a place, and this share of those must agree
ALIKE, OTHER = 0.05, 0.12  # of brightness, in the colour that differs most: what still agrees, and what shows something else
NEAR, RIM = 2, 3  # px: ground may be so far from where it is looked for; a passing thing's blurred edge is so wide
TOO_MUCH = 0.3  # of a frame: where more than that differs it is the light, or the motion of the camera is wrong


def passing(pictures: Sequence[Array], known: Sequence[Mask], from_first: Sequence[Matrix]) -> list[Mask]:
    """Where each picture (H, W, 3) in [0, 1] shows what passes over the ground, (H, W).

    known: (H, W), where each shows ground as far as it is known. from_first: (3, 3) from the first picture's places to each one's,
    px.
    """
    size = known[0].shape[::-1]
    nothing = [np.zeros_like(one) for one in known]
    useful = [j for j, one in enumerate(known) if one.any()]
    if len(useful) < FEWEST:
        return nothing
    middle = useful[len(useful) // 2]
    ways = [(matrix @ np.linalg.inv(from_first[middle]))[:2] for matrix in from_first]  # from the middle one's places
    shown: dict[int, tuple[np.ndarray, Mask]] = {}
    for j in useful:
        octets = np.rint(pictures[j] * np.float32(255)).astype(np.uint8)
        there = cv2.warpAffine(octets, ways[j], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        is_there = (
            cv2.warpAffine(known[j].astype(np.uint8) * 255, ways[j], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP) > 254
        )
        shown[j] = there, is_there
    asked = [shown[j] for j in useful[:: -(-len(useful) // ASKED)]]
    usual, count = _medians(*(np.stack(one) for one in zip(*asked, strict=True)))
    around = np.ones((2 * NEAR + 1,) * 2, np.uint8)
    low, high = cv2.erode(usual, around), cv2.dilate(usual, around)
    agree = sum((_beyond(there, low, high) <= round(255 * ALIKE)) & is_there for there, is_there in asked)
    is_sure = (count >= FEWEST) & (agree >= MOST * count)
    for j, (there, is_there) in shown.items():
        is_other = is_sure & is_there & (_beyond(there, low, high) > round(255 * OTHER))
        is_other = cv2.morphologyEx(is_other.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        if 0 < np.count_nonzero(is_other) < TOO_MUCH * np.count_nonzero(is_there):
            whole = cv2.dilate(is_other, np.ones((2 * RIM + 1,) * 2, np.uint8))
            nothing[j] = cv2.warpAffine(whole, ways[j], size, flags=cv2.INTER_NEAREST) > 0
    return nothing


def _medians(pictures: np.ndarray, shows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of pictures (K, H, W, 3) uint8 the median (H, W, 3) of those that show ground (K, H, W), 255 where none does; and how many
    do, (H, W)."""
    count = shows.sum(0)
    values = np.where(shows[..., None], pictures, np.uint8(255)).reshape(len(pictures), -1).T
    values = np.sort(values, axis=1)  # what shows no ground comes last
    at = np.repeat(((count - 1) // 2).clip(0).ravel(), pictures.shape[-1])
    return np.take_along_axis(values, at[:, None], 1).reshape(pictures.shape[1:]), count


def _beyond(picture: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """By how much a picture (H, W, 3) uint8 is darker than `low` or brighter than `high`, in the colour that is most so: (H, W)."""
    differs = cv2.max(cv2.subtract(low, picture), cv2.subtract(picture, high))
    red, green, blue = cv2.split(differs)
    return cv2.max(cv2.max(red, green), blue)
