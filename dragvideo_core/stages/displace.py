"""Displace: the dragged part of every frame moves as a piece, without any model. Our addition to the paper.

In two steps that can be taken apart: `bend_layers` finds out where everything goes, at the size that the points were followed at;
`render` draws it, at that size or at the size of the film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from .. import masked
from ..displacement import bending, compose, hidden, pulls
from ..displacement.backward_map import Warp, backward
from ..displacement.bending import Bent
from ..displacement.checks import check_tracks
from ..displacement.rims import without_rims
from ..ground.fill import fill_freed
from ..ground.pictures import Picture, as_floats
from ..ground.plate import Plate
from ..points.edit_mask import warn_of_handles
from ..points.naming import WHERE, warn_of_frames
from ..types import Displacement, OnProgress, PointTracks, Size, UserError, VideoClip, ignore_progress, showing


@dataclass(frozen=True)
class DisplaceSettings:
    """How the part bends."""

    stiffness: float = 0.3  # 0: bends and stretches like rubber; 1: turns and moves like a board


def displace(
    clip: VideoClip,
    tracks: PointTracks,
    settings: DisplaceSettings = DisplaceSettings(),
    on_progress: OnProgress = ignore_progress,
) -> Displacement:
    """Move what the points hold to its targets: the layer inside the edit mask bends, the ground shows where it came free.

    Without a layer in the tracks everything inside the edit mask bends, and its rim is held. Nothing outside of the edit mask
    changes, and nothing inside that neither moved nor came free. Warns where a drag would fold the layer over itself: it is made
    smoother or shorter there; and where a handle lies outside of the edit mask. UserError where the tracks do not belong to the
    clip, hold NaN, or a handle is on no layer.
    """
    half = len(clip)
    bents = bend_layers(clip, tracks, settings, lambda done, total, picture: on_progress(done, 2 * half, picture))
    warn_of_folds([i for i, bent in enumerate(bents) if bent is not None and bent.had_folds])
    return render(clip, tracks, bents, lambda done, total, picture: on_progress(half + done, 2 * half, picture))


def bend_layers(
    clip: VideoClip,
    tracks: PointTracks,
    settings: DisplaceSettings = DisplaceSettings(),
    on_progress: OnProgress = ignore_progress,
) -> list[Bent | None]:
    """The bent mesh of each frame, None where there is nothing to bend."""
    if not 0 <= settings.stiffness <= 1:
        raise UserError(f"'stiffness' goes from 0 (rubber) to 1 (board): got {settings.stiffness}.")
    check_tracks(clip, tracks)
    warn_of_handles(tracks)
    scene = _Scene.of(tracks)
    visible = _array(tracks.visible)
    handles, moves = pulls.settled(_array(tracks.handles), visible), _array(tracks.targets - tracks.handles)
    bents = []
    for i in range(len(clip)):
        scene_of_frame = scene.region[i], scene.holding(i), scene.touchable[i]
        bents.append(bending.bend_frame(*scene_of_frame, handles[i], moves[i], visible[i], settings.stiffness))
        on_progress(i + 1, len(clip), None)
    bents = bending.held_in_time(clip.frames, bents, moves.mean(2))
    shown = _array(tracks.visible.flatten(1).any(1))
    return [bent if scene.knows_thing(i) else bending.weaker(bent, shown, i) for i, bent in enumerate(bents)]


def warn_of_folds(frames: list[int]) -> None:
    """Says in which frames the mesh was made smoother, if in any."""
    if frames:
        warn_of_frames(
            f"the drag would fold the thing over itself in {WHERE}: it was made smoother there. Make the drag shorter, or the edit "
            "mask larger.",
            frames,
        )


def render(
    clip: VideoClip, tracks: PointTracks, bents: list[Bent | None], on_progress: OnProgress = ignore_progress
) -> Displacement:
    """Draw the bent layer over the ground, and say where everything came from."""
    pictures = [np.ascontiguousarray(picture) for picture in rearrange(clip.frames.numpy(), "n c h w -> n h w c")]
    sketch = Sketch.of(pictures, tracks, bents)
    frames = clip.frames.clone()
    for i, warp in enumerate(sketch.warps):
        if warp is not None:
            touched, colours = sketch.drawn(i)
            frames[i, :, warp.box[0], warp.box[1]].numpy()[:, touched] = colours.T
        on_progress(i + 1, len(clip), showing(frames[i]))
    masks = {"matte": sketch.mattes(), "freed": sketch.freed, "shown_elsewhere": sketch.shown_elsewhere}
    return Displacement(frames, **{name: _mask(mask) for name, mask in masks.items()}, **_maps(sketch.warps, clip.size))


@dataclass(frozen=True)
class Sketch:
    """All that it takes to draw N frames one by one: only what changes in them is ever drawn.

    The pictures may be larger than those that `bend_layers` saw, by the same factor in height and width.
    """

    pictures: list[Picture]  # (H, W, 3)
    whole: list[Picture]  # the same, with the layer's own look where things in front hide it
    scene: _Scene
    warps: list[Warp | None]  # None: nothing changes
    after: list[np.ndarray | None]  # (h, w) float32: the layer's matte after the move, in the box of the warp
    freed: np.ndarray  # (N, H, W) bool: ground that came free
    ground: list[np.ndarray]  # of each frame (P, 3): what the freed pixels show
    shown_elsewhere: np.ndarray  # (N, H, W) bool: freed ground that another frame shows

    @staticmethod
    def of(
        pictures: list[Picture],
        tracks: PointTracks,
        bents: list[Bent | None],
        plate: Plate | None = None,
        earlier: Sequence[Plate] = (),
    ) -> Sketch:
        """Of the tracks only the edit mask, the layer and what is in front are read, at the size of the pictures. earlier: frames
        that came before these, of the same size, in which ground is looked for as in these; plate: for ground that none shows."""
        scene, size = _Scene.of(tracks), pictures[0].shape[:2]
        warps = [None if bent is None else backward(bent.mesh, bent.moved, size, size[0] / bent.mesh.size[0]) for bent in bents]
        after: list[np.ndarray | None] = [None] * len(warps)
        freed = np.zeros(scene.touchable.shape, bool)
        for i, warp in enumerate(warps):
            if warp is not None:
                before = scene.matte[i][warp.box]
                after[i] = moved = compose.displaced_matte(before, warp)
                if tracks.layer is not None:
                    freed[i][warp.box] = compose.freed(before, moved, scene.touchable[i][warp.box], warp)
        count, nothing = len(earlier), np.zeros((len(earlier), *size), bool)
        hides = np.concatenate([~one.known[None] for one in earlier] + [scene.hides | freed])
        shown = [*(one.picture for one in earlier), *pictures]
        ground, shown_elsewhere = fill_freed(shown, hides, np.concatenate([nothing, freed]), plate=plate)
        ground, shown_elsewhere = ground[count:], shown_elsewhere[count:]
        return Sketch(pictures, _whole_layer(pictures, scene), scene, warps, after, freed, ground, shown_elsewhere)

    def ground_of(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Where frame i shows ground, (H, W) bool, and its picture (H, W, 3) float32 in [0, 1], filled where ground came free."""
        ground = np.array(as_floats(self.pictures[i]))
        masked.write(ground, self.freed[i], self.ground[i])
        return ~self.scene.hides[i] | self.freed[i], ground

    def mattes(self) -> np.ndarray:
        """(N, H, W) float32: the layer after the move."""
        mattes = self.scene.matte.copy()
        for matte, warp, after in zip(mattes, self.warps, self.after, strict=True):
            if warp is not None:
                matte[warp.box] = after
        return mattes

    def drawn(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Which pixels of the box of a frame's warp are drawn, (h, w) bool, and what they show, (P, 3) in [0, 1]. ValueError for a
        frame without a warp."""
        warp, after, scene = self.warps[i], self.after[i], self.scene
        if warp is None or after is None:
            raise ValueError(f"nothing changes in frame {i}: expected one that has a warp")
        freed = self.freed[i][warp.box]
        picture = as_floats(self.pictures[i][warp.box])
        own = picture if self.whole[i] is self.pictures[i] else as_floats(self.whole[i][warp.box])
        ground = picture.copy()
        masked.write(ground, freed, self.ground[i])
        front = None if scene.front is None else scene.front[i][warp.box]
        touched = scene.touchable[i][warp.box] & (freed | (warp.moves & (after > 0)))
        return touched, compose.composed(picture, own, ground, scene.matte[i][warp.box], after, front, warp, touched)


@dataclass(frozen=True)
class _Scene:
    """What is where in each frame, as arrays (N, H, W)."""

    matte: np.ndarray  # float32: the layer, what is hidden behind things in front included
    region: np.ndarray  # bool: the layer and a rim: what the mesh is laid over
    front: np.ndarray | None  # float32: things in front
    hides: np.ndarray  # bool: where no ground is to be seen
    is_guessed: np.ndarray  # bool: the layer is there, but behind things in front
    touchable: np.ndarray  # bool: the edit mask; without a layer not the border of the picture, which is held
    has_layer: bool

    def holding(self, i: int) -> np.ndarray:
        """What the mesh of a frame covers and is held by outside of the edit mask, (H, W) bool."""
        there = self.matte[i] > 0.5
        return without_rims(there, self.touchable[i]) if self.has_layer else there

    def knows_thing(self, i: int) -> bool:
        """Whether there is a layer in a frame that is not everything, as where a guess was lost."""
        return self.has_layer and bool(self.matte[i].min() < 1)

    @staticmethod
    def of(tracks: PointTracks) -> _Scene:
        touchable = _array(tracks.edit_mask[:, 0])
        front = None if tracks.front is None else _array(tracks.front[:, 0])
        if tracks.layer is None:
            touchable = touchable.copy()
            for border in (touchable[:, 0], touchable[:, -1], touchable[:, :, 0], touchable[:, :, -1]):
                border[...] = False
            region = np.stack([compose.widened(one, 1) for one in touchable])
            return _Scene(region.astype(np.float32), region, front, region, np.zeros_like(region), touchable, False)
        seen = _array(tracks.layer[:, 0])
        matte = seen = seen if seen.min() >= 0 and seen.max() <= 1 else seen.clip(0, 1)
        if front is not None:
            matte = np.stack([hidden.completed(*one) for one in zip(seen, front, strict=True)])
        region = np.stack([compose.covered(one) for one in matte])
        if front is None:
            return _Scene(matte, region, None, region, np.zeros_like(region), touchable, True)
        in_front = np.stack([compose.covered(one) for one in front])
        return _Scene(matte, region, front, in_front | region, in_front & (matte > compose.THERE), touchable, True)


def _whole_layer(pictures: list[Picture], scene: _Scene) -> list[Picture]:
    """The pictures with the layer's own look where things in front hide it: as other frames show it, or a smooth fill."""
    if not scene.is_guessed.any():
        return pictures
    elsewhere = scene.is_guessed | (scene.hides & (scene.matte < 0.5)) | (scene.matte < compose.WHOLE)
    looks, _ = fill_freed(pictures, elsewhere, scene.is_guessed)
    whole = list(pictures)
    for i, guessed in enumerate(scene.is_guessed):
        if guessed.any():
            whole[i] = np.array(as_floats(pictures[i]))
            masked.write(whole[i], guessed, looks[i])
    return whole


def _maps(warps: list[Warp | None], size: Size) -> dict[str, Tensor]:
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32))
    places = np.repeat(np.stack([x, y], -1)[None], len(warps), 0)
    stretch = np.ones((len(warps), *size), np.float32)
    for i, warp in enumerate(warps):
        if warp is not None:
            places[i][warp.box] = np.where(warp.moves[..., None], warp.places, places[i][warp.box])
            stretch[i][warp.box] = warp.stretch
    return {"backward": torch.from_numpy(places), "stretch": _mask(stretch)}


def _mask(masks: np.ndarray) -> Tensor:
    return torch.from_numpy(masks)[:, None]


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
