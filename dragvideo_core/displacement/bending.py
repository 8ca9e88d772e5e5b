"""The bent mesh of every frame: a solution for each frame by itself, then all held together in time along the motion.

A frame's vertex takes the mean of its own displacement and of those that the frames before and after have where the flow of the
pictures takes it, `ROUNDS` times over: the edge of a thin part goes through other cells of the mesh in every frame, and it would
tremble. Where a drag itself changes from frame to frame, the others' are first turned and sized as the drag is. A frame whose
points are nowhere on its mesh has no displacement of its own: it takes its neighbours'.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from torch import Tensor
from torch.nn import functional

from ..points import flow
from ..types import size_of
from .folds import unfolded
from .mesh import Mesh, layer_mesh, place_in, spacing_for
from .pulls import frame_pulls
from .rigid import bend

MOST_ROUNDS = 30  # of the rigid solver, for a stiffness of 1
NOTICED = 1.0  # % of the shorter side: where undoing folds moves a vertex by more, it shows
WATCHED = 128  # px: flow is measured on pictures whose shorter side is at most this
LARGE = 256  # px: of clips whose shorter side is at least this, to the pixels of pictures half as large
HIDDEN, GONE = 4, 12  # frames: what shows no point for fewer goes on as it is, for more it is gone
ROUNDS = 3  # of the mean with the frames before and after: a film's window has as many beside it (`film_window.py`)
AROUND = 20  # px of these pictures: flow is measured no further around the meshes

MOST_LARGER = 2.0  # times: a displacement of a drag that is shorter than that is not enlarged

Places = tuple[np.ndarray, np.ndarray]  # on a mesh, as `place_in` says them: cells (V,), -1 for none, and shares (V, 4)


@dataclass(frozen=True)
class Bent:
    """The mesh of one frame, and where its vertices go."""

    mesh: Mesh
    moved: np.ndarray  # (V, 2) px
    pulled: np.ndarray  # (V,) bool: at the frame's points; none where they are not on its mesh
    had_folds: bool = False  # that were undone so that it shows


def bend_frame(
    region: np.ndarray,
    layer: np.ndarray,
    mask: np.ndarray,
    handles: np.ndarray,
    moves: np.ndarray,
    visible: np.ndarray,
    stiffness: float,
) -> Bent | None:
    """One frame by itself, None where it has nothing to bend.

    region, layer, mask (H, W) bool: what the mesh covers, what of that must hold together with what lies outside of the edit mask,
    the edit mask; handles, moves (J, S, 2) px; visible (J, S) bool; stiffness in [0, 1].
    """
    size = mask.shape
    if not (region & mask).any() or len(handles) == 0:
        return None
    spacing = spacing_for(size)
    longest = min(float(np.linalg.norm(moves, axis=-1).max()), min(size) / 2)
    beyond = spacing * (1 + int(np.ceil(longest / spacing)))
    x, y = (int(v) for v in np.round(handles[0].mean(0)))
    mesh = layer_mesh(region, layer, mask, spacing, (x, y), beyond)
    asked = frame_pulls(mesh, handles, moves, visible)
    pulled = np.zeros(len(mesh.vertices), bool)
    pulled[mesh.cells[place_in(mesh, asked.points)[0]]] = True
    return Bent(mesh, bend(mesh, asked, round(MOST_ROUNDS * stiffness**2)), pulled)


def held_in_time(frames: Tensor, bents: list[Bent | None], moves: np.ndarray) -> list[Bent | None]:
    """The bent meshes of the frames (N, 3, H, W), held together in time, without folds. moves: (N, J, 2) px that are asked for."""
    if any(bent is not None and bent.moved.any() for bent in bents):
        to_next, to_last = _flows(frames, [bent.mesh for bent in bents if bent is not None])
        bents = [bent and _without_folds(bent) for bent in _inherited(bents, to_next, to_last)]
        drags = np.ascontiguousarray(moves, np.float64).view(np.complex128)[..., 0]
        beside = [_beside(bents, i, to_next, to_last, drags) for i in range(len(bents))]
        for _ in range(ROUNDS):
            bents = [_mean(bents, i, others) for i, others in enumerate(beside)]
    return [bent and replace(_without_folds(bent), had_folds=bent.had_folds) for bent in bents]  # later folds are ours


def weaker(bent: Bent | None, shown: np.ndarray, i: int) -> Bent | None:
    """The bent mesh of frame i the weaker, the further away the frames are that show a point: none where they are `GONE` away.

    shown: (N,) bool. Where no thing is known, nobody knows either whether it is still there, and the ground alone would bend.
    """
    if bent is None or shown[i]:
        return bent
    away = np.abs(np.flatnonzero(shown) - i).min(initial=GONE)
    share = min(1.0, (GONE - away) / (GONE - HIDDEN))
    return replace(bent, moved=share * bent.moved)


def _flows(frames: Tensor, meshes: list[Mesh]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each frame to the one after it and to the one before it, (2, h, w) px of the frame; nought where there is none, and far
    from the meshes."""
    shorter = min(size_of(frames))
    small = frames if shorter <= WATCHED else functional.interpolate(frames, scale_factor=WATCHED / shorter, mode="area")
    scale = frames.shape[-1] / small.shape[-1]
    low, high = (getattr(np, end)([getattr(mesh.vertices, end)(0) for mesh in meshes], 0) / scale for end in ("min", "max"))
    columns, rows = (slice(max(0, int(a) - AROUND), max(0, int(b)) + AROUND) for a, b in zip(low, high, strict=True))
    small, whole = small[..., rows, columns], np.zeros((2, *small.shape[-2:]), np.float32)

    def between(one: Tensor, other: Tensor) -> np.ndarray:
        found = whole.copy()
        found[:, rows, columns] = flow.optical_flow(one, other, halved=int(shorter >= LARGE)).numpy() * scale
        return found

    to_next, to_last = [between(a, b) for a, b in pairwise(small)], [between(b, a) for a, b in pairwise(small)]
    return [*to_next, whole], [whole, *to_last]


def _inherited(bents: list[Bent | None], to_next: list[np.ndarray], to_last: list[np.ndarray]) -> list[Bent | None]:
    """With displacements of their neighbours for frames that have none of their own: the mean of what comes from both sides."""
    passed = []
    for order, step, flows in ((range(len(bents)), -1, to_last), (range(len(bents) - 1, -1, -1), 1, to_next)):
        reached = list(bents)
        for i in order:
            bent, giver = bents[i], reached[i + step] if 0 <= i + step < len(bents) else None
            if bent is not None and not bent.pulled.any():
                reached[i] = None if giver is None else replace(bent, moved=_whole_way(giver, bent.mesh, flows[i]))
        passed.append(reached)
    return [_middle(bent, [one for one in pair if one is not None]) for bent, *pair in zip(bents, *passed, strict=True)]


def _whole_way(giver: Bent, mesh: Mesh, flows: np.ndarray) -> np.ndarray:
    """The giver's displacement at every vertex of another frame's mesh, (V, 2) px: that of the nearest vertex where it has none."""
    places = _places_on(giver.mesh, mesh, flows)
    moved, is_there = _moved_at(giver, places), places[0] >= 0
    if is_there.all() or not is_there.any():
        return moved
    known, missing = mesh.vertices[is_there], mesh.vertices[~is_there]
    nearest = np.linalg.norm(missing[:, None] - known, axis=-1).argmin(1)
    moved[~is_there] = moved[is_there][nearest]
    return moved


def _middle(bent: Bent | None, neighbours: list[Bent]) -> Bent | None:
    if bent is None or bent.pulled.any() or not neighbours:
        return bent
    return replace(bent, moved=np.mean([one.moved for one in neighbours], 0) * ~bent.mesh.held[:, None])


@dataclass(frozen=True)
class _Neighbour:
    """A frame beside another one."""

    number: int
    places: Places  # of the other's vertices on its mesh
    turn: complex  # that makes its drags the other's, x + iy


def _beside(
    bents: list[Bent | None], i: int, to_next: list[np.ndarray], to_last: list[np.ndarray], drags: np.ndarray
) -> list[_Neighbour]:
    """The frames after and before frame i. drags: (N, J) complex px."""
    bent, found = bents[i], []
    for j, flows in ((i + 1, to_next), (i - 1, to_last)):
        giver = bents[j] if 0 <= j < len(bents) else None
        turn = None if giver is None else _turn(drags[j], drags[i])
        if bent is not None and giver is not None and turn is not None:
            found.append(_Neighbour(j, _places_on(giver.mesh, bent.mesh, flows[i]), turn))
    return found


def _turn(drags: np.ndarray, wanted: np.ndarray) -> complex | None:
    """By what drags (J,) complex are turned and sized to be most like those that are wanted; None where they are too short."""
    length, other = (float(np.linalg.norm(one)) for one in (drags, wanted))
    if other > MOST_LARGER * length:
        return None
    return 1.0 if length == 0 else complex(np.vdot(drags, wanted)) / length**2


def _mean(bents: list[Bent | None], i: int, beside: list[_Neighbour]) -> Bent | None:
    """The bent mesh of frame i, held together with those of the frames beside it."""
    bent = bents[i]
    if bent is None:
        return None
    total, weight = bent.moved.copy(), np.ones(len(bent.moved))
    for one in beside:
        giver = bents[one.number]
        if giver is not None:
            total += (_moved_at(giver, one.places).view(np.complex128) * one.turn).view(np.float64)
            weight += one.places[0] >= 0
    return replace(bent, moved=np.where(bent.mesh.held[:, None], 0, total / weight[:, None]))


def _places_on(giver: Mesh, mesh: Mesh, flows: np.ndarray) -> Places:
    """The cells of the giver's mesh that the vertices of another frame's mesh lie in, and their shares in them.

    flows: of the other frame to the giver's, (2, h, w) px of the frame.
    """
    scale = mesh.size[0] / flows.shape[1], mesh.size[1] / flows.shape[2]
    column = np.round((mesh.vertices[:, 0] + 0.5) / scale[1] - 0.5).astype(int).clip(0, flows.shape[2] - 1)
    row = np.round((mesh.vertices[:, 1] + 0.5) / scale[0] - 0.5).astype(int).clip(0, flows.shape[1] - 1)
    return place_in(giver, mesh.vertices + flows[:, row, column].T)


def _moved_at(giver: Bent, places: Places) -> np.ndarray:
    """The giver's displacement at places on its mesh, (V, 2) px; 0 off it."""
    cell, shares = places
    moved = (giver.moved[giver.mesh.cells[cell]] * shares[..., None]).sum(1)
    return np.where((cell >= 0)[:, None], moved, 0)


def _without_folds(bent: Bent) -> Bent:
    moved = unfolded(bent.mesh, bent.moved, bent.pulled)[0]
    changed = np.linalg.norm(moved - bent.moved, axis=-1).max(initial=0)
    return replace(bent, moved=moved, had_folds=bool(changed > NOTICED / 100 * min(bent.mesh.size)))
