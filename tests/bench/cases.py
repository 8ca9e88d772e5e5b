"""The clips of the quality benchmark. Seeds from 200: training has seeds from 1,000,000,000, settings were chosen on 100-109."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from dragvideo_core.embedded import drawn_world
from dragvideo_core.embedded.demo_clip import DemoClip, as_clip, demo_clip
from dragvideo_core.embedded.drawn_clips import draw_clip, draw_layers
from dragvideo_core.embedded.drawn_world import Pose, rotation_by
from dragvideo_core.types import VideoClip

from . import truth

FIRST_SEED = 200
FRAMES = 5
SMALL = 5.0  # px, radius of what is looked for around a handle that is not at the tip


@dataclass(frozen=True)
class Wanted:
    """Where something has to be in the edited clip, to be found there by its look in the true edit."""

    places: np.ndarray  # (N, 2) px
    radius: float  # px
    dragged: float  # px from where it was


@dataclass(frozen=True)
class Case:
    """One clip with its drag and the edit that a perfect editor would make."""

    name: str
    clip: VideoClip
    true_edit: VideoClip
    picks: str  # what a careful person clicks
    wanted: tuple[Wanted, ...]
    layer: Tensor  # (N, 1, H, W) float32 in [0, 1]: how much of each pixel of the clip shows the thing
    true_layer: Tensor  # the same of the true edit
    track: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]] | None = None
    """Points (P, 2) px of a frame to where they truly are in every frame, (N, P, 2), and whether they are seen, (N, P)."""
    front: Tensor | None = None  # of what stays in front of the thing
    kind: str = ""  # of drawn thing
    fit_mask: bool = False
    seen_elsewhere: Tensor | None = None  # (N, 1, H, W) bool: another frame shows the ground that lies there; None: nobody knows


def plain(count: int = 12, frames: int = FRAMES) -> list[Case]:
    """Every kind in turn, another seed each."""
    kinds = [drawn_world.KINDS[i % len(drawn_world.KINDS)] for i in range(count)]
    demos = [demo_clip(kind, FIRST_SEED + i, frames) for i, kind in enumerate(kinds)]
    return [drawn(f"{kind} {FIRST_SEED + i}", demo) for i, (kind, demo) in enumerate(zip(kinds, demos, strict=True))]


def special(frames: int = FRAMES) -> list[Case]:
    """What the paper could not do (Appendix D): each has its true edit as well."""
    hidden = _behind_a_pole(demo_clip("balloon", FIRST_SEED + 4, frames))
    later, last = demo_clip("creature", FIRST_SEED + 5, frames), frames - 1
    several = demo_clip("flower", FIRST_SEED + 6, frames)
    tight = demo_clip("robot", FIRST_SEED + 7, frames)
    only_target = _with_mask(tight, [-1])
    return [
        drawn("hidden behind a pole", hidden),
        drawn("points on the last frame", later, _on_frame(later, last)),
        drawn("two pairs, one holding still", several, _with_a_pair_that_holds(several)),
        _apart(demo_clip("balloon", FIRST_SEED + 14, frames)),
        _turned(demo_clip("creature", FIRST_SEED + 15, frames)),
        drawn("a mask that only covers the target", tight, only_target),
        replace(drawn("the same, fitted", tight, only_target), fit_mask=True),
    ]


def drawn(name: str, demo: DemoClip, picks: str | None = None) -> Case:
    """The case of a drawn clip whose tip is dragged."""
    edited = [replace(pose, tip=pose.tip + demo.drag) for pose in demo.poses]
    return Case(
        name=name,
        clip=demo.clip,
        true_edit=demo.true_edit,
        picks=picks or demo.picks,
        wanted=tip_at_target(demo),
        layer=demo.layer,
        true_layer=_layer(demo, edited),
        track=partial(_track, demo),
        front=demo.front,
        kind=demo.scene.kind,
        seen_elsewhere=_seen_elsewhere(demo),
    )


def _layer(demo: DemoClip, poses: list[Pose]) -> Tensor:
    return torch.from_numpy(draw_layers(demo.scene, poses)[0])[:, None]


def _seen_elsewhere(demo: DemoClip) -> Tensor:
    """All of the drawn ground moves with the camera."""
    y, x = np.mgrid[: drawn_world.SIZE, : drawn_world.SIZE]
    covered = demo.layer if demo.front is None else torch.maximum(demo.layer, demo.front)
    cameras = [pose.camera for pose in demo.poses]
    return truth.seen_elsewhere(covered, lambda i, j: np.stack([x + cameras[j] - cameras[i], y], -1))


def _track(demo: DemoClip, points: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
    return drawn_world.track(demo.scene, demo.poses, points, frame)


def tip_at_target(demo: DemoClip) -> tuple[Wanted]:
    """The part at the tip, moved by the drag."""
    places = np.stack([pose.tip for pose in demo.poses]) + demo.drag
    return (Wanted(places, demo.scene.head, float(np.hypot(*demo.drag))),)


def _behind_a_pole(demo: DemoClip) -> DemoClip:
    """A pole goes past in front of the tip: visible in the first and the last frame, hidden in the middle one."""
    across = np.linspace(-16.0, 16.0, len(demo.poses))
    poses = [replace(pose, occluder=float(pose.tip[0] + x)) for pose, x in zip(demo.poses, across, strict=True)]
    clips = as_clip(draw_clip(demo.scene, poses)), as_clip(draw_clip(demo.scene, poses, demo.drag))
    return replace(demo, clip=clips[0], true_edit=clips[1], poses=poses)


def _on_frame(demo: DemoClip, frame: int) -> str:
    """The same drag picked on another frame: every point moves with the tip of that frame."""
    picks, shift = json.loads(demo.picks), demo.poses[frame].tip - demo.poses[0].tip
    picks["frame"] = frame
    for pair in picks["pairs"]:
        pair["handle"], pair["target"] = (list(np.add(pair[end], shift)) for end in ("handle", "target"))
    picks["mask_points"] = [list(np.add(point, shift)) for point in picks["mask_points"]]
    return json.dumps(picks)


def _with_a_pair_that_holds(demo: DemoClip) -> str:
    picks, root = json.loads(demo.picks), [float(v) for v in demo.poses[0].root]
    picks["pairs"].append({"handle": root, "target": [root[0] + 0.5, root[1]]})
    return json.dumps(picks)


def _with_mask(demo: DemoClip, kept: list[int]) -> str:
    picks = json.loads(demo.picks)
    picks["mask_points"] = [picks["mask_points"][i] for i in kept]
    return json.dumps(picks)


def _apart(demo: DemoClip) -> Case:
    """Two pairs in opposite directions: the tip goes 12 px to the side where there is more room, the root 8 px to the other."""
    side = 1.0 if np.mean([pose.tip[0] for pose in demo.poses]) < drawn_world.SIZE / 2 else -1.0
    tip, root = np.array([12.0 * side, 0.0]), np.array([-8.0 * side, 0.0])
    edited = [replace(pose, tip=pose.tip + tip, root=pose.root + root) for pose in demo.poses]
    roots = np.stack([pose.root for pose in edited])
    first = demo.poses[0]
    pairs = [(first.tip, first.tip + tip), (first.root, first.root + root)]
    wanted = (Wanted(np.stack([pose.tip for pose in edited]), demo.scene.head, 12.0), Wanted(roots, 2 * SMALL, 8.0))
    below = np.array([0.0, 12.0])  # the root is the lid of a box
    more = [(first.tip + first.root) / 2, first.root + below, first.root + root + below]
    return _several("two pairs, pulled apart", demo, edited, pairs, wanted, more)


def _turned(demo: DemoClip, angle: float = 0.8) -> Case:
    """Two pairs on either side of the tip in opposite directions: the part is turned in its place."""
    edited = [replace(pose, tilt=pose.tilt + angle) for pose in demo.poses]
    mirror, arm = demo.scene.facing, 0.6 * demo.scene.head

    def sides(poses: list[Pose]) -> np.ndarray:
        """(2, N, 2): a point before and one behind the tip."""
        ahead = np.stack([rotation_by(mirror * pose.tilt) @ [arm, 0.0] for pose in poses])
        tips = np.stack([pose.tip for pose in poses])
        return np.stack([tips + ahead, tips - ahead])

    before, after = sides(demo.poses), sides(edited)
    dragged = 2 * arm * math.sin(angle / 2)
    wanted = tuple(Wanted(places, SMALL, dragged) for places in after)
    return _several("two pairs, turning the head", demo, edited, list(zip(before[:, 0], after[:, 0], strict=True)), wanted)


def _several(
    name: str,
    demo: DemoClip,
    edited: list[Pose],
    pairs: list[tuple[np.ndarray, np.ndarray]],
    wanted: tuple[Wanted, ...],
    more: Sequence[np.ndarray] = (),
) -> Case:
    """A case whose true edit is the scene in the `edited` poses; mask points on the pairs' ends and on `more`."""
    picks = json.loads(demo.picks)
    picks["pairs"] = [{"handle": handle.tolist(), "target": target.tolist()} for handle, target in pairs]
    picks["mask_points"] = [point.tolist() for point in [*(end for pair in pairs for end in pair), *more]]
    return replace(
        drawn(name, demo, json.dumps(picks)),
        true_edit=as_clip(draw_clip(demo.scene, edited)),
        true_layer=_layer(demo, edited),
        wanted=wanted,
    )
