"""A layer where nobody marked one: what moves with the dragged handles, or else what has their colours and touches them.

Where the film shows that the handles move unlike the ground, `moving.py` finds the thing. Else near the handles are its colours,
on the rim of the box around the edit mask mostly the ground's: what is nearer to the thing's is the first guess for GrabCut.
Outside of the box the thing goes on as far as such colours hang together: there it only holds what moves.

A wrong layer tears a thing apart, and no layer at all only bends the ground with it. So a guess counts only where its outline lies
on edges of the picture, and where most handles are not at its edge: there one cannot know which side is meant. What was guessed by
colours and lies wholly inside of the edit mask is a thing by itself if the ground's colours are all around it; else it is one
colour of a thing of several. Strokes, a MASK or a SAM are better, and win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .colours import blurred_lab, distance, main_colours
from .given import EverythingSegmenter
from .grabcut import cut
from .matte import matte
from .moving import moving_region
from .outline import share_on_edges
from .pixels import Coverage, Picture, Region, as_picture, box_of, grown, solid, touching

THING = 4.0  # % of the picture's short side: within this radius of a handle are the thing's colours
CERTAIN = 1.0  # % of the same: within this radius the thing is certain
RIM = 2.5  # % of the same: width of the rim with the ground's colours
MARGIN = 0.1  # of the longer side of the edit mask's box, around it
OF_THING, OF_GROUND = 3, 5  # colours on each side
ROUNDS = 2  # of GrabCut
LEAST, MOST = 0.005, 0.95  # share of the edit mask that a layer fills
BESIDE = 3.0  # % of the short side: a layer that a handle has ahead of it so far, and not behind, is what it is pushed into
WITHIN, COVERED = 2.0, 0.75  # % of the short side, share: of the disc of this radius around a handle so much is layer
ABOUT = 6.0  # % of the short side: so near to a handle its colour is compared with those on both sides of the edge
LIKE_NONE, SURELY = 10.0, 2.5  # CIE Lab, times: so far from all of the ground's colours, and so much further than from the thing's
ON_EDGES = 0.8  # share of the outline inside the edit mask that lies on edges, where a layer is guessed by colours
MOVING_ON_EDGES = 0.7  # the same where it is what moves
LEAST_MOVING = 0.02  # share of the edit mask that what moves fills
STILL_ON_EDGES = 0.6  # the same where it is carried to
SIDE = 1.0  # % of the short side: from here to twice as far around a layer there is ground
OF_ITS_COLOUR, MOSTLY = 16.0, 0.9  # CIE Lab, share: so near to the ground's colours is most of it
PLAIN = 12.0  # CIE Lab: so near to each other are the two main colours of plain ground
GOES_ON = 0.03  # share of it that looks like the thing, at most
WORSE = 0.8  # times the share in the frame of the guess: where that is less than the above
OFF_EDGES, MOMENT = 0.15, 4  # with less of it on edges it has failed at once, with less than the above for so many frames on end
MOST_LOST = 0.25  # share of the frames that show the thing in which a guess may fail before it is given up in all of them


@dataclass(frozen=True)
class Colours:
    """Main colours (K, 3) of the thing and of the ground, CIE Lab."""

    thing: np.ndarray
    ground: np.ndarray

    def are_in(self, picture: Picture) -> Region:
        """(H, W): which pixels are nearer to the thing's colours than to the ground's."""
        smooth = blurred_lab(picture)
        return distance(smooth, self.thing) < distance(smooth, self.ground)


@dataclass(frozen=True)
class GuessedSegmenter(EverythingSegmenter):
    """Knows a guess on the picks' frame; as it is only a guess, every pixel is foreground."""

    layer: Tensor | None = None  # (1, H, W)


def held(
    frames: Tensor, layer: Tensor, near: Tensor, edit_mask: Tensor, handles: Tensor, visible: Tensor, frame: int
) -> Tensor | None:
    """A carried guess (N, 1, H, W) without the frames in which it failed; None if these are many of those that show the thing.

    It failed where its outline near the drags, in `near` (N, 1, H, W), left the edges of the picture, and where the part was torn
    off: if in the frame of the guess the part with the handles goes on outside of the edit mask (N, 1, H, W), it does in every
    frame. An outline that lies badly for a moment is no failure, nor one that lies hardly worse than in that frame. Where it failed
    everything is layer: all inside the mask bends, and its rim is held; where no handle can be seen, nothing is. frames:
    (N, 3, H, W); handles: (N, J, 2) px of those that are dragged; visible: (N, J) bool.
    """
    goes_on, on_edges = [], []
    masks = (values[:, 0].numpy() for values in (layer, near, edit_mask))
    for picture, places, one, about, mask in zip(frames, handles, *masks, strict=True):
        dots = np.zeros_like(mask)
        for x, y in places.round().long().tolist():
            dots[max(0, y - 1) : max(0, y + 2), max(0, x - 1) : max(0, x + 2)] = True
        goes_on.append(bool((touching(one >= 0.5, dots) & ~mask).any()))
        on_edges.append(share_on_edges(as_picture(picture), one >= 0.5, about) if about.any() else 1.0)
    seen, shares = visible.any(1), np.array(on_edges)
    is_off = shares < min(STILL_ON_EDGES, WORSE * shares[frame])
    failed = shares < OFF_EDGES
    if goes_on[frame]:
        failed |= ~np.array(goes_on)
    failed = seen.numpy() & (failed | _on_end(is_off, MOMENT))
    if seen.any() and failed[seen.numpy()].mean() > MOST_LOST:
        return None
    instead = seen.to(layer.dtype)[:, None, None, None].expand_as(layer)
    return torch.where(torch.from_numpy(failed | (~seen.numpy() & is_off))[:, None, None, None], instead, layer)


def _on_end(values: np.ndarray, least: int) -> np.ndarray:
    """Those of the values (N,) bool that belong to a run of at least so many."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    kept = np.zeros_like(values)
    for start, stop in zip(changes[::2], changes[1::2], strict=True):
        kept[start:stop] = stop - start >= min(least, len(values))
    return kept


def guessed_layer(
    picture: Picture, handles: Tensor, moves: Tensor, edit_mask: Region, others: Sequence[Picture] = ()
) -> Coverage | None:
    """How much of each pixel shows the thing, (H, W). None where no thing stands out.

    handles, moves: (J, 2) px, those that are dragged; edit_mask: (H, W), where the picture may change; others: frames at
    `moving.STEPS` from the picture, those that there are.
    """
    if not len(handles) or not edit_mask.any():
        return None
    rows, columns = np.mgrid[tuple(slice(0, side) for side in edit_mask.shape)]
    gaps = [np.hypot(columns - x, rows - y) for x, y in handles.numpy()]
    region = moving_region(picture, others, handles.numpy(), edit_mask)
    found = _by_colours(picture, np.min(gaps, 0), edit_mask) if region is None else region
    if found is None or _are_at_its_edge(picture, found, handles.numpy(), moves.numpy(), gaps):
        return None
    least, on_edges = (LEAST, ON_EDGES) if region is None else (LEAST_MOVING, MOVING_ON_EDGES)
    if not least <= found[edit_mask].mean() <= MOST or share_on_edges(picture, found, edit_mask) < on_edges:
        return None
    return matte(picture, found.astype(np.float32))


def _by_colours(picture: Picture, away: np.ndarray, edit_mask: Region) -> Region | None:
    """What has the colours at the handles, (H, W). away: of each pixel from the nearest handle, (H, W) px."""
    box, short = box_of(edit_mask, MARGIN), min(edit_mask.shape) / 100
    thing, near = away[box] <= max(1.0, CERTAIN * short), away[box] <= THING * short
    width = max(1, round(RIM * short))
    rim = np.ones_like(near)
    rim[width:-width, width:-width] = False
    if not near.any() or not (rim & ~near).any():
        return None
    smooth = blurred_lab(picture)[box]
    colours = Colours(main_colours(smooth[near], OF_THING), main_colours(smooth[rim & ~near], OF_GROUND))
    is_alike = colours.are_in(picture)
    layer = is_alike.astype(np.float32)
    layer[box] = cut(picture[box], thing, np.zeros_like(thing), touching(near | is_alike[box], thing), ROUNDS)
    start = np.zeros_like(edit_mask)
    start[box] = thing
    region = solid(touching(layer >= 0.5, start))
    return region if _lies_on_ground(smooth, region[box], colours, short) else None


def _lies_on_ground(smooth: np.ndarray, layer: Region, colours: Colours, short: float) -> bool:
    """Whether a layer (H, W) has plain ground all around it: it is a thing by itself, and no part of one that goes on.

    smooth: (H, W, 3), CIE Lab; short: 1 % of the picture's short side, px.
    """
    around = grown(layer, 2 * SIDE * short) & ~grown(layer, SIDE * short)
    if not around.any():
        return False
    beside = smooth[around]
    of_ground, of_thing = (distance(beside[None], middles)[0] for middles in (colours.ground, colours.thing))
    two = main_colours(beside, 2)
    is_plain = float(np.linalg.norm(two[0] - two[-1])) <= PLAIN
    return is_plain and (of_ground < OF_ITS_COLOUR).mean() >= MOSTLY and (of_thing < of_ground).mean() <= GOES_ON


def _are_at_its_edge(picture: Picture, layer: Region, handles: np.ndarray, moves: np.ndarray, gaps: list[np.ndarray]) -> bool:
    """Whether most handles (J, 2) px lie at the layer's edge, or have the layer ahead of them on their way and not behind, and do
    not show by their colour that they are on it.

    moves: (J, 2) px; gaps: of each handle to every pixel, (H, W) px.
    """
    height, width = layer.shape
    short, smooth = min(layer.shape) / 100, blurred_lab(picture)
    count = 0
    for place, move, gap in zip(handles, moves, gaps, strict=True):
        disc = layer[gap <= max(1.0, WITHIN * short)]
        aside = BESIDE * short * move / max(float(np.hypot(*move)), 1e-6)
        ahead, behind = (
            layer[int(np.clip(round(float(y)), 0, height - 1)), int(np.clip(round(float(x)), 0, width - 1))]
            for x, y in (place + aside, place - aside)
        )
        at_edge = bool((len(disc) and disc.mean() < COVERED) or (ahead and not behind))
        count += at_edge and not _has_its_colour(smooth, layer, gap, short)
    return 2 * count > len(handles)


def _has_its_colour(smooth: np.ndarray, layer: Region, gap: np.ndarray, short: float) -> bool:
    """Whether the colour at a handle is the layer's near it, and no colour of what lies beside it.

    smooth: (H, W, 3), CIE Lab; gap: of the handle to every pixel, (H, W) px; short: 1 % of the picture's short side, px.
    """
    about = (gap <= ABOUT * short) & (gap > CERTAIN * short)
    inside, outside = smooth[about & layer], smooth[about & ~layer]
    if len(inside) < OF_THING or len(outside) < OF_GROUND:
        return False
    own = smooth[np.unravel_index(gap.argmin(), gap.shape)][None, None]
    thing, ground = (float(distance(own, main_colours(*one))[0, 0]) for one in ((inside, OF_THING), (outside, OF_GROUND)))
    return ground > LIKE_NONE and ground > SURELY * thing
