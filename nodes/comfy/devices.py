"""The devices of this machine beside ComfyUI's own, and a stage that is shared with them."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import comfy.model_management
import torch

from ...dragvideo_core.group import ALONE, Group
from ...dragvideo_core.types import DragModel, UserError
from ...dragvideo_core.warning import warn
from . import memory
from .sd_model import ComfyCodec

VARIABLE = "DRAG_A_VIDEO_DEVICES"  # of the environment: names of devices with commas between, in the place of the other cards
SHARED = ("propagate", "tune", "invert", "drag", "decode")  # stages
NOT_HANDED_OVER = ("on_progress", "group")  # of their inputs


def others() -> list[torch.device]:
    """The devices that can work beside ComfyUI's own: the other cards, or those that the environment names. UserError for names of
    none."""
    named = os.environ.get(VARIABLE, "")
    if named.strip():
        try:
            return [torch.device(name.strip()) for name in named.split(",")]
        except RuntimeError as error:
            raise UserError(
                f"{VARIABLE} must be devices with commas between, like cuda:1, cuda:2: got {named[:100]!r}. Correct it."
            ) from error
    own = memory.compute_device()
    if own.type != "cuda":
        return []
    index = torch.cuda.current_device() if own.index is None else own.index
    return [torch.device("cuda", number) for number in range(torch.cuda.device_count()) if number != index]


@contextmanager
def group_for(stage: Callable[..., Any], inputs: tuple, more: dict[str, Any]) -> Iterator[Group]:
    """Inside: the group that makes the call of the stage, if its model is to work on all devices and there are others."""
    given = inspect.signature(stage).bind(*inputs, **more).arguments if stage.__name__ in SHARED else {}
    is_wanted = any(isinstance(value, DragModel) and value.on_all_devices for value in given.values())
    if stage.__name__ == "propagate":  # the other trackers ask the model now and then, or never: no worker is worth its start
        is_wanted &= given["settings"].tracker == "dift"
    devices = others() if is_wanted else []
    if devices and not torch.distributed.is_available():
        warn("this torch is built without torch.distributed, so one device does all the work.")
        devices = []
    if not devices:
        yield ALONE
        return
    from ...dragvideo_core.workers.handover import STAGES
    from ...dragvideo_core.workers.start import workers

    taken = inspect.signature(STAGES[stage.__name__]).parameters.keys() - {*NOT_HANDED_OVER}
    handed = {name: _portable(value) for name, value in given.items() if name in taken}
    waiting = comfy.model_management.throw_exception_if_processing_interrupted
    with workers(stage.__name__, handed, devices, waiting) as group:
        yield group


def _portable(value: Any) -> Any:
    """An input as it can be handed to another process, where ComfyUI is not."""
    if isinstance(value, DragModel) and isinstance(value.vae, ComfyCodec):
        return dataclasses.replace(value, vae=value.vae.portable())
    return value
