"""Laws of the pretended device: as strict as real ones, the CPU's numbers, and no crossing that is not counted."""

import pytest
import torch
from pretend_device import DEVICE, OnDevice, pretend_device
from torch.nn import functional


def test_what_is_on_it_says_so_and_has_the_cpus_numbers():
    with pretend_device():
        there = torch.arange(6.0, device=DEVICE).view(2, 3)
        assert there.device == DEVICE and type(there) is OnDevice and (there + 1).device == DEVICE
        assert torch.zeros_like(there).device == DEVICE and there.new_ones(2).device == DEVICE
        assert torch.tensor([1, 2], device=DEVICE).cpu().tolist() == [1, 2] and torch.zeros(2).device.type == "cpu"
        assert there[:, [2, 0]].tolist() == [[2, 0], [5, 3]]
        there[0, 1:] += 10
        assert there.cpu().tolist() == [[0, 11, 12], [3, 4, 5]]


def test_a_gradient_flows_there_and_back():
    weight = torch.ones(3, requires_grad=True)
    with pretend_device():
        loss = (weight.to(DEVICE) * torch.arange(3.0, device=DEVICE)).square().sum()
        (gradient,) = torch.autograd.grad(loss, weight)
    assert gradient.device.type == "cpu" and gradient.tolist() == [0, 2, 8]


@pytest.mark.parametrize(
    "mix",
    [
        lambda there, cpu: there + cpu,
        lambda there, cpu: torch.cat([there, cpu]),
        lambda there, cpu: there @ cpu.T,
        lambda there, cpu: torch.where(there > 0, cpu, there),
        lambda there, cpu: functional.grid_sample(there[None, None], cpu[None, None, :, :2], align_corners=False),
        lambda there, cpu: there.add_(cpu),
        lambda there, cpu: cpu.add_(there),
        lambda there, cpu: cpu[there.long()[0]],
    ],
)
def test_an_operation_that_mixes_devices_is_refused(mix):
    with pretend_device():
        there, cpu = torch.ones(2, 3, device=DEVICE), torch.ones(2, 3)
        assert mix(there, there) is not None
        with pytest.raises(RuntimeError, match=r"mixes devices: a CPU tensor of shape \(2, 3\)|mixes devices"):
            mix(there, cpu)


def test_numbers_go_with_everything_and_do_not_cross():
    with pretend_device() as crossings:
        there = torch.ones(2, 3, device=DEVICE)
        assert (there * 2 + torch.tensor(3.0)).device == DEVICE
        assert crossings.copies == crossings.syncs == 0


@pytest.mark.parametrize(
    "cross, copies, syncs",
    [
        (lambda there, cpu: cpu.to(DEVICE), 1, 1),
        (lambda there, cpu: cpu.to(DEVICE, non_blocking=True), 1, 0),
        (lambda there, cpu: there.copy_(cpu), 1, 1),
        (lambda there, cpu: there.copy_(cpu, non_blocking=True), 1, 0),
        (lambda there, cpu: torch.tensor([1.0], device=DEVICE), 1, 1),
        (lambda there, cpu: there[torch.tensor([0, 1])], 1, 1),
        (lambda there, cpu: there[[0, 1]], 1, 1),
        (lambda there, cpu: there.cpu(), 1, 1),
        (lambda there, cpu: cpu.copy_(there), 1, 1),
        (lambda there, cpu: there.tolist(), 1, 1),
        (lambda there, cpu: float(there[0, 0]), 0, 1),
        (lambda there, cpu: bool(there.any()), 0, 1),
        (lambda there, cpu: there[there > 0], 0, 1),
        (lambda there, cpu: torch.equal(there, there), 0, 1),
        (lambda there, cpu: there.to(torch.float16), 0, 0),
        (lambda there, cpu: there.to(DEVICE), 0, 0),
        (lambda there, cpu: cpu.to(torch.float64).cpu(), 0, 0),
    ],
)
def test_every_crossing_is_counted(cross, copies, syncs):
    with pretend_device() as crossings:
        there, cpu = torch.ones(2, 3, device=DEVICE), torch.ones(2, 3)
        cross(there, cpu)
        assert (crossings.copies, crossings.syncs) == (copies, syncs)
        assert sum(crossings.places.values()) == max(copies, syncs)


def test_what_apples_devices_do_not_have_is_refused():
    with pretend_device():
        with pytest.raises(TypeError, match="float64"):
            torch.ones(2, device=DEVICE).double()
        with pytest.raises(TypeError, match="float64"):
            torch.ones(2, dtype=torch.float64).to(DEVICE)
        picture = torch.ones(1, 1, 4, 4, device=DEVICE, requires_grad=True)
        grid = torch.zeros(1, 1, 3, 2, device=DEVICE)
        functional.grid_sample(picture, grid, align_corners=False).sum().backward()
        with pytest.raises(NotImplementedError, match="border"):
            functional.grid_sample(picture, grid, padding_mode="border", align_corners=False).sum().backward()
        with pytest.raises(TypeError, match="CPU"):
            grid.numpy()
