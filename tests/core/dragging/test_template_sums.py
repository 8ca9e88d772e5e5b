"""Sums that are told in few bytes are the sums."""

from __future__ import annotations

import pytest
import torch
from pretend_device import DEVICE, pretend_device

from dragvideo_core.dragging.template_sums import TemplateSums
from dragvideo_core.group import LARGEST_SMALL, Group

STEPS, SHAPE = (12, 11), (2, 9, 9, 32)


class Pretended(Group):
    """Two ranks in one process: the other one's sums are known."""

    def __init__(self, others: list[torch.Tensor]):
        self.size, self.others, self.small, self.told = 2, others, 0, None

    def sum(self, tensors):
        other = self.others.pop(0)
        self.told = other.clone()
        return [tensors[0] + other]

    def largest(self, numbers):
        self.change = self.others.pop(0) - self.told
        return torch.maximum(numbers, self.change.abs().amax((-2, -1), keepdim=True))

    def sum_small(self, numbers):
        assert torch.equal(numbers, numbers.round()) and numbers.abs().max() <= LARGEST_SMALL // 2
        self.small += 1
        return numbers + numbers  # the other one changes alike: see the test


def changing(iterations: int, seed: int = 0) -> list[torch.Tensor]:
    """Sums that change a little in each iteration, and less and less."""
    generator = torch.Generator().manual_seed(seed)
    now, made = torch.randn(len(STEPS), *SHAPE, generator=generator) * 5, []
    for i in range(iterations):
        made.append(now)
        now = now + torch.randn(now.shape, generator=generator) * 0.5 / (i + 1)
    return made


def test_told_sums_are_near_the_true_ones_however_often_they_change():
    own = changing(40)
    group = Pretended([one.clone() for one in own])
    sums = TemplateSums(group)
    for iteration, now in enumerate(own):
        made = sums.of_all(0, dict(zip(STEPS, now, strict=True)))
        wanted = 2 * now
        assert list(made) == list(STEPS)
        error = (torch.stack(list(made.values())) - wanted).abs().max() / wanted.abs().max()
        assert error <= 1e-5, iteration
        group.told = sums._told[0].clone()
    assert group.small == 39


def test_turns_are_told_by_themselves_and_what_is_no_number_is_not_remembered():
    now = changing(1)[0]
    broken = now.clone()
    broken[0, 0, 0, 0, 0] = torch.nan
    group = Pretended([now.clone() for _ in range(4)])
    sums = TemplateSums(group)
    given = dict(zip(STEPS, now, strict=True))
    assert not torch.isfinite(sums.of_all(0, dict(zip(STEPS, broken, strict=True)))[12]).all()
    torch.testing.assert_close(sums.of_all(0, given)[11], 2 * now[1])
    torch.testing.assert_close(sums.of_all(1, given)[11], 2 * now[1])
    assert group.small == 0
    assert not torch.isfinite(sums.of_all(0, dict(zip(STEPS, broken, strict=True)))[12]).any()
    torch.testing.assert_close(sums._told[0], now)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_of_half_precision_on_a_device_are_told_in_float32_and_go_back_there(dtype):
    own = [one.to(dtype) for one in changing(3)]
    group = Pretended([one.float() for one in own])
    sums = TemplateSums(group)
    with pretend_device():
        for now in own:
            made = sums.of_all(0, {step: one.to(DEVICE) for step, one in zip(STEPS, now, strict=True)})
            assert all(one.device == DEVICE and one.dtype == torch.float32 for one in made.values())
            torch.testing.assert_close(torch.stack([one.cpu() for one in made.values()]), 2 * now.float(), rtol=0, atol=1e-3)
            group.told = sums._told[0].clone()


@pytest.mark.parametrize("own", [{12: torch.ones(2)}, {}])
def test_one_process_tells_nobody(own):
    assert TemplateSums(Group()).of_all(0, own) is own
