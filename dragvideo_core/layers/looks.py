"""What colours say of a carried layer where motion does not: a part that moves too fast for optical flow, or comes from behind the
thing itself.

A pixel that looks as what its motion brings there is left alone: asked anew in every frame, colours would make the layer jump.
One that looks different goes to the thing or to the ground, whichever has the more similar colour near by in the neighbouring
frame. And along its edge the layer gives and takes what has colours that only one of the two had in the frame where it was known,
so that what was lost comes back and what was picked up is dropped. Colours that both have decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pixels import Coverage, Places, Region, distance_to, fetched, opencv

REFERENCE = 240  # px, short side that the sizes below are for
DIFFERENT = 6.0  # distance of colours in CIE Lab from which on a pixel is not what its motion brings there
REACH = 24.0  # px, how far from a pixel the neighbouring frame is searched for its colour: what moves by more is not found
STEP = 3.0  # px between two places that are looked at
CLEARLY = 0.9  # a colour is the thing's if the nearest one of the thing is so many times as far as that of the ground, or nearer
LIKELY = 1.5  # times as frequent on the thing: a colour that is less so, or never was seen, is not taken in
SURE = 0.9  # of a pixel must be the thing or the ground to be an example of it
EXAMPLES = 60.0  # px around the layer: the ground's colours are learned there
LEVELS = 24  # of each of the three channels of colour
FUZZY = 0.8  # levels by which colours are blurred when they are counted
RARE = 1e-4  # share of a colour that was never seen
ALONE = 20.0  # times as frequent on one side: a colour that only this side has
EDGE = 2.0  # px on both sides of the layer's edge in which such colours count
SPECK = 6  # px: a smaller change is noise
TOGETHER = 500  # pixels that are looked for at once
FAR = np.float32(1e4)  # in the place of a colour where there is none


@dataclass(frozen=True)
class Palette:
    """The colours of a thing and of the ground around it, in a frame where the layer is known."""

    odds: np.ndarray  # (LEVELS, LEVELS, LEVELS) of L, a and b: log of how many times as frequent a colour is on the thing

    @staticmethod
    def of(colours: np.ndarray, layer: Coverage) -> Palette | None:
        """Of colours (H, W, 3), CIE Lab, and the layer (H, W); None where one of the two cannot be seen."""
        thing = layer >= SURE
        ground = (layer <= 1 - SURE) & (distance_to(layer >= 0.5) <= EXAMPLES * min(layer.shape) / REFERENCE)
        if not thing.any() or not ground.any():
            return None
        on_thing, on_ground = (_frequency(colours[side]) for side in (thing, ground))
        return Palette(np.log((on_thing + RARE) / (on_ground + RARE)))

    def odds_of(self, colours: np.ndarray) -> np.ndarray:
        """Of colours (P, 3): (P,)."""
        return self.odds[tuple(_levels(colours).T)]

    def put_right(self, layer: Coverage, colours: np.ndarray, side: int) -> Coverage:
        """The layer (H, W) with its edge where colours (H, W, 3) that only one of the two has say so. side: px, the shorter one of
        the picture that these are a part of."""
        edge = _near_edge(layer >= 0.5, EDGE * max(1.0, side / REFERENCE))
        odds = np.zeros(layer.shape)
        odds[edge] = self.odds_of(colours[edge])
        return _changed(layer, odds > np.log(ALONE), odds < -np.log(ALONE), side)


def put_right(
    brought: Coverage,
    layer: Coverage,
    before: np.ndarray,
    after: np.ndarray,
    origins: tuple[Places, Places],
    palette: Palette | None,
    side: int,
) -> Coverage:
    """The layer as its motion brought it, (H, W), put right where the frame looks different from where its pixels come from.

    layer: (H, W), in the neighbouring frame; before, after: colours (H, W, 3), CIE Lab, of that frame and of this one; origins:
    where each pixel was there, as the thing moves and as the flow of the picture goes; palette: nothing is taken in whose colour
    the thing did not have where it was known; side: px, the shorter one of the picture that all these are a part of.
    """
    as_thing, as_seen = (np.linalg.norm(fetched(before, places) - after, axis=-1) for places in origins)
    inside, was_ground = brought >= 0.5, fetched(layer, origins[1]) < 0.5
    is_explained = np.where(inside, as_thing <= DIFFERENT, was_ground & (as_seen <= DIFFERENT))
    asked = np.nonzero(_near_edge(inside, REACH * side / REFERENCE) & ~is_explained)
    thing, ground = (_nearest(before, after[asked], asked, one, side) for one in (layer >= SURE, layer <= 1 - SURE))
    to_thing, to_ground = np.zeros_like(inside), np.zeros_like(inside)
    to_thing[asked], to_ground[asked] = thing < CLEARLY * ground, ground < CLEARLY * thing
    if palette is not None:
        to_thing[asked] &= palette.odds_of(after[asked]) > np.log(LIKELY)
    return _changed(brought, to_thing, to_ground, side)


def _nearest(colours: np.ndarray, wanted: np.ndarray, places: tuple[np.ndarray, ...], examples: Region, side: int) -> np.ndarray:
    """From each wanted colour (P, 3), of these rows and columns, to the most similar one of the examples (H, W) within reach."""
    step, reach = max(1, round(STEP * side / REFERENCE)), round(REACH * side / REFERENCE)
    height, width = examples.shape
    known = np.full((3, height + 2 * reach, width + 2 * reach), FAR)
    np.copyto(known[:, reach : reach + height, reach : reach + width], colours.transpose(2, 0, 1), where=examples)
    offsets = np.arange(-reach, reach + 1, step)
    down, right = (line.ravel() for line in np.meshgrid(offsets, offsets, indexing="ij"))
    steps = (down * known.shape[2] + right)[down * down + right * right <= reach * reach]
    starts = (places[0] + reach) * known.shape[2] + places[1] + reach
    best = np.empty(len(wanted), np.float32)
    for first in range(0, len(wanted), TOGETHER):
        some = slice(first, first + TOGETHER)
        at, total = starts[some, None] + steps, np.float32(0)
        for channel, value in zip(known, wanted[some].T, strict=True):  # faster than pixels of three values
            gap = channel.take(at) - value[:, None]
            total = total + gap * gap
        best[some] = total.min(1)
    return np.sqrt(best)


def _changed(layer: Coverage, to_thing: Region, to_ground: Region, side: int) -> Coverage:
    """The layer with what goes to the thing and to the ground, specks left out."""
    inside, answer = layer >= 0.5, layer.copy()
    for way, value in ((to_thing & ~inside, 1), (to_ground & inside, 0)):
        _, pieces, stats, _ = opencv().connectedComponentsWithStats(way.astype(np.uint8), connectivity=4)
        is_large = stats[:, -1] >= SPECK * (side / REFERENCE) ** 2
        answer[way & is_large[pieces]] = value
    return answer


def _near_edge(inside: Region, by: float) -> Region:
    return (distance_to(inside) <= by) & (distance_to(~inside) <= by)


def _frequency(colours: np.ndarray) -> np.ndarray:
    """How frequent each colour is among colours (P, 3): (LEVELS, LEVELS, LEVELS), in sum 1."""
    shape = (LEVELS, LEVELS, LEVELS)
    counts = np.bincount(np.ravel_multi_index(tuple(_levels(colours).T), shape), minlength=LEVELS**3).astype(np.float64)
    counts = counts.reshape(shape)
    for axis in range(3):
        lines = np.moveaxis(counts, axis, 0)
        blurred = opencv().GaussianBlur(np.ascontiguousarray(lines).reshape(LEVELS, -1), (1, 7), 0.1, sigmaY=FUZZY)
        counts = np.moveaxis(blurred.reshape(shape), 0, axis)
    return counts / counts.sum()


def _levels(colours: np.ndarray) -> np.ndarray:
    """Colours (P, 3), CIE Lab, as whole numbers of levels."""
    shares = (colours + np.array([0, 64, 64], np.float32)) / np.array([100, 128, 128], np.float32)
    return np.rint(shares * (LEVELS - 1)).astype(int).clip(0, LEVELS - 1)
