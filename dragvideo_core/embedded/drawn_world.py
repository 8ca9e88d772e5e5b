"""A small drawn world in which every drag has a true answer.

Five kinds of things with one part each that can be pulled: a creature's head on its neck, a flower on
its stem, a robot's hand on its arm, a crocodile's snout on its jaw, a balloon on its string. Because the world is
drawn from numbers, it knows where every point of the first frame goes (`track`), and it can draw the clip that a
perfect edit would give (`drawn_clips.draw_clip`): by Eq. 2 of the paper the part is moved by the same vector in every
frame. The embedded model is trained on single pictures of this world; the benchmark uses its clips.

Units: pixels of a 128 x 128 picture, (x, y), pixel centres at integers, y down.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

SIZE = 128
KINDS = ("creature", "flower", "robot", "crocodile", "balloon")


@dataclass(frozen=True)
class Scene:
    """What stays the same in every frame of a clip."""

    kind: str
    seed: int  # of the background and the clutter
    colours: np.ndarray  # (6, 3) float in [0, 255]: body, bands, head, detail, accessory, occluder
    facing: float  # +1 looks right, -1 looks left
    scale: float  # of the whole thing
    bands: int  # how many bands the tube carries
    head: float  # radius of the part at the tip, px
    thick: float  # radius of the tube at its base, px
    petals: int
    ground: float  # y of the ground under the thing


@dataclass(frozen=True)
class Pose:
    """What changes from frame to frame."""

    root: np.ndarray  # (2,) where the tube starts
    tip: np.ndarray  # (2,) where the part at its end is
    bend: float  # sideways bow of the tube, as a share of its length
    tilt: float  # rotation of the part at the tip, radians
    phase: float  # of legs and leaves, radians
    camera: float  # x shift of the background, px
    occluder: float | None = None  # x of a pole in front of everything


# ----------------------------------------------------------------------------------------------- what is in a clip


def random_scene(kind: str, rng: np.random.Generator) -> Scene:
    """A thing of this kind with random colours and proportions."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}: choose one of {', '.join(KINDS)}")
    hues = rng.uniform(0, 1) + np.array([0, rng.uniform(0.1, 0.5), rng.uniform(-0.1, 0.1), 0.5, 0.33, 0.62])
    saturation, value = rng.uniform(0.45, 0.9, 6), np.array([0.8, 0.45, 0.9, 0.6, 0.65, 0.5]) * rng.uniform(0.85, 1.1)
    if rng.uniform() < 0.5:  # dark body with light bands instead
        value[[0, 1]] = value[[1, 0]]
    return Scene(
        kind=kind,
        seed=int(rng.integers(2**31)),
        colours=_from_hsv(hues % 1, saturation, value.clip(0, 1)),
        facing=float(rng.choice([-1.0, 1.0])),
        scale=rng.uniform(0.9, 1.1),
        bands=int(rng.integers(2, 5)),
        head=rng.uniform(0.9, 1.15) * {"creature": 10, "flower": 13, "robot": 8, "crocodile": 10, "balloon": 15}[kind],
        thick=rng.uniform(0.9, 1.15) * {"creature": 7, "flower": 3.8, "robot": 5.6, "crocodile": 10, "balloon": 2}[kind],
        petals=int(rng.integers(5, 7)),
        ground=rng.uniform(104, 114),
    )


def random_pose(scene: Scene, rng: np.random.Generator, occluded: bool = False) -> Pose:
    """Any pose that the thing can take: the range that the model has to know."""
    root = _rest_root(scene, rng)
    return Pose(
        root=root,
        tip=_inside(root + _random_reach(scene, rng), scene.head),
        bend=rng.uniform(-0.22, 0.22),
        tilt=rng.uniform(-0.3, 0.3),
        phase=rng.uniform(0, 2 * math.pi),
        camera=rng.uniform(-14, 14),
        occluder=rng.uniform(8, SIZE - 8) if occluded else None,
    )


def random_motion(scene: Scene, rng: np.random.Generator, frames: int, occluded: bool = False) -> list[Pose]:
    """A clip's poses: the thing drifts and sways, the camera pans, a pole may pass in front. One pose per frame."""
    first = random_pose(scene, rng)
    seconds = np.arange(frames) / 8.0
    drift = np.stack([rng.uniform(-9, 9) * seconds, np.zeros(frames)], -1) * (scene.kind in ("creature", "robot"))
    sway = rng.uniform(2.5, 6.0) * np.sin(2 * math.pi * rng.uniform(0.35, 0.6) * seconds)[:, None]
    along = rng.normal(size=2)
    along = along / np.linalg.norm(along)
    pan, wobble = rng.uniform(-6, 6) * seconds, rng.uniform(0.3, 0.6) * seconds * 2 * math.pi
    lean = rng.uniform(0.05, 0.15)
    pole = rng.uniform(-4, 4) + first.tip[0] + 26 * (seconds - seconds.mean()) if occluded else None
    return [
        replace(
            first,
            root=first.root + drift[i],
            tip=_inside(first.tip + drift[i] + sway[i] * along, scene.head),
            bend=first.bend + 0.06 * math.sin(wobble[i]),
            tilt=first.tilt + lean * math.sin(1.3 * wobble[i]),
            phase=first.phase + 5 * seconds[i],
            camera=first.camera + pan[i],
            occluder=None if pole is None else float(pole[i]),
        )
        for i in range(frames)
    ]


def random_drag(
    scene: Scene, poses: list[Pose], rng: np.random.Generator, length: tuple[float, float] = (10.0, 18.0)
) -> np.ndarray:
    """A drag vector (2,) of the tip that keeps it in the picture and in reach in every frame."""
    tips, roots = np.stack([p.tip for p in poses]), np.stack([p.root for p in poses])
    best, best_cost = np.zeros(2), math.inf
    for _ in range(64):
        angle, size = rng.uniform(0, 2 * math.pi), rng.uniform(*length)
        drag = size * np.array([math.cos(angle), math.sin(angle)])
        reach = np.linalg.norm(tips + drag - roots, axis=-1)
        outside = np.abs(_inside(tips + drag, scene.head + 3) - tips - drag).sum()
        low = (tips + drag - roots)[:, 1].max() if scene.kind != "robot" else -99.0
        cost = outside + np.maximum(18 - reach, 0).sum() + max(low + 8, 0)
        if scene.kind == "crocodile":  # a jaw opens and closes; it does not grow
            cost += np.abs(reach - np.linalg.norm(tips - roots, axis=-1)).sum() * 2
        if cost < best_cost:
            best, best_cost = drag, cost
    return best


# ------------------------------------------------------------------------------------------------------ true tracks


def track(
    scene: Scene, poses: list[Pose], points: np.ndarray, frame: int = 0, drag: ArrayLike = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Where the points `(P, 2)` of one frame are in every frame: positions `(N, P, 2)`, visible `(N, P)` bool.

    A point belongs to what it lies on: the part at the tip (rigid), the tube (by place along and across it), the
    rest of the thing (moves with the root), or the background (moves with the camera). With a `drag` the positions
    are those in the true edited clip; `points` are always given in the unedited frame.
    """
    points, drag = np.asarray(points, dtype=float), np.asarray(drag, dtype=float)
    own = poses[frame]
    spine = spine_of(own, 201)
    distance = np.linalg.norm(points[:, None] - spine[None], axis=-1)
    nearest = distance.argmin(1)
    share = nearest / 200
    across = ((points - spine[nearest]) * normals_of(spine)[nearest]).sum(-1)
    on_part = np.linalg.norm(points - own.tip, axis=-1) <= scene.head * 1.15
    on_tube = ~on_part & (distance.min(1) <= tube_radius(scene, share) + 0.5)
    on_body = ~on_part & ~on_tube & _on_body(scene, own, points)
    mirror = scene.facing if scene.kind in ("creature", "robot") else 1.0
    positions, visible = [], []
    for pose in poses:
        moved = replace(pose, tip=pose.tip + drag)
        new_spine, new_normal = spine_of(moved, 201), normals_of(spine_of(moved, 201))
        turn = rotation_by(mirror * (pose.tilt - own.tilt))
        place = points + [pose.camera - own.camera, 0]
        place = np.where(on_body[:, None], points + pose.root - own.root, place)
        place = np.where(on_tube[:, None], new_spine[nearest] + across[:, None] * new_normal[nearest], place)
        place = np.where(on_part[:, None], moved.tip + (points - own.tip) @ turn.T, place)
        positions.append(place)
        hidden = np.zeros(len(points), bool) if pose.occluder is None else np.abs(place[:, 0] - pose.occluder) <= 4
        visible.append(~hidden & (place >= 0).all(-1) & (place <= SIZE - 1).all(-1))
    return np.stack(positions), np.stack(visible)


def _on_body(scene: Scene, pose: Pose, points: np.ndarray) -> np.ndarray:
    k, f = scene.scale, scene.facing
    offset = {
        "creature": (-f * 15 * k, 9 * k),
        "robot": (-f * 11 * k, -1 * k),
        "flower": (0, 10),
        "balloon": (0, 12),
        "crocodile": (-f * 30, 6),
    }[scene.kind]
    half = {"creature": (22, 12), "robot": (11, 27), "flower": (12, 12), "balloon": (14, 12), "crocodile": (34, 14)}[scene.kind]
    return (np.abs(points - pose.root - np.array(offset)) <= np.array(half) * k).all(-1)


# --------------------------------------------------------------------------------------------------------- geometry


def _rest_root(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    k, f = scene.scale, scene.facing
    x = rng.uniform(46, 82)
    if scene.kind == "creature":
        return np.array([x + f * 6, scene.ground - 32 * k])
    if scene.kind == "robot":
        return np.array([x + f * -4, scene.ground - 36 * k])
    if scene.kind == "crocodile":
        return np.array([64 - f * rng.uniform(10, 26), scene.ground - rng.uniform(18, 26) * k])
    return np.array([x, scene.ground - rng.uniform(18, 25) * k])


def _random_reach(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """From root to tip, px."""
    f = scene.facing
    if scene.kind == "creature":
        return np.array([f * rng.uniform(-2, 26), -rng.uniform(18, 56)])
    if scene.kind == "flower":
        return np.array([rng.uniform(-30, 30), -rng.uniform(28, 68)])
    if scene.kind == "balloon":
        return np.array([rng.uniform(-38, 38), -rng.uniform(32, 70)])
    if scene.kind == "crocodile":
        length, angle = rng.uniform(36, 44) * scene.scale, rng.uniform(0.0, 1.0)
        return length * np.array([f * math.cos(angle), -math.sin(angle)])
    length, angle = rng.uniform(22, 46), rng.uniform(-0.9, 1.3)
    return length * np.array([f * math.cos(angle), -math.sin(angle)])


def _inside(point: np.ndarray, margin: float) -> np.ndarray:
    return np.clip(point, margin + 1, SIZE - 2 - margin)


def tube_radius(scene: Scene, share: np.ndarray) -> np.ndarray:
    """The radius (P,) px of the tube at shares (P,) of its length, from 0 at the root to 1 at the tip."""
    taper = {"creature": 0.35, "crocodile": 0.4}.get(scene.kind, 0.1)
    return scene.thick * (1 - taper * share)


def spine_of(pose: Pose, count: int) -> np.ndarray:
    """The middle line of the tube, from the root to the tip: (count, 2) px."""
    return curve_between(pose.root, pose.tip, pose.bend, count)


def curve_between(start: np.ndarray, end: np.ndarray, bow: float, count: int) -> np.ndarray:
    """A quadratic Bezier from start to end, bowed sideways by `bow` times its length: (count, 2)."""
    chord = end - start
    control = (start + end) / 2 + 2 * bow * np.array([-chord[1], chord[0]])
    t = np.linspace(0, 1, count)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end


def line_between(start: ArrayLike, end: ArrayLike, count: int) -> np.ndarray:
    """A straight line from start to end: (count, 2)."""
    return curve_between(np.asarray(start, float), np.asarray(end, float), 0.0, count)


def normals_of(spine: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 2) across a line (n, 2)."""
    along = np.gradient(spine, axis=0)
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    return np.stack([-along[:, 1], along[:, 0]], -1)


def rotation_by(angle: float) -> np.ndarray:
    """The (2, 2) matrix that turns vectors (x, y) by an angle in radians."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def part_frame(pose: Pose, facing: float) -> Callable[[float, float], np.ndarray]:
    """A function from (forward, down) px on the part at the tip to picture coordinates."""
    turn = rotation_by(facing * pose.tilt)
    return lambda forward, down: pose.tip + turn @ np.array([facing * forward, down])


def _from_hsv(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    sector = (hue[:, None] * 6 + np.array([5, 3, 1])) % 6
    return 255 * value[:, None] * (1 - saturation[:, None] * np.clip(np.minimum(sector, 4 - sector), 0, 1))
