"""A device that is none: tensors report that they lie on it, hold real numbers on the CPU, and every crossing is counted.

    with pretend_device() as crossings:
        model = on_device(tiny_model())
        drag(inversion, tracks, model)    # raises where an operation mixes devices
    crossings.copies, crossings.syncs     # and `crossings.places`: how often which line of the pack did it

It is as strict as real ones: no float64 (Apple's), no gradient of border padding (Apple's), no CPU tensor beside one of the
device but numbers and indices (CUDA's). It takes the name "meta", the one device that torch's autograd knows without hardware.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from dragvideo_core.types import DragModel

DEVICE = torch.device("meta")
PACK = str(Path(__file__).resolve().parents[1] / "dragvideo_core")
aten = torch.ops.aten
COPIES = {aten._to_copy.default, aten.copy_.default}  # may go from device to device
TAKE_CPU_INDICES = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}
WAIT = {  # the CPU waits for what they say, or for how much of it there is
    *(aten._local_scalar_dense.default, aten.equal.default, aten.is_nonzero.default, aten.nonzero.default),
    *(aten.masked_select.default, aten.unique_consecutive.default, aten._unique2.default, aten.unique_dim.default),
}


@dataclasses.dataclass
class Crossings:
    """How often the device was reached from the CPU."""

    copies: int = 0  # of tensors, to the device or from it
    syncs: int = 0  # times the CPU waits: copies that are not asked to be `non_blocking`, and questions that Python asks
    places: Counter[str] = dataclasses.field(default_factory=Counter)  # what crossed, and the pack's line

    def note(self, what: str, is_copy: bool, waits: bool) -> None:
        self.copies += is_copy
        self.syncs += waits
        frame = sys._getframe(2)
        while frame.f_back is not None and not frame.f_code.co_filename.startswith(PACK):
            frame = frame.f_back
        self.places[f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {what}"] += 1


class OnDevice(Tensor):
    """A tensor that reports the pretended device; `held` has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnDevice:
        if held.dtype == torch.float64:
            raise TypeError("the pretended device has no float64 (as Apple's): make it on the CPU")
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype, "device": DEVICE}
        made = Tensor._make_wrapper_subclass(cls, held.shape, **layout)
        made.held = held
        return made

    def __repr__(self) -> str:
        return f"OnDevice({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _call(func, args, kwargs or {}, Crossings())  # nobody counts


def _call(func: Any, args: tuple, kwargs: dict, crossings: Crossings) -> Any:
    given: list[Tensor] = []
    _each((args, kwargs), given.append)
    owners = {id(tensor.held): tensor for tensor in given if isinstance(tensor, OnDevice)}
    device = kwargs.get("device")
    is_there = bool(owners) if device is None else torch.device(device).type == DEVICE.type
    if func in COPIES:
        comes_from = isinstance(given[-1], OnDevice)
        is_there = is_there if func is aten._to_copy.default else isinstance(given[0], OnDevice)
        if comes_from != is_there:
            blocks = not (kwargs.get("non_blocking") or (func is aten.copy_.default and args[2:] == (True,)))
            crossings.note("copied to the device" if is_there else "copied from the device", True, blocks)
    elif owners:
        _refuse_mixed(func, args, given, crossings)
        if func in WAIT or (func is aten.index.Tensor and any(tensor.dtype == torch.bool for tensor in given[1:])):
            crossings.note(f"waits for {func}", False, True)
        if func is aten.grid_sampler_2d_backward.default and args[4] == 1:
            raise NotImplementedError("the pretended device has no gradient of border padding (as Apple's)")
    kwargs = kwargs if device is None else kwargs | {"device": torch.device("cpu")}
    result = func(*_each(args, _held), **_each(kwargs, _held))

    def wrapped(value: Tensor) -> Tensor:
        owner = owners.get(id(value))  # what was changed in place stays itself
        return (OnDevice(value) if is_there else value) if owner is None else owner

    return _each(result, wrapped)


def _each(values: Any, change: Callable[[Tensor], Any]) -> Any:
    """The same values, with `change` of each tensor in its place."""
    if isinstance(values, Tensor):
        return change(values)
    if isinstance(values, (list, tuple)):
        return type(values)(_each(value, change) for value in values)
    return {name: _each(value, change) for name, value in values.items()} if isinstance(values, dict) else values


def _held(value: Tensor) -> Tensor:
    return value.held if isinstance(value, OnDevice) else value


def _refuse_mixed(func: Any, args: tuple, given: list[Tensor], crossings: Crossings) -> None:
    for tensor in given:
        if isinstance(tensor, OnDevice) or (tensor.ndim == 0 and torch.Tag.pointwise in func.tags):
            continue
        if func not in TAKE_CPU_INDICES or tensor is args[0] or tensor.dtype not in (torch.int64, torch.bool):
            raise RuntimeError(f"{func} mixes devices: a CPU tensor of shape {tuple(tensor.shape)} beside one of the device")
        crossings.note("an index copied to the device", True, True)


class _Operations(TorchDispatchMode):
    def __init__(self, crossings: Crossings):
        super().__init__()
        self.crossings = crossings

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _call(func, args, kwargs or {}, self.crossings)


class _Python(TorchFunctionMode):
    """What torch does below all operations: numbers that become tensors, and tensors that become numbers."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], OnDevice):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            index = tuple(torch.tensor(part) if isinstance(part, list) else part for part in index)
            return func(args[0], index, *args[2:])
        if func is Tensor.tolist and isinstance(args[0], OnDevice):
            return args[0].cpu().tolist()
        if func is Tensor.numpy and isinstance(args[0], OnDevice):
            raise TypeError("the numbers lie on the pretended device: take them to the CPU first")
        return func(*args, **kwargs)


@contextmanager
def pretend_device() -> Iterator[Crossings]:
    """Inside, "meta" is a device with numbers on it."""
    crossings = Crossings()
    with _Python(), _Operations(crossings):
        yield crossings


def on_device(model: DragModel) -> DragModel:
    """The model with its denoiser there. Call it inside `pretend_device`."""
    return dataclasses.replace(model, denoiser=model.denoiser.to(DEVICE))
