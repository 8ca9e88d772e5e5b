"""Displace: the dragged part of every frame moves as a piece, without any model. Our addition to the paper."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..displacement import backward_map, compose, mesh, pulls, rigid
from ..ground.fill import fill_freed
from ..types import Displacement, OnProgress, PointTracks, UserError, VideoClip, ignore_progress

MOST_ROUNDS = 30
STIFF = 20.0


@dataclass(frozen=True)
class DisplaceSettings:
    stiffness: float = 0.3  # 0: bends and stretches like rubber; 1: turns and moves like a board


def displace(
    clip: VideoClip,
    tracks: PointTracks,
    settings: DisplaceSettings = DisplaceSettings(),
    on_progress: OnProgress = ignore_progress,
) -> Displacement:
    """Move what the points hold to its targets: the layer inside the edit mask bends, the ground stays and is filled where it came free.

    Without a layer in the tracks everything inside the edit mask bends, and its rim is held. Nothing outside of the edit mask changes.
    Warns where a drag would fold the layer over itself: it is made smoother or shorter there. UserError where the tracks do not belong to
    the clip, hold NaN, or a handle lies on no layer in any frame.
    """
    _check(clip, tracks, settings)
    scene = _Scene.of(tracks)
    handles = pulls.settled(_array(tracks.handles), _array(tracks.visible))
    moves = _array(tracks.targets - tracks.handles)
    count, folds, warps = len(clip), [], []
    for i in range(count):
        warp, had_folds = _bent(scene, i, handles[i], moves[i], _array(tracks.visible[i]), settings)
        warps.append(warp)
        if had_folds:
            folds.append(i + 1)
        on_progress(i + 1, 2 * count, None)
    if folds:
        warnings.warn(
            f"the drag folds the thing over itself in frame {', '.join(map(str, folds))}: it was made smoother there. "
            "Make the drag shorter, or the edit mask larger.",
            stacklevel=2,
        )
    return _composed(clip, tracks, scene, warps, on_progress)


@dataclass(frozen=True)
class _Scene:
    """What is where in each frame, as arrays (N, H, W)."""

    matte: np.ndarray  # float32: the layer, what is hidden behind things in front included
    region: np.ndarray  # bool: the layer and a rim: what the mesh is laid over
    front: np.ndarray | None  # float32
    mask: np.ndarray  # bool
    has_layer: bool

    @staticmethod
    def of(tracks: PointTracks) -> _Scene:
        mask, front = _array(tracks.edit_mask[:, 0]), None if tracks.front is None else _array(tracks.front[:, 0])
        if tracks.layer is None:
            inner = mask.copy()
            for edge in (inner[:, 0], inner[:, -1], inner[:, :, 0], inner[:, :, -1]):
                edge[...] = False
            region = np.stack([compose.widened(one, 1) for one in inner])
            return _Scene(region.astype(np.float32), region, front, inner, False)
        matte = _array(tracks.layer[:, 0]).clip(0, 1)
        region = np.stack([compose.covered(one) for one in matte])
        return _Scene(matte, region, front, mask, True)


def _bent(
    scene: _Scene, i: int, handles: np.ndarray, moves: np.ndarray, visible: np.ndarray, settings: DisplaceSettings
) -> tuple[backward_map.Warp, bool]:
    """A frame's map, and whether folds had to be undone."""
    size = scene.mask.shape[1:]
    if not scene.mask[i].any() or not scene.region[i].any() or len(handles) == 0:
        return backward_map.still(size), False
    spacing = mesh.spacing_for(size)
    longest = min(np.linalg.norm(moves, axis=-1).max(), min(size) / 2)
    beyond = spacing * (1 + int(np.ceil(longest / spacing))) if scene.has_layer else 0
    origin = tuple(int(v) for v in np.round(handles[0].mean(0)))
    net = mesh.layer_mesh(scene.region[i], scene.matte[i] > 0.5, scene.mask[i], spacing, origin, beyond)
    asked = pulls.frame_pulls(net, handles, moves, visible, size)
    moved = rigid.bend(net, asked, round(MOST_ROUNDS * settings.stiffness**2), STIFF)
    moved, had_folds = backward_map.unfolded(net, moved)
    return backward_map.backward(net, moved, size), had_folds


def _composed(
    clip: VideoClip, tracks: PointTracks, scene: _Scene, warps: list[backward_map.Warp], on_progress: OnProgress
) -> Displacement:
    count = len(clip)
    mattes = np.stack([compose.displaced_matte(matte, warp) for matte, warp in zip(scene.matte, warps)])
    parts = zip(scene.matte, mattes, scene.mask, warps)
    freed = np.stack([compose.freed(*part) for part in parts]) if scene.has_layer else np.zeros_like(scene.mask)
    hidden = scene.region if scene.front is None else scene.region | np.stack([compose.covered(one) for one in scene.front])
    as_masks = (torch.from_numpy(one)[:, None] for one in (hidden | freed, freed))
    ground, found = fill_freed(clip.frames, *as_masks)
    frames = clip.frames.clone()
    for i in range(count):
        if warps[i].lands.any():
            picture, below = (one[i].permute(1, 2, 0).contiguous().numpy() for one in (clip.frames, ground))
            front = None if scene.front is None else scene.front[i]
            made = compose.composed(picture, below, scene.matte[i], mattes[i], front, scene.mask[i], freed[i], warps[i])
            frames[i] = torch.from_numpy(made).permute(2, 0, 1)
        on_progress(count + i + 1, 2 * count, lambda i=i: frames[i])
    return Displacement(
        frames=frames,
        backward=torch.from_numpy(np.stack([warp.places for warp in warps])),
        matte=torch.from_numpy(mattes)[:, None],
        freed=torch.from_numpy(freed)[:, None],
        found=found,
        stretch=torch.from_numpy(np.stack([warp.stretch for warp in warps]))[:, None],
    )


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()


def _check(clip: VideoClip, tracks: PointTracks, settings: DisplaceSettings) -> None:
    if not 0 <= settings.stiffness <= 1:
        raise UserError(f"'stiffness' goes from 0 (rubber) to 1 (board): got {settings.stiffness}.")
    for name, value in (("edit mask", tracks.edit_mask), ("layer", tracks.layer), ("front", tracks.front)):
        if value is not None and tuple(value.shape) != (len(clip), 1, *clip.size):
            raise UserError(
                f"the {name} must have the shape {(len(clip), 1, *clip.size)}, as the clip: got {tuple(value.shape)}. "
                "Wire the same frames into the Propagate and the Displace node."
            )
        if value is not None and not torch.isfinite(value).all():
            raise UserError(f"the {name} contains NaN or infinity: expected values in [0, 1]. Check the node that made it.")
    if tracks.handles.shape != tracks.targets.shape or len(tracks.handles) != len(clip):
        raise UserError(
            f"expected handles and targets for each of the {len(clip)} frames: got {tuple(tracks.handles.shape)} and "
            f"{tuple(tracks.targets.shape)}. Wire the same frames into the Propagate and the Displace node."
        )
    if not (torch.isfinite(tracks.handles).all() and torch.isfinite(tracks.targets).all()):
        raise UserError("the points contain NaN or infinity: expected positions in pixels. Check the node that made the tracks.")
    if tracks.layer is not None:
        _check_on_layer(tracks)


def _check_on_layer(tracks: PointTracks) -> None:
    """UserError if a pair's handle lies on the layer in no frame."""
    layer = tracks.layer[:, 0] > 0.5
    if not layer.any():
        raise UserError("the layer is empty in every frame: expected the thing that is dragged. Check the mask that is wired in.")
    reach = 2.0 * mesh.spacing_for(tuple(layer.shape[1:]))
    for j in range(tracks.handles.shape[1]):
        nearest = []
        for i in range(len(layer)):
            places = layer[i].nonzero().flip(1).float()
            if len(places):
                gap = (places - tracks.handles[i, j].mean(0)).norm(dim=1)
                nearest.append((gap.min().item(), i, places[gap.argmin()]))
        gap, i, place = min(nearest, key=lambda one: one[0])
        if gap > reach:
            raise UserError(
                f"the handle of pair {j + 1} lies on no layer in any frame: expected it on the thing that is dragged. The nearest place of "
                f"the layer is ({place[0]:.0f}, {place[1]:.0f}) in frame {i + 1}, {gap:.0f} px away. Put the handle there, or paint the layer there."
            )
