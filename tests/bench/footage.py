"""How well points are followed on filmed clips, against tracks that people marked (`make bench-footage`).

The clips: three of DAVIS with the point tracks of TAP-Vid, where this machine has them (`CLIPS`). Points start on the
first frame; errors are distances to the true place where the point is visible, in px of a 256 x 256 picture (TAP-Vid's
scale), whatever size was followed at. Beside the trackers of `propagate`: "still" (points stay put) and "chained flow"
(DIS flow from frame to frame and nothing else, visible where flow there and back agree).
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dragvideo_core.embedded import drag_model
from dragvideo_core.points.finders import ABSOLUTE, RELATIVE
from dragvideo_core.points.flow import optical_flow
from dragvideo_core.points.sampling import lookup
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import DragModel, PointPicks, VideoClip

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT.parent / "shared" / "assets" / "clips" / "davis_tap"
OUTPUT = ROOT / "output" / "bench" / "footage.json"
NAMES = ("blackswan", "goat", "horsejump-high")
SIZES = (128, 256)  # px, square: the embedded model's own size, and TAP-Vid's
SCALE = 256  # px that errors are told at
ALL = "all"


@dataclass(frozen=True)
class Filmed:
    """A clip with the true places of some of its points."""

    name: str
    clip: VideoClip
    places: Tensor  # (N, P, 2) px; means nothing where hidden
    visible: Tensor  # (N, P) bool


def load_filmed(name: str, size: int, folder: Path = CLIPS) -> Filmed:
    """A clip squeezed to `size` x `size`, with the points that are visible on its first frame."""
    pictures = [Image.open(path).convert("RGB") for path in sorted((folder / name / "frames").glob("*.jpg"))]
    scale = torch.tensor([size / pictures[0].width, size / pictures[0].height])
    squeezed = np.stack([np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS)) for picture in pictures])
    frames = torch.from_numpy(squeezed).permute(0, 3, 1, 2).float() / 255
    with np.load(folder / name / "tracks.npz") as tracks:
        places, visible = torch.from_numpy(tracks["points"]).float(), ~torch.from_numpy(tracks["occluded"])
    places, visible = places[visible[:, 0]], visible[visible[:, 0]]
    there = (places * scale - 0.5).transpose(0, 1)  # its pixel centres are at +0.5
    return Filmed(name, VideoClip(frames.contiguous(), torch.arange(len(frames)), 24.0), there, visible.T)


def follow(filmed: Filmed, tracker: str, model: DragModel) -> tuple[Tensor, Tensor]:
    """Places (N, P, 2) and visible (N, P) of the first frame's points by "still", "chained flow", or a tracker of `propagate`."""
    start, clip = filmed.places[0], filmed.clip
    if tracker == "still":
        return start.expand_as(filmed.places), torch.ones_like(filmed.visible)
    if tracker == "chained flow":
        return _chained_flow(clip.frames, start)
    picks = PointPicks(handles=start, targets=start, mask_points=torch.zeros(0, 2), frame=0, size=clip.size)
    tracks = propagate(clip, picks, segment(), model, PropagateSettings(set_side=1, tracker=tracker))
    return tracks.handles[:, :, 0], tracks.visible[:, :, 0]


def measure(names: Sequence[str] = NAMES, sizes: Sequence[int] = SIZES, folder: Path = CLIPS) -> list[dict]:
    """One row per clip (and one for all points of all clips), size and tracker; none where the clips are not here."""
    if not all((folder / name / "tracks.npz").is_file() for name in names):
        return []
    model, rows = drag_model(), []
    for size in sizes:
        clips = [load_filmed(name, size, folder) for name in names]
        for tracker in ("still", "dift", "chained flow", "flow", "auto"):
            gaps, agree, seconds = [], [], 0.0
            for filmed in clips:
                began = time.perf_counter()
                places, visible = follow(filmed, tracker, model)
                took = time.perf_counter() - began
                gap = (places - filmed.places).norm(dim=-1)[1:] * SCALE / size
                gaps.append(gap[filmed.visible[1:]])
                agree.append((visible == filmed.visible)[1:].flatten())
                seconds += took
                rows.append(_row(filmed.name, size, tracker, gaps[-1], agree[-1], took))
            rows.append(_row(ALL, size, tracker, torch.cat(gaps), torch.cat(agree), seconds))
    return rows


def table(rows: Sequence[dict]) -> str:
    """The rows for a terminal."""
    lines = [f"{'clip':<16}{'size':>5}  {'tracker':<14}{'median px':>10}{'mean px':>9}{'< 4 px':>8}{'visibility':>12}{'s':>7}"]
    for row in rows:
        lines.append(
            f"{row['clip']:<16}{row['size']:>5}  {row['tracker']:<14}{row['median_px']:>10.2f}{row['mean_px']:>9.2f}"
            f"{row['within_4_px']:>8.0%}{row['visibility_right']:>12.0%}{row['seconds']:>7.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    rows = measure()
    if not rows:
        print(f"no filmed clips here: expected {', '.join(NAMES)} in ../shared/assets/clips/davis_tap. Nothing was measured.")
        return
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"scale_px": SCALE, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    print(f"errors in px of a {SCALE} x {SCALE} picture, over visible points; also in {OUTPUT.relative_to(ROOT)}")


def _row(clip: str, size: int, tracker: str, gap: Tensor, agree: Tensor, seconds: float) -> dict:
    return {
        "clip": clip,
        "size": size,
        "tracker": tracker,
        "median_px": gap.median().item(),
        "mean_px": gap.mean().item(),
        "within_4_px": (gap < 4).float().mean().item(),
        "visibility_right": agree.float().mean().item(),
        "places": gap.numel(),
        "seconds": round(seconds, 2),
    }


def _chained_flow(frames: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    places, visible = [start], [torch.ones(len(start), dtype=torch.bool)]
    for here, there in itertools.pairwise(frames):
        go = _at(optical_flow(here, there), places[-1])
        come = _at(optical_flow(there, here), places[-1] + go)
        gap, length = (go + come).square().sum(-1), go.square().sum(-1) + come.square().sum(-1)
        places.append(places[-1] + go)
        visible.append(gap <= RELATIVE * length + ABSOLUTE)
    return torch.stack(places), torch.stack(visible)


def _at(flow: Tensor, places: Tensor) -> Tensor:
    return lookup(flow[None], places[None], tuple(flow.shape[-2:]))[0]


if __name__ == "__main__":
    main()
