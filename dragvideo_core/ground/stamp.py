"""A hole filled with pieces of the ground beside it, each moved there whole, as with a clone stamp.

A smooth fill has the right colours and no texture, so a large hole looks blurred. Here the hole is cut into tiles, and each tile
takes the ground a shift away (few shifts fill a hole well: He and Sun 2012): where it goes on best in what is around the tile,
and has the colours of the smooth fill. Its light is made to fit at the tile's rim.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Array, Mask
from .spread import spread

Places = NDArray[np.intp]  # (..., 2): row and column of pixels, or shifts between them

THIN = 6  # px: a hole that is nowhere thicker does not look blurred
LEAST, MOST, THICK = 16, 64, 1.25  # px, px, and share of the hole's thickness: side of a tile
REACH = 2.5  # sides of a tile: shifts are so long at most along each axis
NEAREST = 3  # px: shorter shifts repeat the rim
RING = 5  # px around a tile: there a piece has to go on in what is known
FEWEST = 8  # px of a ring that are known: in less nothing can go on
HOLDS, MEETS = 0.97, 0.6  # share of a tile, and of its ring, for which a piece must have ground
PLAIN = 3.0  # px: the inside of a piece and the smooth fill are compared so far blurred
TEXTURED = (
    0.025  # step from its blurred self (root of the squares of three colours) of the middle one of a ring's pixels: less is plain
)
STRANGE = 1.2  # times the texture around a tile: a piece whose colours differ more from the smooth fill is other ground
BUSY, STRANGE_BUSY = 0.07, 3.0  # where the texture is stronger than this, the smooth fill says less of the colours: so many times
LIGHT = 0.12  # of brightness: a piece is made lighter or darker by so much at most


def stamped(picture: Array, known: Mask, hole: Mask, smooth: Array) -> Array:
    """`smooth` with pieces of the ground over it, as far as some fit.

    picture: (h, w, 3) in [0, 1], ground where it is `known` (h, w). smooth: the picture with its `hole` (h, w) filled smoothly.
    """
    thickness = 2 * float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3).max())
    if thickness < THIN:
        return smooth
    side = int(np.clip(THICK * thickness, LEAST, MOST))
    made, ready, plain = smooth.copy(), known.copy(), cv2.GaussianBlur(smooth, (0, 0), PLAIN)
    for tile in _tiles(hole, side, known):
        ring = _ring(tile, ready)
        if len(ring) < FEWEST:
            continue
        shift = _best_shift(made, plain, picture, known, tile, ring, round(REACH * side))
        if shift is None:
            continue
        place = tile[_shows(known, tile + shift)]
        piece = picture[_at(place + shift)] + _light(made, picture, known, ring, shift, place)
        made[_at(place)] = piece.clip(0, 1)
        ready[_at(place)] = True
    return made


def _best_shift(made: Array, plain: Array, picture: Array, known: Mask, tile: Places, ring: Places, reach: int) -> Places | None:
    """The shift (2,) of at most `reach` px along each axis whose ground fits best, None where none does.

    All shifts are compared at once: sums over a tile or its ring, for each shift, are correlations.
    """
    first, last = np.maximum(tile.min(0) - RING, 0), np.minimum(tile.max(0) + RING + 1, known.shape)
    start, stop = np.maximum(first - reach, 0), np.minimum(last + reach, known.shape)
    here, around = (tuple(slice(*ends) for ends in zip(*corners, strict=True)) for corners in ((first, last), (start, stop)))
    inside, rim = (np.zeros(last - first, np.float32) for _ in range(2))
    inside[_at(tile - first)] = rim[_at(ring - first)] = 1
    detail = _squared(made[here] - plain[here])[rim > 0]
    if np.quantile(detail, 0.25) < TEXTURED**2:
        return None
    shows, wanted = known[around].astype(np.float32), made[here] - np.float32(0.5)
    shown = (picture[around] - np.float32(0.5)) * shows[..., None]
    meets = _sums(shows, rim)
    steps = _sums(shows, rim * _squared(wanted)) - 2 * _sums(shown, rim[..., None] * wanted) + _sums(_squared(shown), rim)
    fill, ground = plain[here] - np.float32(0.5), plain[around] - np.float32(0.5)
    colours = _sums(_squared(ground), inside) - 2 * _sums(ground, inside[..., None] * fill) + (inside * _squared(fill)).sum()
    steps, colours = steps / np.maximum(meets, 1), colours / len(tile)
    texture = float(detail.mean())
    strange = texture * (STRANGE_BUSY if texture > BUSY**2 else STRANGE)
    fits = (_sums(shows, inside) >= HOLDS * len(tile)) & (meets >= MEETS * len(ring)) & (colours <= strange)
    rows, columns = (np.arange(count) for count in fits.shape)
    shifts = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1) + (start - first)
    fits &= np.abs(shifts).max(-1) >= NEAREST
    best = np.argmin(np.where(fits, steps + colours, np.inf))
    return shifts.reshape(-1, 2)[best] if fits.flat[best] else None


def _light(made: Array, picture: Array, known: Mask, ring: Places, shift: Places, place: Places) -> Array:
    """What the ground a shift away lacks, at places (P, 2), to go on in the ring: (P, 3)."""
    ring = ring[_shows(known, ring + shift)]
    corner = np.minimum(ring.min(0), place.min(0))
    size = np.maximum(ring.max(0), place.max(0)) - corner + 1
    gap, weight = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    gap[_at(ring - corner)] = made[_at(ring)] - picture[_at(ring + shift)]
    weight[_at(ring - corner)] = 1
    return spread(gap, weight)[_at(place - corner)].clip(-LIGHT, LIGHT)


def _tiles(hole: Mask, side: int, known: Mask) -> list[Places]:
    """The hole's pixels, tile by tile; first those with the most known ground around them."""
    pixels = np.argwhere(hole)
    number = (pixels - pixels.min(0)) // side @ [hole.shape[1], 1]
    tiles = [pixels[number == one] for one in np.unique(number)]
    return sorted(tiles, key=lambda tile: -len(_ring(tile, known)) / len(tile) ** 0.5)


def _ring(tile: Places, ready: Mask) -> Places:
    """The `ready` pixels around a tile, (P, 2)."""
    corner = np.maximum(tile.min(0) - RING, 0)
    box = np.s_[corner[0] : tile[:, 0].max() + RING + 1, corner[1] : tile[:, 1].max() + RING + 1]
    inside = np.zeros(ready[box].shape, np.uint8)
    inside[_at(tile - corner)] = 1
    near = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING + 1,) * 2))
    return np.argwhere((near > 0) & (inside == 0) & ready[box]) + corner


def _sums(picture: Array, weights: Array) -> Array:
    """Of a picture, times the weights where they lie: one sum for each place that the weights can be moved to in it."""
    return cv2.matchTemplate(picture, weights, cv2.TM_CCORR)


def _squared(picture: Array) -> Array:
    """(h, w, 3) to (h, w)."""
    return np.square(picture).sum(-1)


def _shows(known: Mask, places: Places) -> Mask:
    """Which of the places (P, 2) are known."""
    inside = np.asarray(((places >= 0) & (places < known.shape)).all(-1))
    return inside & known[_at(np.where(inside[:, None], places, 0))]


def _at(places: Places) -> tuple[Places, Places]:
    return places[:, 0], places[:, 1]
