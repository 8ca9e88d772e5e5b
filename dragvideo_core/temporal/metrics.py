"""Measures of an edit: picture fidelity, and the temporal smoothness of Appendix A."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor

from ..points import flow
from ..points.sampling import cell_centres
from ..types import OnProgress, ignore_progress, size_of


def psnr(made: Tensor, wanted: Tensor, where: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB of pictures (N, 3, H, W) in [0, 1], over the pixels `where` (N, 1, H, W) is True.

    100 dB at most (equal pictures); NaN when there is no pixel to compare.
    """
    error = (made - wanted).square().mean(1, keepdim=True)
    error = error if where is None else error[where]
    if error.numel() == 0:
        return math.nan
    return min(100.0, -10 * math.log10(max(error.mean().item(), 1e-10)))


def bend_of_motion(frames: Tensor, i: int, by: flow.Flow = flow.DIS) -> Tensor:
    """Appendix A: how far each pixel of frame i of (N, 3, H, W), neither the first nor the last, strays from straight
    motion: (H, W) in pixels.

    The flows from the frame to its two neighbours say where a pixel was and will be; the measure is its distance to the
    line segment between these two places.
    """
    size = size_of(frames)
    centres = cell_centres(size, size)
    before = centres + rearrange(by.between(frames[i], frames[i - 1]), "xy h w -> h w xy")
    after = centres + rearrange(by.between(frames[i], frames[i + 1]), "xy h w -> h w xy")
    return _distance_to_segment(centres, before, after)


def smoothness(edited: Tensor, original: Tensor) -> float:
    """Appendix A: mean bend of motion over the pixels where the edited clip (N, 3, H, W) bends more than the original.

    Pixels; lower is smoother; 0 when nowhere worse; NaN for fewer than three frames. By the flow `flow.name()`.
    """
    return mean_bend(worse_bend(edited, original, flow.finest()))


def worse_bend(edited: Tensor, original: Tensor, by: flow.Flow, on_progress: OnProgress = ignore_progress) -> Tensor:
    """Bend of motion of the edited clip's inner frames (N - 2, H, W), NaN where the original's is no smaller."""
    worse, inner = [], len(edited) - 2
    for i in range(1, inner + 1):
        bend, before = (bend_of_motion(frames, i, by) for frames in (edited, original))
        worse.append(bend.masked_fill(bend <= before, math.nan))
        on_progress(i, inner, None)
    return torch.stack(worse) if worse else torch.zeros(0, *edited.shape[-2:])


def mean_bend(worse: Tensor) -> float:
    """The mean of what `worse_bend` found, over all frames or in one: 0 when nowhere worse, NaN for no pixels at all."""
    return math.nan if worse.numel() == 0 else worse.nanmean().nan_to_num(0.0).item()


def _distance_to_segment(point: Tensor, start: Tensor, end: Tensor) -> Tensor:
    along = end - start
    share = ((point - start) * along).sum(-1) / along.square().sum(-1).clamp(min=1e-9)
    return (start + share.clamp(0, 1)[..., None] * along - point).norm(dim=-1)
