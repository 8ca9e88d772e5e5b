"""What moves apart from the ground, in a frame where some of the thing and some of the ground are known.

Both motions are continued from what is known to all pixels. A pixel that looks in the other frames as if it went with the thing and
not with the ground is the thing's, whatever its colour: a white sock on a brown leg. Where the thing will be, or has been, the
ground is covered in that frame, which is no sign that it moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..points.flow import optical_flow
from .carry import is_round_trip
from .colours import blurred_lab
from .pixels import Picture, Region, fetched, opencv, places_after

LEAST, MOST = 1.5, 24.0  # px at 256 px, short side, that the thing departs from the ground: less tells nothing, flow loses more
AGREES = 0.3  # of what is known on each side must be followed there and back, or the frame tells nothing: there may be a cut
ENOUGH = 16  # px of it
NEAR, FAR, LITTLE = 3.0, 9.0, 0.02  # px: motion is continued from what is so near, else from so far, four times so far at last
NOISE = 4.0  # CIE Lab: pictures differ by so much in any case
UNREST = 4.0  # times the ground's own differences near by are noise too
ABOUT = 12.0  # px: so near
PATCH = 1.0  # px: differences are compared in a patch
MOST_ODDS = 3.0  # of one frame
OWN_WAY = 2.0  # noises: the thing departs from the motion continued to it by no more, as far as this counts


@dataclass(frozen=True)
class View:
    """Another frame, and the motion to it."""

    flow: np.ndarray  # (2, H, W) px
    is_sure: Region  # (H, W): there and back agree
    colours: np.ndarray  # (H, W, 3), CIE Lab


def view(picture: Picture, other: Picture) -> View:
    """Another frame as seen from a picture of the same size."""
    one, two = (torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1))).float() / 255 for part in (picture, other))
    there, back = optical_flow(one, two).numpy(), optical_flow(two, one).numpy()
    return View(there, is_round_trip(there, back), blurred_lab(other))


def odds_of_motion(picture: Picture, views: Sequence[View], thing: Region, ground: Region) -> np.ndarray | None:
    """For each pixel (H, W): above 0 where it moves with the thing, below where with the ground; None where no view can tell.

    thing, ground: (H, W), as they are known so far.
    """
    colours = blurred_lab(picture)
    told = [odds for one in views if (odds := _odds(colours, one, thing, ground)) is not None]
    return np.mean(told, 0) if told else None


def _odds(colours: np.ndarray, seen: View, thing: Region, ground: Region) -> np.ndarray | None:
    """By one other frame."""
    sure_thing, sure_ground = thing & seen.is_sure, ground & seen.is_sure
    for sure, known in ((sure_thing, thing), (sure_ground, ground)):
        if sure.sum() < max(ENOUGH, AGREES * known.sum()):
            return None
    scale = min(thing.shape) / 256
    with_thing, with_ground = (_continued(seen.flow, sure, scale) for sure in (sure_thing, sure_ground))
    departs = np.median(np.linalg.norm(with_thing - with_ground, axis=0)[thing])
    if not LEAST * scale <= departs <= MOST * scale:
        return None
    (as_thing, leaves), (as_ground, goes) = (_difference(colours, seen.colours, motion) for motion in (with_thing, with_ground))
    weight, about = ground.astype(np.float32), ABOUT * scale
    near = _blurred(weight, about)
    noise = NOISE + UNREST * (_blurred(as_ground * weight, about) + 1e-3 * NOISE) / (near + 1e-3)
    covered = fetched(thing.astype(np.float32), places_after(thing.shape, with_ground - with_thing))
    as_ground = as_ground * (1 - covered) + np.minimum(as_ground, NOISE) * covered
    odds = (as_ground - np.minimum(as_thing, OWN_WAY * NOISE)) / noise
    return np.where(leaves | goes, 0, odds.clip(-MOST_ODDS, MOST_ODDS))


def _continued(flow: np.ndarray, sure: Region, scale: float) -> np.ndarray:
    """The flow (2, H, W) of what is sure, (H, W), continued to all pixels."""
    weight = sure.astype(np.float32)
    sizes = ((NEAR, 1.0), (FAR, LITTLE), (4 * FAR, LITTLE**2))
    values = (weight, *(flow * weight))
    total = np.sum([share * np.stack([_blurred(part, size * scale) for part in values]) for size, share in sizes], 0)
    average = (flow * weight).sum((1, 2), keepdims=True) / weight.sum()
    return (total[1:] + 1e-7 * average) / (total[0] + 1e-7)


def _difference(colours: np.ndarray, other: np.ndarray, motion: np.ndarray) -> tuple[np.ndarray, Region]:
    """How far each pixel's colour is from that where a motion (2, H, W) takes it, (H, W), and which leave the picture."""
    height, width = motion.shape[1:]
    columns, rows = places = places_after(motion.shape[1:], motion)
    leaves = (columns < 0) | (columns > width - 1) | (rows < 0) | (rows > height - 1)
    return _blurred(np.linalg.norm(fetched(other, places) - colours, axis=-1), PATCH), leaves


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return opencv().GaussianBlur(values.astype(np.float32), (0, 0), sigma)
