"""The clips of the quality benchmark. Seeds from 200: training has seeds from 1,000,000,000, settings were chosen on 100-109."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from dragvideo_core.embedded import drawn_world
from dragvideo_core.embedded.demo_clip import DemoClip, demo_clip

FIRST_SEED = 200
FRAMES = 5


@dataclass(frozen=True)
class Case:
    """One drawn clip with its drag."""

    name: str
    demo: DemoClip
    picks: str  # what a careful person clicks


def plain(count: int = 12, frames: int = FRAMES) -> list[Case]:
    """Every kind in turn, another seed each."""
    kinds = [drawn_world.KINDS[i % len(drawn_world.KINDS)] for i in range(count)]
    demos = [demo_clip(kind, FIRST_SEED + i, frames) for i, kind in enumerate(kinds)]
    return [Case(f"{kind} {FIRST_SEED + i}", demo, demo.picks) for i, (kind, demo) in enumerate(zip(kinds, demos))]


def special(frames: int = FRAMES) -> list[Case]:
    """What the paper could not do (Appendix D): each has its true edit as well."""
    hidden = demo_clip("balloon", FIRST_SEED + 4, frames, occluded=True)
    later, last = demo_clip("creature", FIRST_SEED + 5, frames), frames - 1
    several = demo_clip("flower", FIRST_SEED + 6, frames)
    tight = demo_clip("robot", FIRST_SEED + 7, frames)
    return [
        Case("hidden behind a pole", hidden, hidden.picks),
        Case("points on the last frame", later, _on_frame(later, last)),
        Case("two pairs, one holding still", several, _with_a_pair_that_holds(several)),
        Case("a mask that only covers the target", tight, _with_mask(tight, [-1])),
    ]


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
