"""A small drawn world in which every drag has a true answer.

Five kinds of things with one part each that can be pulled (`TIP_NAMES`): a creature's head on its neck, a flower on
its stem, a robot's hand on its arm, a crocodile's snout on its jaw, a balloon on its string. Because the world is
drawn from numbers, it knows where every point of the first frame goes (`track`), and it can draw the clip that a
perfect edit would give (`draw_clip(..., drag=...)`): by Eq. 2 of the paper the part is moved by the same vector in
every frame. The embedded model is trained on single pictures of this world; the benchmark uses its clips.

Units: pixels of a 128 x 128 picture, (x, y), pixel centres at integers, y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

SIZE = 128
KINDS = ("creature", "flower", "robot", "crocodile", "balloon")
TIP_NAMES = {
    "creature": "head", "flower": "blossom", "robot": "hand", "crocodile": "snout", "balloon": "balloon",
}
_ANTIALIAS = 3  # drawn this many times larger, then averaged


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
        kind=kind, seed=int(rng.integers(2**31)), colours=_from_hsv(hues % 1, saturation, value.clip(0, 1)),
        facing=float(rng.choice([-1.0, 1.0])), scale=rng.uniform(0.9, 1.1), bands=int(rng.integers(2, 5)),
        head=rng.uniform(0.9, 1.15) * {"creature": 10, "flower": 13, "robot": 8, "crocodile": 10, "balloon": 15}[kind],
        thick=rng.uniform(0.9, 1.15) * {"creature": 7, "flower": 3.8, "robot": 5.6, "crocodile": 10, "balloon": 2}[kind],
        petals=int(rng.integers(5, 7)), ground=rng.uniform(104, 114),
    )


def random_pose(scene: Scene, rng: np.random.Generator, occluded: bool = False) -> Pose:
    """Any pose that the thing can take: the range that the model has to know."""
    root = _rest_root(scene, rng)
    return Pose(
        root=root, tip=_inside(root + _random_reach(scene, rng), scene.head), bend=rng.uniform(-0.22, 0.22),
        tilt=rng.uniform(-0.3, 0.3), phase=rng.uniform(0, 2 * math.pi), camera=rng.uniform(-14, 14),
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
            first, root=first.root + drift[i], tip=_inside(first.tip + drift[i] + sway[i] * along, scene.head),
            bend=first.bend + 0.06 * math.sin(wobble[i]), tilt=first.tilt + lean * math.sin(1.3 * wobble[i]),
            phase=first.phase + 5 * seconds[i], camera=first.camera + pan[i],
            occluder=None if pole is None else float(pole[i]),
        )
        for i in range(frames)
    ]


def random_drag(scene: Scene, poses: list[Pose], rng: np.random.Generator, length=(10.0, 18.0)) -> np.ndarray:
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


# ---------------------------------------------------------------------------------------------------------- drawing


def draw_clip(scene: Scene, poses: list[Pose], drag=(0.0, 0.0)) -> np.ndarray:
    """The clip `(N, 128, 128, 3)` uint8; with a `drag` (2,) in px, the TRUE edited clip: the tip moved in every frame."""
    drag = np.asarray(drag, dtype=float)
    return np.stack([draw(scene, replace(pose, tip=pose.tip + drag)) for pose in poses])


def draw(scene: Scene, pose: Pose) -> np.ndarray:
    """One picture `(128, 128, 3)` uint8."""
    image = _background(scene, pose.camera)
    pen = _Pen(image)
    {"creature": _creature, "flower": _flower, "robot": _robot, "crocodile": _crocodile, "balloon": _balloon}[scene.kind](
        pen, scene, pose
    )
    if pose.occluder is not None:
        for k in range(8):
            shade = 0.75 + 0.25 * (k % 2)
            pen.box(pose.occluder - 4, k * 16, pose.occluder + 4, k * 16 + 16, scene.colours[5] * shade)
    return np.asarray(image.reduce(_ANTIALIAS))


class _Pen:
    """Shapes in picture coordinates on a larger canvas."""

    def __init__(self, image: Image.Image):
        self._draw = ImageDraw.Draw(image)

    def polygon(self, points, colour) -> None:
        points = (np.asarray(points, dtype=float) + 0.5) * _ANTIALIAS - 0.5
        self._draw.polygon([tuple(p) for p in points], fill=tuple(int(c) for c in np.clip(colour, 0, 255)))

    def box(self, left, top, right, bottom, colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, centre, radius_x, radius_y, colour, angle: float = 0.0) -> None:
        turn = np.linspace(0, 2 * math.pi, 28, endpoint=False)
        offsets = np.stack([radius_x * np.cos(turn), radius_y * np.sin(turn)], -1)
        self.polygon(np.asarray(centre) + offsets @ _rotation(angle).T, colour)

    def tube(self, spine, radius, colours) -> None:
        """A tube along `spine (n, 2)` with `radius (n,)`; `colours (n - 1, 3)` one per piece."""
        side = _normals(spine) * radius[:, None]
        for i in range(len(spine) - 1):
            self.ellipse(spine[i + 1], radius[i + 1], radius[i + 1], colours[i])
            self.polygon([spine[i] + side[i], spine[i + 1] + side[i + 1], spine[i + 1] - side[i + 1], spine[i] - side[i]],
                         colours[i])


def _background(scene: Scene, camera: float) -> Image.Image:
    rng = np.random.default_rng(scene.seed)
    horizon = scene.ground - rng.uniform(12, 34)
    sky, ground = rng.uniform([90, 130, 160], [200, 225, 255]), rng.uniform([90, 80, 50], [200, 190, 140])
    rows = (np.arange(SIZE) / SIZE)[:, None]
    column = np.where(np.arange(SIZE)[:, None] < horizon, sky * (0.75 + 0.35 * rows), ground * (1.15 - 0.35 * rows))
    tall = np.repeat(column.clip(0, 255).astype(np.uint8), _ANTIALIAS, 0)
    image = Image.fromarray(np.repeat(tall[:, None], SIZE * _ANTIALIAS, 1))
    pen = _Pen(image)
    xs = np.arange(-40, SIZE + 41, 6.0)
    hill = horizon - rng.uniform(2, 12) * (1.2 + np.sin(xs * rng.uniform(0.04, 0.1) + rng.uniform(0, 6)))
    hill_colour = 0.5 * sky + 0.5 * rng.uniform([40, 80, 40], [120, 150, 120])
    pen.polygon([(-40 + camera, horizon), *zip(xs + camera, hill), (SIZE + 40 + camera, horizon)], hill_colour)
    for _ in range(int(rng.integers(0, 4))):  # clouds
        x, y = rng.uniform(-20, SIZE + 20) + camera, rng.uniform(8, 46)
        for _ in range(3):
            pen.ellipse((x + rng.uniform(-8, 8), y + rng.uniform(-2, 2)), rng.uniform(6, 11), rng.uniform(3, 5),
                        sky * 0.4 + 150)
    style, gap, shade = rng.integers(3), rng.uniform(15, 24), rng.uniform(0.8, 0.9)
    for x in np.arange(-48, SIZE + 48, gap):
        if style == 0:  # furrows
            pen.polygon([(x + camera, horizon), (x + 4 + camera, horizon), (2 * x - 54 + camera, SIZE),
                         (2 * x - 64 + camera, SIZE)], ground * shade)
        elif style == 1:  # tufts
            y = horizon + 4 + rng.uniform(0, 1) * (SIZE - horizon - 6)
            pen.polygon([(x - 5 + camera, y), (x + camera, y - 7), (x + 5 + camera, y)], ground * shade * [0.8, 1.05, 0.7])
        else:  # pebbles
            y = horizon + 3 + rng.uniform(0, 1) * (SIZE - horizon - 4)
            pen.ellipse((x + camera, y), rng.uniform(3.5, 6), rng.uniform(2, 3), ground * shade)
    for _ in range(int(rng.integers(0, 3))):  # clutter: bushes and stones behind the thing
        x, y, r = rng.uniform(0, SIZE) + camera, horizon + rng.uniform(0, 6), rng.uniform(4, 9)
        colour = rng.uniform([40, 80, 40], [130, 150, 110])
        for dx in (-0.6, 0.5, 0.0):
            pen.ellipse((x + dx * r, y - r * 0.5), r * 0.7, r * 0.8, colour * (1 + 0.15 * dx))
    return image


def _creature(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, detail, accessory, _ = scene.colours
    k, f = scene.scale, scene.facing
    trunk = pose.root + np.array([-f * 15 * k, 9 * k])
    for j, dx in enumerate((-12, 11)):
        swing = 3.0 * math.sin(pose.phase + j * 1.9)
        foot = np.array([trunk[0] + dx * k + swing, scene.ground])
        pen.tube(_line(trunk + np.array([dx * k, 4 * k]), foot, 4), np.full(4, 4.2 * k), np.tile(body * (0.7 + 0.1 * j), (3, 1)))
    tail = trunk + np.array([-f * 20 * k, 0])
    pen.tube(_curve(tail, tail + np.array([-f * 12 * k, -8 * k + 3 * math.sin(pose.phase)]), 0.3, 6), np.linspace(3.6, 2.0, 6) * k,
             np.tile(body * 0.9, (5, 1)))
    pen.ellipse(trunk, 22 * k, 11.5 * k, body)
    for j in range(3):
        pen.ellipse(trunk + np.array([(-12 + 11 * j) * k, (2.5 if j % 2 else -2.5) * k]), 4.4 * k, 3.8 * k, bands)
    _draw_tube(pen, scene, pose)
    at = _part_frame(pose, f)
    pen.ellipse(at(-3, -scene.head * 0.75), 2.4, 4.6, detail)
    pen.ellipse(at(1, 0), scene.head, scene.head * 0.72, head, f * pose.tilt)
    pen.ellipse(at(scene.head * 0.85, 1.6), scene.head * 0.5, scene.head * 0.42, accessory, f * pose.tilt)
    pen.ellipse(at(2, -2), 3.2, 3.2, (250, 250, 245))
    pen.ellipse(at(2.8, -2), 1.8, 1.8, (20, 20, 25))


def _flower(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, detail, accessory, _ = scene.colours
    k, (x, y) = scene.scale, pose.root
    spine = _spine(pose, 20)
    for share, side in ((0.3, 1), (0.5, -1)):
        base = spine[int(share * 19)]
        leaf = base + np.array([side * 11 * k, -4 * k + 1.5 * math.sin(pose.phase + side)])
        angle = math.atan2(*(leaf - base)[::-1])
        pen.ellipse((base + leaf) / 2, 8 * k, 3.6 * k, (70, 150, 70), angle)
    _draw_tube(pen, replace(scene, colours=np.array([[60, 130, 60], [95, 165, 80]])), pose)
    pen.polygon([(x - 12 * k, y - 2), (x + 12 * k, y - 2), (x + 9 * k, scene.ground), (x - 9 * k, scene.ground)], body)
    pen.polygon([(x - 11 * k, y + 6), (x + 11 * k, y + 6), (x + 10.4 * k, y + 10), (x - 10.4 * k, y + 10)], bands)
    pen.box(x - 13.5 * k, y - 4, x + 13.5 * k, y + 1.5, body * 0.85)
    for j in range(scene.petals):
        turn = 2 * math.pi * j / scene.petals + pose.tilt
        offset = 0.62 * scene.head * np.array([math.cos(turn), math.sin(turn)])
        pen.ellipse(pose.tip + offset, scene.head * 0.52, scene.head * 0.4, head * (0.85 + 0.15 * (j % 2)), turn)
    pen.ellipse(pose.tip, scene.head * 0.42, scene.head * 0.42, detail)
    pen.ellipse(pose.tip, scene.head * 0.22, scene.head * 0.22, accessory)


def _robot(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, detail, accessory, _ = scene.colours
    k, f = scene.scale, scene.facing
    x, y = pose.root + np.array([-f * 11 * k, 6 * k])
    for j, dx in enumerate((-6, 6)):
        foot = x + dx * k + 2.5 * math.sin(pose.phase + j * math.pi)
        pen.polygon([(x + (dx - 3) * k, y + 12 * k), (x + (dx + 3) * k, y + 12 * k), (foot + 3.5 * k, scene.ground),
                     (foot - 3.5 * k, scene.ground)], body * 0.7)
    other = np.array([x - f * 11 * k, y - 6 * k])
    pen.tube(_curve(other, other + np.array([-f * 6 * k, 20 * k + math.sin(pose.phase)]), -0.2 * f, 6), np.full(6, 3.6 * k),
             np.tile(body * 0.85, (5, 1)))
    pen.box(x - 11 * k, y - 12 * k, x + 11 * k, y + 14 * k, body)
    pen.box(x - 7 * k, y - 6 * k, x + 7 * k, y + 2 * k, bands)
    for j in range(3):
        pen.ellipse((x + (j - 1) * 6.5 * k, y + 8 * k), 2.4, 2.4, (detail, head, accessory)[j])
    pen.box(x - 8 * k, y - 27 * k, x + 8 * k, y - 13 * k, head)
    for dx in (-3.8, 3.8):
        pen.ellipse((x + (dx + f) * k, y - 21 * k), 3 * k, 3 * k, (250, 250, 245))
        pen.ellipse((x + (dx + 1.8 * f) * k, y - 21 * k), 1.7 * k, 1.7 * k, (20, 20, 25))
    _draw_tube(pen, scene, pose)
    at = _part_frame(pose, f)
    for side in (-1, 1):
        pen.ellipse(at(scene.head * 0.8, side * scene.head * 0.55), scene.head * 0.6, scene.head * 0.3, detail, f * (pose.tilt + 0.4 * side))
    pen.ellipse(pose.tip, scene.head, scene.head, accessory)
    pen.ellipse(pose.tip, scene.head * 0.5, scene.head * 0.5, head)


def _crocodile(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, detail, accessory, _ = scene.colours
    k, f = scene.scale, scene.facing
    x, y = pose.root
    low = np.array([x + f * 38 * k, y + 9 * k])
    pen.polygon([pose.root, pose.tip + np.array([0, 2]), low], (150, 40, 50))  # the open mouth
    pen.tube(_line(np.array([x - f * 4, y + 8 * k]), low, 6), np.linspace(7, 4.5, 6) * k, np.tile(body * 0.85, (5, 1)))
    for j in range(3):
        tooth = np.array([x + f * (14 + 10 * j) * k, y + 5 * k - 0.4 * j])
        pen.polygon([tooth - [3.4, 0], tooth + [3.4, 0], tooth - [0, 6.5]], (245, 245, 235))
    pen.tube(_line(pose.root + [0, 4], np.array([x - f * 70, y + 8]), 5), np.linspace(13, 15, 5) * k, np.tile(body, (4, 1)))
    for j in range(3):
        pen.polygon([(x - f * (13 + 14 * j) - 6.5, y - 8 * k), (x - f * (13 + 14 * j) + 6.5, y - 8 * k), (x - f * (13 + 14 * j), y - 16 * k)], bands)
    spine = _spine(pose, 16)
    inward = _normals(spine) * f
    for j in (5, 9, 13):
        tooth = spine[j] + inward[j] * (scene.thick * (1 - 0.45 * j / 15))
        along = 1.3 * (spine[j + 1] - spine[j])
        pen.polygon([tooth - along, tooth + along, tooth + inward[j] * 6], (245, 245, 235))
    _draw_tube(pen, scene, pose)
    pen.ellipse(pose.tip, scene.head, scene.head * 0.8, head, pose.tilt)
    pen.ellipse(_part_frame(pose, f)(3.5, -3), 2.4, 2, (25, 25, 25))
    pen.ellipse((x - f * 2, y - 8 * k), 7 * k, 7 * k, accessory)
    pen.ellipse((x - f * 1, y - 9 * k), 4.4 * k, 4.4 * k, (250, 250, 245))
    pen.ellipse((x, y - 9 * k), 2.2 * k, 2.2 * k, (20, 20, 25))


def _balloon(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, detail, accessory, _ = scene.colours
    k, (x, y) = scene.scale, pose.root
    _draw_tube(pen, replace(scene, colours=np.array([[70, 60, 60], [70, 60, 60]])), pose)
    pen.box(x - 13 * k, y, x + 13 * k, scene.ground, body)
    pen.box(x - 3.5 * k, y, x + 3.5 * k, scene.ground, bands)
    pen.box(x - 14.5 * k, y - 2, x + 14.5 * k, y + 4, detail)
    at = _part_frame(pose, 1.0)
    r = scene.head
    pen.polygon([at(-3, r * 1.3), at(3, r * 1.3), at(0, r * 1.0)], head * 0.8)
    pen.ellipse(pose.tip, r, r * 1.15, head, pose.tilt)
    pen.ellipse(pose.tip, r * 0.55, r * 1.13, accessory, pose.tilt)
    pen.ellipse(at(-r * 0.42, -r * 0.5), r * 0.2, r * 0.28, (252, 252, 250), pose.tilt + 0.5)


def _draw_tube(pen: _Pen, scene: Scene, pose: Pose) -> None:
    pieces = 24
    stripe = (np.arange(pieces) * scene.bands * 2 // pieces) % 2
    pen.tube(_spine(pose, pieces + 1), _tube_radius(scene, np.linspace(0, 1, pieces + 1)), scene.colours[stripe])


# ------------------------------------------------------------------------------------------------------ true tracks


def track(scene: Scene, poses: list[Pose], points: np.ndarray, frame: int = 0, drag=(0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """Where the points `(P, 2)` of one frame are in every frame: positions `(N, P, 2)`, visible `(N, P)` bool.

    A point belongs to what it lies on: the part at the tip (rigid), the tube (by place along and across it), the
    rest of the thing (moves with the root), or the background (moves with the camera). With a `drag` the positions
    are those in the true edited clip; `points` are always given in the unedited frame.
    """
    points, drag = np.asarray(points, dtype=float), np.asarray(drag, dtype=float)
    here = poses[frame]
    spine = _spine(here, 201)
    distance = np.linalg.norm(points[:, None] - spine[None], axis=-1)
    nearest = distance.argmin(1)
    share = nearest / 200
    across = ((points - spine[nearest]) * _normals(spine)[nearest]).sum(-1)
    on_part = np.linalg.norm(points - here.tip, axis=-1) <= scene.head * 1.15
    on_tube = ~on_part & (distance.min(1) <= _tube_radius(scene, share) + 0.5)
    on_body = ~on_part & ~on_tube & _on_body(scene, here, points)
    mirror = scene.facing if scene.kind in ("creature", "robot") else 1.0
    positions, visible = [], []
    for pose in poses:
        moved = replace(pose, tip=pose.tip + drag)
        new_spine, new_normal = _spine(moved, 201), _normals(_spine(moved, 201))
        turn = _rotation(mirror * (pose.tilt - here.tilt))
        place = points + [pose.camera - here.camera, 0]
        place = np.where(on_body[:, None], points + pose.root - here.root, place)
        place = np.where(on_tube[:, None], new_spine[nearest] + across[:, None] * new_normal[nearest], place)
        place = np.where(on_part[:, None], moved.tip + (points - here.tip) @ turn.T, place)
        positions.append(place)
        hidden = np.zeros(len(points), bool) if pose.occluder is None else np.abs(place[:, 0] - pose.occluder) <= 4
        visible.append(~hidden & (place >= 0).all(-1) & (place <= SIZE - 1).all(-1))
    return np.stack(positions), np.stack(visible)


def _on_body(scene: Scene, pose: Pose, points: np.ndarray) -> np.ndarray:
    k, f = scene.scale, scene.facing
    offset = {"creature": (-f * 15 * k, 9 * k), "robot": (-f * 11 * k, -1 * k), "flower": (0, 10), "balloon": (0, 12),
              "crocodile": (-f * 30, 6)}[scene.kind]
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


def _tube_radius(scene: Scene, share: np.ndarray) -> np.ndarray:
    taper = {"creature": 0.35, "crocodile": 0.4}.get(scene.kind, 0.1)
    return scene.thick * (1 - taper * share)


def _spine(pose: Pose, count: int) -> np.ndarray:
    return _curve(pose.root, pose.tip, pose.bend, count)


def _curve(start: np.ndarray, end: np.ndarray, bow: float, count: int) -> np.ndarray:
    """A quadratic Bezier from start to end, bowed sideways by `bow` times its length: (count, 2)."""
    chord = end - start
    control = (start + end) / 2 + 2 * bow * np.array([-chord[1], chord[0]])
    t = np.linspace(0, 1, count)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end


def _line(start, end, count: int) -> np.ndarray:
    return _curve(np.asarray(start, float), np.asarray(end, float), 0.0, count)


def _normals(spine: np.ndarray) -> np.ndarray:
    along = np.gradient(spine, axis=0)
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    return np.stack([-along[:, 1], along[:, 0]], -1)


def _rotation(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _part_frame(pose: Pose, facing: float):
    """A function from (forward, down) px on the part at the tip to picture coordinates."""
    turn = _rotation(facing * pose.tilt)
    return lambda forward, down: pose.tip + turn @ np.array([facing * forward, down])


def _from_hsv(hue, saturation, value) -> np.ndarray:
    sector = (hue[:, None] * 6 + np.array([5, 3, 1])) % 6
    return 255 * value[:, None] * (1 - saturation[:, None] * np.clip(np.minimum(sector, 4 - sector), 0, 1))
