"""Pictures of the drawn world (`drawn_world.py`): every scene in every pose, and whole clips before and after a drag."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from .drawn_world import SIZE, Pose, Scene, curve_between, line_between, normals_of, part_frame, rotation_by, spine_of, tube_radius

_ANTIALIAS = 3  # drawn this many times larger, then averaged


def draw_clip(scene: Scene, poses: list[Pose], drag: ArrayLike = (0.0, 0.0), enlarged: int = 1) -> np.ndarray:
    """The clip `(N, 128, 128, 3)` uint8; with a `drag` (2,) in px, the TRUE edited clip: the tip moved in every frame.

    `enlarged`: drawn this many times larger.
    """
    of_tip = np.asarray(drag, dtype=float)
    return np.stack([draw(scene, replace(pose, tip=pose.tip + of_tip), enlarged) for pose in poses])


def draw(scene: Scene, pose: Pose, enlarged: int = 1) -> np.ndarray:
    """One picture `(128, 128, 3)` uint8, or `enlarged` times as large."""
    scale = _ANTIALIAS * enlarged
    image = _background(scene, pose.camera, scale)
    _thing(_Pen(image, scale), scene, pose)
    _pole(_Pen(image, scale), scene, pose)
    return np.asarray(image.reduce(_ANTIALIAS))


def draw_layers(scene: Scene, poses: list[Pose]) -> tuple[np.ndarray, np.ndarray]:
    """How much of each pixel shows the thing, and how much the pole in front of it: twice `(N, 128, 128)` float32 in [0, 1].

    Exactly as `draw` mixes them: of the same shapes, averaged in the same way. What the pole hides does not show the thing.
    """
    shares = np.stack([_layers(scene, pose) for pose in poses])
    return shares[:, 0], shares[:, 1]


def _layers(scene: Scene, pose: Pose) -> np.ndarray:
    thing, pole = (255, 0, 0), (0, 255, 0)
    canvas = Image.new("RGB", (SIZE * _ANTIALIAS, SIZE * _ANTIALIAS))
    _thing(_Pen(canvas, _ANTIALIAS, thing), scene, pose)
    _pole(_Pen(canvas, _ANTIALIAS, pole), scene, pose)
    return np.asarray(canvas.reduce(_ANTIALIAS), dtype=np.float32)[..., :2].transpose(2, 0, 1) / 255


def _thing(pen: _Pen, scene: Scene, pose: Pose) -> None:
    shapes = {"creature": _creature, "flower": _flower, "robot": _robot, "crocodile": _crocodile, "balloon": _balloon}
    shapes[scene.kind](pen, scene, pose)


def _pole(pen: _Pen, scene: Scene, pose: Pose) -> None:
    if pose.occluder is None:
        return
    for k in range(8):
        shade = 0.75 + 0.25 * (k % 2)
        pen.box(pose.occluder - 4, k * 16, pose.occluder + 4, k * 16 + 16, scene.colours[5] * shade)


class _Pen:
    """Shapes in picture coordinates on a larger canvas."""

    def __init__(self, image: Image.Image, scale: int, only: tuple[int, int, int] | None = None):
        """`scale`: pixels of the image per pixel of the drawn world. `only`: the one colour of all shapes."""
        self._draw, self._scale, self._only = ImageDraw.Draw(image), scale, only

    def polygon(self, points: ArrayLike, colour: ArrayLike) -> None:
        corners = (np.asarray(points, dtype=float) + 0.5) * self._scale - 0.5
        fill = self._only or tuple(int(c) for c in np.clip(np.asarray(colour), 0, 255))
        self._draw.polygon([tuple(p) for p in corners], fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, colour: ArrayLike) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, centre: ArrayLike, radius_x: float, radius_y: float, colour: ArrayLike, angle: float = 0.0) -> None:
        turn = np.linspace(0, 2 * math.pi, 28, endpoint=False)
        offsets = np.stack([radius_x * np.cos(turn), radius_y * np.sin(turn)], -1)
        self.polygon(np.asarray(centre) + offsets @ rotation_by(angle).T, colour)

    def tube(self, spine: np.ndarray, radius: np.ndarray, colours: np.ndarray) -> None:
        """A tube along `spine (n, 2)` with `radius (n,)`; `colours (n - 1, 3)` one per piece."""
        side = normals_of(spine) * radius[:, None]
        for i in range(len(spine) - 1):
            self.ellipse(spine[i + 1], radius[i + 1], radius[i + 1], colours[i])
            self.polygon(
                [spine[i] + side[i], spine[i + 1] + side[i + 1], spine[i + 1] - side[i + 1], spine[i] - side[i]], colours[i]
            )


def _background(scene: Scene, camera: float, scale: int) -> Image.Image:
    rng = np.random.default_rng(scene.seed)
    horizon = scene.ground - rng.uniform(12, 34)
    sky, ground = rng.uniform([90, 130, 160], [200, 225, 255]), rng.uniform([90, 80, 50], [200, 190, 140])
    rows = (np.arange(SIZE) / SIZE)[:, None]
    column = np.where(np.arange(SIZE)[:, None] < horizon, sky * (0.75 + 0.35 * rows), ground * (1.15 - 0.35 * rows))
    tall = np.repeat(column.clip(0, 255).astype(np.uint8), scale, 0)
    image = Image.fromarray(np.repeat(tall[:, None], SIZE * scale, 1))
    pen = _Pen(image, scale)
    xs = np.arange(-40, SIZE + 41, 6.0)
    hill = horizon - rng.uniform(2, 12) * (1.2 + np.sin(xs * rng.uniform(0.04, 0.1) + rng.uniform(0, 6)))
    hill_colour = 0.5 * sky + 0.5 * rng.uniform([40, 80, 40], [120, 150, 120])
    pen.polygon([(-40 + camera, horizon), *zip(xs + camera, hill, strict=True), (SIZE + 40 + camera, horizon)], hill_colour)
    for _ in range(int(rng.integers(0, 4))):  # clouds
        x, y = rng.uniform(-20, SIZE + 20) + camera, rng.uniform(8, 46)
        for _ in range(3):
            pen.ellipse((x + rng.uniform(-8, 8), y + rng.uniform(-2, 2)), rng.uniform(6, 11), rng.uniform(3, 5), sky * 0.4 + 150)
    style, gap, shade = rng.integers(3), rng.uniform(15, 24), rng.uniform(0.8, 0.9)
    for x in np.arange(-48, SIZE + 48, gap):
        if style == 0:  # furrows
            pen.polygon(
                [(x + camera, horizon), (x + 4 + camera, horizon), (2 * x - 54 + camera, SIZE), (2 * x - 64 + camera, SIZE)],
                ground * shade,
            )
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
        pen.tube(
            line_between(trunk + np.array([dx * k, 4 * k]), foot, 4), np.full(4, 4.2 * k), np.tile(body * (0.7 + 0.1 * j), (3, 1))
        )
    tail = trunk + np.array([-f * 20 * k, 0])
    pen.tube(
        curve_between(tail, tail + np.array([-f * 12 * k, -8 * k + 3 * math.sin(pose.phase)]), 0.3, 6),
        np.linspace(3.6, 2.0, 6) * k,
        np.tile(body * 0.9, (5, 1)),
    )
    pen.ellipse(trunk, 22 * k, 11.5 * k, body)
    for j in range(3):
        pen.ellipse(trunk + np.array([(-12 + 11 * j) * k, (2.5 if j % 2 else -2.5) * k]), 4.4 * k, 3.8 * k, bands)
    _draw_tube(pen, scene, pose)
    at = part_frame(pose, f)
    pen.ellipse(at(-3, -scene.head * 0.75), 2.4, 4.6, detail)
    pen.ellipse(at(1, 0), scene.head, scene.head * 0.72, head, f * pose.tilt)
    pen.ellipse(at(scene.head * 0.85, 1.6), scene.head * 0.5, scene.head * 0.42, accessory, f * pose.tilt)
    pen.ellipse(at(2, -2), 3.2, 3.2, (250, 250, 245))
    pen.ellipse(at(2.8, -2), 1.8, 1.8, (20, 20, 25))


def _flower(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, detail, accessory, _ = scene.colours
    k, (x, y) = scene.scale, pose.root
    spine = spine_of(pose, 20)
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
    for j, dx in enumerate((-6.0, 6.0)):
        foot = x + dx * k + 2.5 * math.sin(pose.phase + j * math.pi)
        pen.polygon(
            [
                (x + (dx - 3) * k, y + 12 * k),
                (x + (dx + 3) * k, y + 12 * k),
                (foot + 3.5 * k, scene.ground),
                (foot - 3.5 * k, scene.ground),
            ],
            body * 0.7,
        )
    other = np.array([x - f * 11 * k, y - 6 * k])
    pen.tube(
        curve_between(other, other + np.array([-f * 6 * k, 20 * k + math.sin(pose.phase)]), -0.2 * f, 6),
        np.full(6, 3.6 * k),
        np.tile(body * 0.85, (5, 1)),
    )
    pen.box(x - 11 * k, y - 12 * k, x + 11 * k, y + 14 * k, body)
    pen.box(x - 7 * k, y - 6 * k, x + 7 * k, y + 2 * k, bands)
    for j in range(3):
        pen.ellipse((x + (j - 1) * 6.5 * k, y + 8 * k), 2.4, 2.4, (detail, head, accessory)[j])
    pen.box(x - 8 * k, y - 27 * k, x + 8 * k, y - 13 * k, head)
    for dx in (-3.8, 3.8):
        pen.ellipse((x + (dx + f) * k, y - 21 * k), 3 * k, 3 * k, (250, 250, 245))
        pen.ellipse((x + (dx + 1.8 * f) * k, y - 21 * k), 1.7 * k, 1.7 * k, (20, 20, 25))
    _draw_tube(pen, scene, pose)
    at = part_frame(pose, f)
    for side in (-1, 1):
        pen.ellipse(
            at(scene.head * 0.8, side * scene.head * 0.55), scene.head * 0.6, scene.head * 0.3, detail, f * (pose.tilt + 0.4 * side)
        )
    pen.ellipse(pose.tip, scene.head, scene.head, accessory)
    pen.ellipse(pose.tip, scene.head * 0.5, scene.head * 0.5, head)


def _crocodile(pen: _Pen, scene: Scene, pose: Pose) -> None:
    body, bands, head, _, accessory, _ = scene.colours
    k, f = scene.scale, scene.facing
    x, y = pose.root
    low = np.array([x + f * 38 * k, y + 9 * k])
    pen.polygon([pose.root, pose.tip + np.array([0, 2]), low], (150, 40, 50))  # the open mouth
    pen.tube(line_between(np.array([x - f * 4, y + 8 * k]), low, 6), np.linspace(7, 4.5, 6) * k, np.tile(body * 0.85, (5, 1)))
    for j in range(3):
        tooth = np.array([x + f * (14 + 10 * j) * k, y + 5 * k - 0.4 * j])
        pen.polygon(tooth + np.array([[-3.4, 0], [3.4, 0], [0, -6.5]]), (245, 245, 235))
    pen.tube(
        line_between(pose.root + np.array([0, 4]), np.array([x - f * 70, y + 8]), 5),
        np.linspace(13, 15, 5) * k,
        np.tile(body, (4, 1)),
    )
    for j in range(3):
        pen.polygon(
            [
                (x - f * (13 + 14 * j) - 6.5, y - 8 * k),
                (x - f * (13 + 14 * j) + 6.5, y - 8 * k),
                (x - f * (13 + 14 * j), y - 16 * k),
            ],
            bands,
        )
    spine = spine_of(pose, 16)
    inward = normals_of(spine) * f
    for j in (5, 9, 13):
        tooth = spine[j] + inward[j] * (scene.thick * (1 - 0.45 * j / 15))
        along = 1.3 * (spine[j + 1] - spine[j])
        pen.polygon([tooth - along, tooth + along, tooth + inward[j] * 6], (245, 245, 235))
    _draw_tube(pen, scene, pose)
    pen.ellipse(pose.tip, scene.head, scene.head * 0.8, head, pose.tilt)
    pen.ellipse(part_frame(pose, f)(3.5, -3), 2.4, 2, (25, 25, 25))
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
    at = part_frame(pose, 1.0)
    r = scene.head
    pen.polygon([at(-3, r * 1.3), at(3, r * 1.3), at(0, r * 1.0)], head * 0.8)
    pen.ellipse(pose.tip, r, r * 1.15, head, pose.tilt)
    pen.ellipse(pose.tip, r * 0.55, r * 1.13, accessory, pose.tilt)
    pen.ellipse(at(-r * 0.42, -r * 0.5), r * 0.2, r * 0.28, (252, 252, 250), pose.tilt + 0.5)


def _draw_tube(pen: _Pen, scene: Scene, pose: Pose) -> None:
    pieces = 24
    stripe = (np.arange(pieces) * scene.bands * 2 // pieces) % 2
    pen.tube(spine_of(pose, pieces + 1), tube_radius(scene, np.linspace(0, 1, pieces + 1)), scene.colours[stripe])
