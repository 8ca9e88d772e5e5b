"""Evaluate: did the handles get to their targets, did the rest stay, is the motion smooth (Sec. 4 and Appendix A)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..diffusion import batches, memory
from ..media.drawing import draw_paths
from ..media.plots import draw_plot
from ..points import dift, flow
from ..temporal import metrics
from ..types import DragModel, DragResult, OnProgress, PointTracks, Score, Scores, UserError, VideoClip, ignore_progress

# What `verdict` calls good. Ours; the scores themselves are what is compared.
NEAR = 0.15  # of the drag: so much may be left where a handle counts as arrived
LEAST_LEFT = 1.5  # px: DIFT finds no point more exactly
STANDS_OUT = 2.0  # times the mean distance: a frame to look at
CHANGED_DB = 30.0  # outside the mask: less is seen
FLICKERS = 1.0  # px of bend that the edit added


@dataclass(frozen=True)
class EvaluateSettings:
    """How DIFT finds the handles again in the edited frames."""

    recipe: Literal["image", "video"] = "image"  # which of DIFT's settings
    ensemble: int = 8  # noises averaged per frame (DIFT)
    seed: int = 0  # of DIFT's noise
    chunk: int = 0  # frames at a time; 0: as many as fit into memory


def evaluate(
    original: VideoClip,
    edited: VideoClip,
    tracks: PointTracks,
    model: DragModel,
    settings: EvaluateSettings = EvaluateSettings(),
    on_progress: OnProgress = ignore_progress,
) -> Scores:
    """Score an edit of `original`. The model should be the one before tuning, so that it judges without having learnt."""
    if original.frames.shape != edited.frames.shape:
        raise UserError(
            f"original and edited clip must have the same shape: got {tuple(original.frames.shape)} and "
            f"{tuple(edited.frames.shape)}. Wire the frames that went into the edit."
        )
    pieces = len(original) + max(len(original) - 2, 0)  # of work: every frame, and the smoothness of the inner ones

    def from_piece(first: int) -> OnProgress:
        return lambda done, total, picture: on_progress(first + done, pieces, picture)

    after = handle_distance(original, edited, tracks, model, settings, from_piece(0))
    outside = ~tracks.edit_mask
    by = flow.finest(model.device)
    worse = metrics.worse_bend(edited.frames, original.frames, by, from_piece(len(original)))
    bends = [math.nan, *map(metrics.mean_bend, worse), math.nan][: len(edited)]  # the first and the last frame have none
    return {
        "mean_distance": Score(
            after.mean().item(),
            "px",
            "lower",
            "handles to targets after the edit, found by DIFT; 0 is perfect",
            tuple(after.mean(1).tolist()),
        ),
        "distance_spread": Score(after.mean(1).std(correction=0).item(), "px", "lower", "of the mean distance over frames"),
        "outside_psnr": Score(
            metrics.psnr(edited.frames, original.frames, outside),
            "dB",
            "higher",
            "outside the mask, to the original; 100 is untouched",
        ),
        "smoothness": Score(
            metrics.mean_bend(worse),
            "px",
            "lower",
            f"bend of motion where the edit made it worse (Appendix A), by {by.name} flow",
            tuple(bends),
        ),
    }


def verdict(scores: Scores, tracks: PointTracks) -> str:
    """How well the edit went by its scores, and what to try next: two or three sentences."""
    drags = (tracks.targets - tracks.handles).norm(dim=-1).mean((0, 2))  # (J,)
    drag = float(drags[drags > 0].mean()) if (drags > 0).any() else 0.0
    distance, outside, bend = (scores[name] for name in ("mean_distance", "outside_psnr", "smoothness"))
    arrived = distance.value <= max(NEAR * drag, LEAST_LEFT)
    if drag == 0:
        said = "Only pins: nothing was to move."
    elif arrived:
        said = f"The handles are at their targets: {distance.value:.1f} px left of {drag:.1f} px."
    else:
        said = f"The handles are not at their targets: {distance.value:.1f} px left of {drag:.1f} px."
    tries = []
    worst = max(range(len(distance.per_frame)), key=distance.per_frame.__getitem__) if distance.per_frame else 0
    if distance.per_frame and distance.per_frame[worst] > STANDS_OUT * distance.value + LEAST_LEFT:
        tries.append(f"Look at frame {worst + 1} on Propagate Points: the handle may be off there.")
    if not arrived and drag > 0:
        tries.append("Try Displace's displacement wired into Drag, more iterations, or a shorter arrow.")
    if outside.value < CHANGED_DB:
        tries.append(f"The picture changed outside the mask ({outside.value:.0f} dB): switch 'lock' on.")
    if bend.value > FLICKERS:
        tries.append(f"The motion flickers ({bend.value:.1f} px): switch 'smoothing' on in Decode Edit, or raise 'reach' in Drag.")
    return " ".join([said, *(tries or ["Nothing stands out in the numbers: judge the picture by eye."])])


def plot_smoothness(scores: Scores) -> Tensor:
    """The smoothness of each frame, (3, H, W): where it stands out, look at that frame."""
    bends = scores["smoothness"].per_frame
    return draw_plot("Smoothness of each frame (Appendix A)", {"smoothness": bends}, "frame", "px, lower is better", first=1)


def plot_drag(original: VideoClip, tracks: PointTracks, edit: DragResult) -> tuple[Tensor, Tensor]:
    """How the edit was found: the handles' paths over the first frame, and their mean distance to the targets per
    iteration, a line per pair; (3, H, W) each. UserError when edit and tracks do not belong together."""
    if edit.handle_path.shape[1:] != tracks.handles.shape:
        raise UserError(
            f"the edit has handles of the shape {tuple(edit.handle_path.shape[1:])}, the tracks {tuple(tracks.handles.shape)}: "
            "expected the same frames, pairs and points. Wire the tracks that went into this Drag."
        )
    middle = tracks.handles.shape[2] // 2
    paths = draw_paths(original.frames[0], edit.handle_path[:, 0, :, middle], tracks.targets[0, :, middle])
    left = (edit.handle_path - tracks.targets).norm(dim=-1)  # (K + 1, N, J, S)
    seen = tracks.visible.float()
    mean = (left * seen).sum((1, 3)) / seen.sum((0, 2)).clamp(min=1)  # (K + 1, J)
    lines = {f"pair {j + 1}": mean[:, j].tolist() for j in range(mean.shape[1])}
    return paths, draw_plot("From handles to targets, as tracked", lines, "iteration", "px, mean over frames")


def handle_distance(
    original: VideoClip,
    edited: VideoClip,
    tracks: PointTracks,
    model: DragModel,
    settings: EvaluateSettings,
    on_progress: OnProgress,
) -> Tensor:
    """Distance (N, J) in px from where each handle is found in the edited frames to its target.

    The middle of each set is described in the original frame and looked for in the edited one, no further from the target
    than twice the drag.
    """
    recipe, middle = dift.RECIPES[settings.recipe], tracks.handles.shape[2] // 2
    rows = []
    chunks = batches.Chunks(model, memory.cells_of(model, original.size), len(original), settings.chunk)

    def described(part: slice) -> list[Tensor]:
        return [_described(clip.frames[part], model, settings, recipe) for clip in (original, edited)]

    for part, (before, after) in chunks.map(described):
        for i, (source, changed) in enumerate(zip(before, after, strict=True), start=part.start):
            handles, targets = tracks.handles[i, :, middle], tracks.targets[i, :, middle]
            reach = float(2 * (targets - handles).abs().amax() + 2 * model.pixels_per_cell)
            wanted = dift.sample(source, handles, original.size)
            matched, _ = dift.match(wanted, changed, original.size, around=targets, window=reach)
            rows.append((matched - targets).norm(dim=-1))
        on_progress(part.stop, len(original), None)
    return torch.stack(rows)


def _described(frames: Tensor, model: DragModel, settings: EvaluateSettings, recipe: dift.Recipe) -> Tensor:
    with torch.no_grad():
        latents = model.vae.encode(frames.to(model.device)).float()
    generator = torch.Generator().manual_seed(settings.seed)
    return dift.describe(model, latents, recipe, settings.ensemble, generator).cpu()
