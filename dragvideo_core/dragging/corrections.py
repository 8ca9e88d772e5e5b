"""What Adam changes: a correction for each key frame and step (Sec. 3.3), and what is done where a gradient is no number."""

from __future__ import annotations

import torch
from torch import Tensor

from ..types import UserError
from ..warning import warn

MOST_SKIPPED = 3  # steps whose gradient is no number, until the work is given up


class Corrections:
    """Corrections (k, 4, h, w) per step of the key frames that are held, float32 on the model's device, and Adam's memory."""

    def __init__(self, like: dict[int, Tensor], learning_rate: float):
        """like: step -> a tensor of the correction's shape."""
        self.values = {step: torch.zeros_like(z_t).requires_grad_() for step, z_t in like.items()}
        self.before = dict(self.values)  # the last step of Adam
        self.optimiser = torch.optim.Adam(list(self.values.values()), lr=learning_rate)
        self.skipped = 0

    @property
    def learning_rate(self) -> float:
        """Adam's, of now."""
        return self.optimiser.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.optimiser.param_groups[0]["lr"] = rate

    def step(self, changes: dict[int, Tensor], gradients: dict[int, Tensor]) -> None:
        """One step of Adam. changes: step -> what the worked-on frames are changed by, made of `values`; their gradients."""
        self.before = {step: own.detach().clone() for step, own in self.values.items()}
        for step, own in self.values.items():
            own.grad = torch.autograd.grad(changes[step], own, gradients[step])[0]
        self.optimiser.step()

    def skip(self, iteration: int) -> None:
        """A gradient is no number: half of the step before is taken back, and those to come are half as large.

        UserError when it happens again and again.
        """
        self.skipped += 1
        if self.skipped == MOST_SKIPPED:
            raise UserError(
                f"the gradient was not finite {MOST_SKIPPED} times: expected numbers. Lower 'learning_rate', or choose "
                "'precision' float32 on the Stable Diffusion Model node."
            )
        self.learning_rate /= 2
        for step, own in self.values.items():
            own.detach().lerp_(self.before[step], 0.5)
        warn(
            f"a gradient was not finite in iteration {iteration}: the step is skipped and the learning rate halved to "
            f"{self.learning_rate:g}.",
        )
