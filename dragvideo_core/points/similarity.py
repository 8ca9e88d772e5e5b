"""How the thing about each handle turns and grows from frame to frame: a drag goes along with it.

By Eq. 2 of the paper a target moves as its handle does, so a drag keeps its length and direction in pixels. A car that drives off
gets small, and the drag on its roof does not. Ours: places of the thing around the handle are followed by optical flow, as the
point sets are, and a similarity is fitted to all of them as to one large set (`pieces.py`). It counts where most of the places
agree and the handle is where it takes it; in between the frames where it counts it is eased, and all is made smooth in time.
What hardly changes over all frames is left as it is.

Similarities are complex: a drag x + iy becomes a (x + iy), with a = size * exp(i turn).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..types import Size, size_of
from .finders import FlowFinder
from .flow import DIS, Flow
from .pieces import as_pieces, fitted
from .sampling import lookup
from .sets import REFERENCE, inside, nearest_inside, square_set

SIDE = 7  # places along each side of the square about a handle
REACH = 48.0  # px at 512 x 512: half of that side
WINDOW = 80.0  # px at 512 x 512: a place moves at most this far between frames
TOLERANCE = 2.0  # px at 512 x 512: so far a place may be from where the similarity takes it
LEAST, MOSTLY = 8, 0.5  # places, and share of them, that must agree
EVERY, CLOSE = 4, 2  # frames from one to the next of those in which the places are looked for; where many are lost by that
NEARLY = 0.8  # share of the places that must agree, or fewer frames are left out
SMOOTH = 3.0  # frames: sigma of the smoothing
SLIGHT = 0.06  # of size, or radians: where a clip changes by no more than this, less than half of it is heeded: it may be none


def similarities(
    frames: Tensor, picked: int, handles: Tensor, asked: Tensor, thing: Tensor | None = None, flow: Flow = DIS
) -> Tensor:
    """The similarity of each pair from the picked frame to every frame of (N, 3, H, W): (N, J) complex, 1 in the picked frame.

    handles: (N, J, 2) px; asked: (J,) bool, the others are 1 everywhere; thing: (H, W) in [0, 1], the layer in the picked frame, to
    tell which places about a handle belong to it.
    """
    answer = torch.ones(handles.shape[:2], dtype=torch.complex64)
    if not bool(asked.any()) or len(frames) == 1:
        return answer
    for pair in asked.nonzero().flatten().tolist():
        places = _places(handles[picked, pair], thing, size_of(frames))
        if len(places) >= LEAST:
            answer[:, pair] = _smooth(*_followed(frames, picked, handles[:, pair], places, flow), picked)
    return answer


def turned(moves: Tensor, by: Tensor) -> Tensor:
    """Moves (..., 2) px turned and sized by similarities (...,) complex."""
    return torch.view_as_real(torch.view_as_complex(moves.contiguous()) * by)


def _places(handle: Tensor, thing: Tensor | None, size: Size) -> Tensor:
    """Places (P, 2) px of the thing about a handle (2,) px."""
    places = square_set(handle[None], SIDE, 2 * REACH * min(size) / REFERENCE / (SIDE - 1))[0]
    places = places[inside(places, size)]
    return places if thing is None else places[lookup(thing[None, None], places[None], size)[0, :, 0] >= 0.5]


def _followed(frames: Tensor, picked: int, handle: Tensor, start: Tensor, flow: Flow) -> tuple[np.ndarray, np.ndarray]:
    """The similarity of places (P, 2) px about a handle (N, 2) px from the picked frame to each: (N,) complex, and whether it
    counts, (N,) bool."""
    size = size_of(frames)
    scale = min(size) / REFERENCE
    tolerance = max(1.0, TOLERANCE * scale)
    turns, counts = np.ones(len(frames), complex), np.zeros(len(frames), bool)
    counts[picked] = True
    for ahead in (_in_steps(picked, len(frames), 1), _in_steps(picked, -1, -1)):
        near = replace(flow, reach=flow.reach / 2)  # many places agree: it need not be as sure as for a point
        finder = FlowFinder(frames, picked, start, [len(start)], WINDOW * scale, near, range(1, EVERY + 1))
        latest, before = start, picked
        while ahead:
            i = ahead.pop(0)
            places, seen = finder.find(i, nearest_inside(latest + handle[i] - handle[before], size))
            placed, agree = (one[0] for one in as_pieces(start[None], places[None], seen[None], tolerance))
            if bool(agree.any()):
                turn, shift = fitted(*(torch.view_as_complex(one[agree].contiguous()) for one in (start, placed)))
                there, at = (complex(*one.tolist()) for one in (handle[picked], handle[i]))
                is_here = abs(complex(turn) * there + complex(shift) - at) <= 2 * tolerance
                counts[i] = is_here and int(agree.sum()) >= max(LEAST, MOSTLY * len(start))
                turns[i] = complex(turn)
            is_sure = counts[i] and int(agree.sum()) >= NEARLY * len(start)
            if not is_sure and abs(i - before) > CLOSE:  # it turns fast, maybe: by way of a frame between
                ahead = [(before + i) // 2, i, *ahead]
                continue
            latest, before = placed, i
            finder.settle(i, placed, agree & inside(placed, size))
    return turns, counts


def _in_steps(picked: int, end: int, way: int) -> list[int]:
    """Every so many frames from the picked one to before `end`, and the last one."""
    between, last = range(picked + way * EVERY, end, way * EVERY), end - way
    return [*between] if last == picked or last in between else [*between, last]


def _smooth(turns: np.ndarray, counts: np.ndarray, picked: int) -> Tensor:
    """Similarities (N,) that count in some frames (N,) bool, the picked one among them, without jumps in any: by a straight line
    through what is about each frame, in size and turn."""
    sure = np.flatnonzero(counts)
    number = np.arange(len(turns))
    values = np.stack([np.log(np.abs(turns[sure])), np.unwrap(np.angle(turns[sure]))], 1)
    values = np.stack([np.interp(number, sure, one) for one in values.T], 1)
    away = number - number[:, None]
    lines = [np.polyfit(one, values, min(1, len(turns) - 1), w=np.exp(-((one / SMOOTH / 2) ** 2)))[-1] for one in away]
    changes = np.stack(lines) - lines[picked]
    most = np.linalg.norm(changes, axis=1).max()
    size, turn = (changes * most**4 / (most**4 + SLIGHT**4)).T
    return torch.from_numpy(np.exp(size + 1j * turn)).to(torch.complex64)
