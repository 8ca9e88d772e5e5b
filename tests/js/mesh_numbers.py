"""The core's numbers for the page's mesh: `python -m js.mesh_numbers` in tests/ writes tests/js/mesh_numbers.json.

The live preview bends the same mesh in JavaScript (js/mesh.mjs, rigid.mjs, warp.mjs). Its tests read the file; a test of the core
makes sure that the file holds what the core says today.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from dragvideo_core.displacement import backward_map, bending, compose, folds, mesh, pulls, rigid, rims
from dragvideo_core.points.edit_mask import around_drags, taking_in
from dragvideo_core.stages.displace import DisplaceSettings

FILE = Path(__file__).with_suffix(".json")
SIZE = (64, 96)  # (H, W)
ROUNDS = round(bending.MOST_ROUNDS * DisplaceSettings().stiffness ** 2)
CASES = {  # name: (mask squares, layer discs or None; pairs of handle and target)
    "one arrow, no layer": ([(40, 30, 24)], None, [((36, 30), (46, 27))]),
    "a pin and an arrow": ([(40, 30, 24)], None, [((30, 30), (30, 30)), ((48, 34), (53, 41))]),
    "a thing wholly inside the mask": ([(40, 30, 24)], [(38, 30, 11)], [((38, 28), (50, 33))]),
    "a thing that goes on beyond the mask": ([(34, 30, 16)], [(30, 30, 9), (46, 30, 9), (60, 32, 9)], [((27, 30), (24, 22))]),
    "a thing at the picture's border": ([(14, 30, 20)], [(4, 30, 14)], [((8, 30), (15, 24))]),
    "an arm that swings": ([(58, 30, 26)], [(x, 34, 5) for x in range(20, 77, 4)], [((70, 34), (66, 20))]),
    "a head whose top sticks out of the mask": (
        [(46, 36, 18)],
        [(x, 40, 4) for x in range(20, 44, 4)] + [(46, 26, 9)],
        [((46, 28), (54, 33))],
    ),
    "a neck that is dragged in its middle": (
        [(48, 24, 24)],
        [(48, 56, 14), (48, 8, 5)] + [(48, y, 3) for y in range(12, 48, 3)],
        [((48, 28), (53, 28))],
    ),
    "a bar between two weights": (
        [(48, 30, 30)],
        [(28, 30, 5), (68, 30, 5)] + [(x, 30, 3) for x in range(28, 70, 3)],
        [((48, 30), (48, 36))],
    ),
    "a drag that folds": ([(40, 30, 20)], None, [((36, 30), (57, 30))]),
}
SPACING = 3.0  # px of the point sets


def squares(centres: list[tuple[int, int, int]]) -> np.ndarray:
    """The union of squares (x, y, half side), (H, W) bool."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.any([np.maximum(abs(x - cx), abs(y - cy)) <= half for cx, cy, half in centres], axis=0)


def discs(centres: list[tuple[int, int, int]]) -> np.ndarray:
    """The union of discs (x, y, radius), (H, W) bool."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.any([np.hypot(x - cx, y - cy) <= radius for cx, cy, radius in centres], axis=0)


def square_set(middle: tuple[int, int]) -> list[list[float]]:
    """3 x 3 points around a place."""
    steps = (-SPACING, 0.0, SPACING)
    return [[middle[0] + dx, middle[1] + dy] for dy in steps for dx in steps]


def numbers(name: str) -> dict:
    """What goes in and what comes out of a case, masks as runs of equal pixels."""
    mask_squares, layer_discs, pairs = CASES[name]
    mask = squares(mask_squares)
    if layer_discs is None:
        mask[[0, -1]] = mask[:, [0, -1]] = False
        thing = layer = region = compose.widened(mask, 1)
    else:
        layer = discs(layer_discs)
        region = compose.covered(layer.astype(np.float32))
        thing, layer = layer, rims.without_rims(layer, mask)
    handles = np.array([square_set(handle) for handle, _ in pairs])
    moves = np.array([[np.subtract(target, handle)] * handles.shape[1] for handle, target in pairs], float)
    spacing = mesh.spacing_for(SIZE)
    origin = tuple(int(v) for v in np.round(handles[0].mean(0)))
    longest = np.linalg.norm(moves, axis=-1).max()
    beyond = spacing * (1 + int(np.ceil(longest / spacing)))
    net = mesh.layer_mesh(region, layer, mask, spacing, origin, beyond)
    asked = pulls.frame_pulls(net, handles, moves, np.ones(handles.shape[:2], bool))
    pulled = np.zeros(len(net.vertices), bool)
    pulled[net.cells[mesh.place_in(net, asked.points)[0]]] = True
    moved, had_folds = folds.unfolded(net, rigid.bend(net, asked, ROUNDS), pulled)
    warp = backward_map.backward(net, moved, SIZE)
    y, x = np.nonzero(warp.moves)
    places = warp.places[y, x]
    x, y = x + warp.box[1].start, y + warp.box[0].start
    some = slice(None, None, max(1, len(x) // 60))
    return {
        "size": [SIZE[1], SIZE[0]],
        "mask": runs(mask),
        "thing": runs(thing),
        "layer": runs(layer),
        "region": runs(region),
        "sets": [{"points": points, "move": (move[0]).tolist()} for points, move in zip(handles.tolist(), moves, strict=True)],
        "spacing": spacing,
        "origin": list(origin),
        "beyond": beyond,
        "has_layer": layer_discs is not None,
        "rounds": ROUNDS,
        "stiff": rigid.STIFF,
        "had_folds": bool(had_folds),
        "vertices": [len(net.vertices), *net.vertices.sum(0).tolist()],
        "cells": [len(net.cells), *net.cells.sum(0).tolist()],
        "edges": [len(net.edges), *net.edges.sum(0).tolist()],
        "held": runs(net.held),
        "moved": np.round(moved[::2], 3).ravel().tolist(),
        "moving": len(x),
        "places": np.round(np.stack([x, y, *places.T], -1).astype(float), 3)[some].tolist(),
    }


def runs(mask: np.ndarray) -> list[int]:
    """How many in a row, along the rows, are 0, then 1, then 0 ..."""
    flat = np.concatenate([[0], mask.ravel().astype(int)])
    changes = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], changes, [mask.size]])).tolist()


def masks() -> list[dict]:
    """The edit mask around the drags of each case, where nobody painted one, and the same that takes in the layer."""
    found = []
    for _, layer_discs, pairs in CASES.values():
        handles, targets = (torch.tensor([ends], dtype=torch.float32) for ends in zip(*pairs, strict=True))
        mask = around_drags(handles, targets, SIZE)
        thing = None if layer_discs is None else discs(layer_discs)
        layer = None if thing is None else torch.from_numpy(thing.astype(np.float32))[None, None]
        found.append(
            {
                "size": [SIZE[1], SIZE[0]],
                "pairs": pairs,
                "mask": runs(mask[0, 0].numpy()),
                "thing": None if thing is None else runs(thing),
                "with_thing": runs(taking_in(mask, layer, handles, targets)[0, 0].numpy()),
            }
        )
    return found


def text() -> str:
    """What the file holds."""
    return json.dumps({"cases": {name: numbers(name) for name in CASES}, "masks": masks()}, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
