"""Run a stage of the core inside ComfyUI: where gradients are possible, with progress, previews and the cancel button.

ComfyUI runs every prompt inside `torch.inference_mode()`. Tensors made there can never be saved for backward, not even
after the mode is left; so `run` leaves it for the stage, and hands the stage copies of what was made inside.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy_execution.utils import get_executing_context
from torch import Tensor, nn

from ...dragvideo_core.group import ALONE
from ...dragvideo_core.media.drawing import to_pil
from . import devices, memory, messages
from .time_left import TimeLeft

PREVIEW_SECONDS = 1.0  # previews at most this often
PREVIEW_SIDE = 512  # px


def run(stage: Callable[..., Any], *inputs: Any, **more: Any) -> Any:
    """Call a stage where gradients are possible. Whatever the call raises, torch's modes are as before afterwards.

    A model among the inputs is brought to the device first; what the stage needs of a large one is written on the node. Where it is
    to work on all devices, the stage is shared with workers on the others.
    """
    with torch.inference_mode(False), torch.enable_grad():
        needed = memory.make_room(stage, inputs)
        if needed:
            logging.info("Drag-A-Video: %s %s", stage.__name__, needed)
            context = get_executing_context()
            messages.write_on_node(needed, context.node_id if context is not None else None)
        given, named = tuple(map(normal, inputs)), {name: normal(value) for name, value in more.items()}
        with memory.at_work(stage, inputs), devices.group_for(stage, given, named) as group:
            result = stage(*given, **named) if group is ALONE else stage(*given, **named, group=group)
    for value in (*inputs, *more.values()):
        if isinstance(value, Progress):
            value.finish()
    return result


def normal(value: Any) -> Any:
    """The same value without inference tensors: those, and modules that hold some, are copied; the rest is shared.

    Call it outside inference mode. Looks into tensors, modules, dataclasses, dicts, lists and tuples.
    """
    if isinstance(value, Tensor):
        return value.clone() if value.is_inference() else value
    if isinstance(value, nn.Module):
        held = itertools.chain(value.parameters(), value.buffers())
        return copy.deepcopy(value) if any(tensor.is_inference() for tensor in held) else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        copies = {name: normal(part) for name, part in parts.items()}
        same = all(copies[name] is part for name, part in parts.items())
        return value if same else dataclasses.replace(value, **copies)
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(normal(item) for item in value)
    return value


class Progress:
    """What the stages call `on_progress`: the node's bar, a preview about once a second, and the cancel button."""

    def __init__(self, pictures: bool = True, show: Callable[[Tensor], None] | None = None) -> None:
        """`pictures`: off for nodes that have a player of their own: Nodes 2.0 keeps the last preview beside it. `show`: shows a
        picture (3, H, W) otherwise than as a preview."""
        self.pictures, self.show = pictures, show
        self.bar = comfy.utils.ProgressBar(1)
        self.last_preview = -PREVIEW_SECONDS  # when it was, s
        self.time_left = TimeLeft()
        context = get_executing_context()
        self.node_id = None if context is None else context.node_id

    def __call__(self, done: int, total: int, picture: Callable[[], Tensor] | None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        preview = None
        if self.pictures and picture is not None and time.monotonic() - self.last_preview >= PREVIEW_SECONDS:
            if self.show is not None:
                self.show(picture())
            else:
                preview = ("JPEG", to_pil(picture()), PREVIEW_SIDE)
            self.last_preview = time.monotonic()
        self.bar.update_absolute(done, total, preview)
        text = self.time_left.after(done, total, time.monotonic())
        if text is not None:
            messages.write_below_warnings(text, self.node_id)

    def expect(self, seconds: float, may_end_early: bool = False) -> None:
        """Say before the stage begins about how long it will take, at most where it may end early."""
        text = self.time_left.expect(seconds, time.monotonic(), may_end_early)
        if text is not None:
            messages.write_below_warnings(text, self.node_id)

    def finish(self, picture: Tensor | None = None) -> None:
        """The stage is done, at its last step or earlier: the bar is full, and `picture` (3, H, W) stays as the preview."""
        text = self.time_left.at_the_end(time.monotonic())
        if text is not None:
            messages.write_below_warnings(text, self.node_id)
        preview = None if picture is None else ("JPEG", to_pil(picture), PREVIEW_SIDE)
        self.bar.update_absolute(self.bar.total, self.bar.total, preview)


def progress(pictures: bool = True, show: Callable[[Tensor], None] | None = None) -> Progress:
    """An `on_progress` for the node that runs now."""
    return Progress(pictures, show)
