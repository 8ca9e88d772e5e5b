"""How well points are followed on filmed clips, against tracks that people marked (`make bench-footage`, ARGS="--clips DIR").

The clips: all in a folder that have frames/*.jpg and tracks.npz (DAVIS with the point tracks of TAP-Vid), by default `CLIPS`.
Points start on the first frame; errors are distances to the true place where the point is visible, in px of a 256 x 256
picture (TAP-Vid's scale), whatever size was followed at. The measures are TAP-Vid's (Doersch et al. 2022, Sec. 3): the average
share of visible points within 1, 2, 4, 8 and 16 px (delta), the average Jaccard (AJ), which also counts points wrongly called
visible or hidden, and the share of frames in which visible or hidden is right (occlusion). Beside the trackers of
`propagate`: "still" (points stay put) and "chained flow"
(DIS flow from frame to frame and nothing else, visible where flow there and back agree).
"""

from __future__ import annotations

import argparse
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
SIZES = (128, 256)  # px, square: the embedded model's own size, and TAP-Vid's
SCALE = 256  # px that errors are told at
ALL = "all"
THRESHOLDS = (1, 2, 4, 8, 16)  # px
TRACKERS = ("still", "dift", "chained flow", "flow", "auto")


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


def tap_vid(places: Tensor, visible: Tensor, true_places: Tensor, true_visible: Tensor) -> dict[str, float]:
    """TAP-Vid's measures in percent, of places (N, P, 2) at its scale and visible (N, P); the first frame does not count."""
    gap, seen, truly = (places - true_places).norm(dim=-1)[1:], visible[1:], true_visible[1:]
    within, jaccard = [], []
    for threshold in THRESHOLDS:
        near = gap < threshold
        right = (near & seen & truly).sum()
        wrong = (seen & ~(near & truly)).sum()
        within.append((near & truly).sum() / truly.sum())
        jaccard.append(right / (truly.sum() + wrong))
    means = {"delta": torch.stack(within).mean(), "aj": torch.stack(jaccard).mean(), "occlusion": (seen == truly).float().mean()}
    return {name: 100 * float(value) for name, value in means.items()}


def names_in(folder: Path) -> list[str]:
    """The clips in a folder."""
    return sorted(path.parent.name for path in folder.glob("*/tracks.npz") if any((path.parent / "frames").glob("*.jpg")))


def measure(
    folder: Path = CLIPS, sizes: Sequence[int] = SIZES, trackers: Sequence[str] = TRACKERS, names: Sequence[str] | None = None
) -> list[dict]:
    """One row per clip, and one for all clips (the mean of TAP-Vid's measures, the other figures over all points), for each size
    and tracker; none where there are no clips."""
    names = names_in(folder) if names is None else names
    model, rows = drag_model(), []
    for size in sizes if names else ():
        clips = [load_filmed(name, size, folder) for name in names]
        for tracker in trackers:
            of_clips, gaps, agree = [], [], []
            for filmed in clips:
                start = time.perf_counter()
                places, visible = follow(filmed, tracker, model)
                seconds = time.perf_counter() - start
                scale = SCALE / size
                scores = tap_vid(places * scale, visible, filmed.places * scale, filmed.visible)
                gap = (places - filmed.places).norm(dim=-1)[1:] * scale
                gaps.append(gap[filmed.visible[1:]])
                agree.append((visible == filmed.visible)[1:].flatten())
                of_clips.append(_row(filmed.name, size, tracker, gaps[-1], agree[-1], seconds) | scores)
            mean = {name: float(np.mean([row[name] for row in of_clips])) for name in ("delta", "aj", "occlusion")}
            seconds = sum(row["seconds"] for row in of_clips)
            rows += [*of_clips, _row(ALL, size, tracker, torch.cat(gaps), torch.cat(agree), seconds) | mean]
    return rows


def table(rows: Sequence[dict]) -> str:
    """The rows for a terminal."""
    lines = [
        f"{'clip':<16}{'size':>5}  {'tracker':<14}{'delta':>7}{'AJ':>7}{'occlusion':>11}{'median px':>11}"
        f"{'mean px':>9}{'< 4 px':>8}{'s':>7}"
    ]
    for row in rows:
        lines.append(
            f"{row['clip']:<16}{row['size']:>5}  {row['tracker']:<14}{row['delta']:>7.1f}{row['aj']:>7.1f}{row['occlusion']:>11.1f}"
            f"{row['median_px']:>11.2f}{row['mean_px']:>9.2f}{row['within_4_px']:>8.0%}{row['seconds']:>7.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of clips, each with frames/*.jpg and tracks.npz")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="px: pictures are squeezed to these sides")
    parser.add_argument("--trackers", nargs="+", default=TRACKERS, choices=TRACKERS)
    asked = parser.parse_args()
    rows = measure(asked.clips, asked.sizes, asked.trackers)
    if not rows:
        print(f"no filmed clips: expected folders with frames/*.jpg and tracks.npz in {asked.clips}. Nothing was measured.")
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
