"""The templates: what the features one step ahead of each handle are drawn to (Eq. 3, footnote 2).

A template is the mean over the frames that show the point. Frames take turns, so the mean is kept as one sum for each turn:
those of the frames that wait are what they were when it was last their turn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import supervision


class Templates:
    """One template per step and point, float32 on the model's device."""

    def __init__(self, patch_sums: dict[int, Tensor], visible: Tensor):
        """patch_sums: step -> (turns, J, S, D, C), sums over the frames of each turn; visible (K, J, S)."""
        self.visible = visible
        self.patch_sums = dict(patch_sums)
        self.mean = {step: supervision.mean_of_sum(sums.sum(0), visible) for step, sums in patch_sums.items()}  # (J, S, D, C)
        pairs = visible.shape[1:]
        self.first_distance = {step: torch.zeros(pairs, device=visible.device) for step in patch_sums}  # 0: not yet measured

    def follow(self, turn: int, patches: dict[int, Tensor], distances: dict[int, Tensor], weight: Tensor) -> None:
        """Footnote 2: move the templates towards the mean of the newest patches.

        Step -> patches (J, S, D, C) and distances (J, S), summed over the frames of this turn by weight (K, J, S).
        """
        seen = weight.sum(0)
        for step, newest in patches.items():
            distance = distances[step] / seen.clamp(min=1)
            first = self.first_distance[step]
            self.first_distance[step] = torch.where(first > 0, first, distance)
            share = supervision.average_share(distance, self.first_distance[step]) * (seen > 0)
            sums = self.patch_sums[step].clone()
            sums[turn] = newest
            self.patch_sums[step] = sums
            mean = supervision.mean_of_sum(sums.sum(0), self.visible)
            self.mean[step] = supervision.moving_average(self.mean[step], mean, share)
