"""Pieces of work that a group shares: each is done by one process, and by several; `run` starts these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import torch
from processes import start
from torch import Tensor, distributed

from dragvideo_core.group import LARGEST_SMALL, Group, joined
from dragvideo_core.points.sampling import mask_to_cells
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import Displacement, DragResult, Inversion, PointTracks, VideoClip

from .tiny import tiny_clip, tiny_model, tiny_picks, tiny_tracks

# One frame at a time: batches of other sizes round differently, and Adam makes a step of the size of a rounding error where a
# gradient is one.
COLD = DragSettings(steps=(12, 11), iterations=3, learning_rate=0.05, warm_start=False, chunk=1)
Results = dict[str, Tensor]
model = cache(tiny_model)


@cache
def clip(frames: int) -> VideoClip:
    return tiny_clip(frames)


@cache
def inversion(frames: int) -> Inversion:
    return invert(clip(frames), model(), InvertSettings(until=12, stride=4, chunk=1))


@cache
def tracks(frames: int) -> PointTracks:
    """One of the points is hidden in a frame, and the mask is another one in each."""
    plain = tiny_tracks(frames)
    visible, mask = plain.visible.clone(), plain.edit_mask.clone()
    visible[frames // 2, 0, 3] = False
    for frame in range(frames):
        mask[frame, :, : 4 * frame] = False
    return replace(plain, visible=visible, edit_mask=mask)


@cache
def displaced(frames: int) -> Displacement:
    return displace(clip(frames), replace(tracks(frames), layer=tracks(frames).edit_mask.float()))


@cache
def edit(frames: int) -> DragResult:
    """One that changes something everywhere in the mask."""
    generator = torch.Generator().manual_seed(0)
    mask = mask_to_cells(tracks(frames).edit_mask, (16, 16))
    offsets = {step: 0.3 * mask * torch.randn(frames, 4, 16, 16, generator=generator) for step in (12, 11)}
    return replace(drag(inversion(frames), tracks(frames), model(), replace(COLD, iterations=0)), offsets=offsets)


def dragged(result: DragResult) -> Results:
    return {
        **{f"offset {step}": offset for step, offset in result.offsets.items()},
        "handles": result.handle_path,
        "losses": result.losses,
        "arrived": result.arrived.float(),
    }


def drags(frames: int, settings: DragSettings, group: Group, again: bool = False, with_displaced: bool = False) -> Results:
    given = displaced(frames) if with_displaced else None
    start = edit(frames) if again else None
    return dragged(drag(inversion(frames), tracks(frames), model(), settings, start=start, displaced=given, group=group))


def decodes(frames: int, settings: DecodeSettings, group: Group, with_displaced: bool = False) -> Results:
    given = displaced(frames) if with_displaced else None
    made, latents = decode(
        clip(frames), inversion(frames), edit(frames), tracks(frames), model(), settings, displaced=given, group=group
    )
    return {"frames": made.frames, "latents": latents}


def inverts(frames: int, group: Group, chunk: int = 1) -> Results:
    made = invert(clip(frames), model(), InvertSettings(until=5, stride=2, chunk=chunk), group=group)
    return {"latents": made.latents, "timesteps": made.timesteps.float()}


def propagates(frames: int, group: Group, tracker: str = "dift", picked: int = 0) -> Results:
    settings = PropagateSettings(tracker=tracker, ensemble=2, chunk=1)
    followed = propagate(clip(frames), tiny_picks(frame=picked), segment(), model(), settings, group=group)
    return {"handles": followed.handles, "visible": followed.visible.float(), "mask": followed.edit_mask.float()}


def tunes(frames: int, group: Group, chunk: int = 1, batch: int = 3) -> Results:
    free = 0 if chunk == 1 else 1 << 40  # bytes: as many frames as there are
    with patch("dragvideo_core.diffusion.memory.free_bytes", lambda device: free):
        tuned = tune(clip(frames), model(), TuneSettings(rank=2, passes=4, batch=batch), group=group)
    assert tuned.lora is not None
    return {**tuned.lora, "losses": torch.tensor(tuned.lora_losses)}


FREE = replace(COLD, lock=False, mask_weight=1.0, turns=1)
WORK: dict[str, Callable[[Group], Results]] = {
    "invert": lambda group: inverts(5, group),
    "invert, fewer frames than ranks": lambda group: inverts(1, group),
    "drag": lambda group: drags(5, COLD, group),
    "drag, fewer frames than ranks": lambda group: drags(2, replace(COLD, turns=1), group),
    "drag, without reach": lambda group: drags(5, replace(COLD, reach=0.0), group),
    "drag, a wide reach": lambda group: drags(7, replace(COLD, reach=2.5, turns=3), group),
    "drag, everything free": lambda group: drags(4, FREE, group),
    "drag, key frames": lambda group: drags(7, replace(COLD, key_every=3), group),
    "drag, key frames without reach": lambda group: drags(6, replace(COLD, key_every=2, reach=0.0, turns=1), group),
    "drag, a warm start": lambda group: drags(5, replace(COLD, warm_start=True), group),
    "drag, a displacement": lambda group: drags(5, replace(COLD, warm_start=True, refine=2), group, with_displaced=True),
    "drag, one frame with a displacement": lambda group: drags(1, replace(COLD, warm_start=True, refine=2), group, False, True),
    "drag, another round": lambda group: drags(5, COLD, group, again=True),
    "decode": lambda group: decodes(5, DecodeSettings(stride=4, chunk=1), group),
    "decode, fewer frames than ranks": lambda group: decodes(1, DecodeSettings(stride=4, chunk=1), group),
    "decode, first frame": lambda group: decodes(5, DecodeSettings("first_frame", stride=4, chunk=1), group),
    "decode, all frames": lambda group: decodes(4, DecodeSettings("all_frames", stride=4, chunk=1), group),
    "decode, smoothed": lambda group: decodes(5, DecodeSettings("off", smoothing=True, stride=4, chunk=1), group),
    "decode, a displacement": lambda group: decodes(5, DecodeSettings(stride=4, chunk=1), group, with_displaced=True),
    "propagate": lambda group: propagates(4, group),
    "propagate, fewer frames than ranks": lambda group: propagates(1, group),
    "propagate, the surer of two": lambda group: propagates(5, group, "auto", picked=2),
    "tune": lambda group: tunes(4, group),
}


def run(size: int, work: Callable[[Group, Path], None], folder: Path) -> None:
    """Do a piece of work, a function of a module, in `size` processes of one thread each."""
    start(_rank, (size, work, folder), size)


def _rank(rank: int, size: int, work: Callable[[Group, Path], None], folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder / 'meeting'}", rank=rank, world_size=size)
    work(joined(), folder)
    distributed.destroy_process_group()


def small_numbers(rank: int, size: int) -> Tensor:
    """What a rank adds: the most that it may, and others; an odd number of them."""
    most = LARGEST_SMALL // size
    others = torch.randint(-100, 100, (5,), generator=torch.Generator().manual_seed(rank))
    return torch.cat([torch.tensor([most, -most]), others])


def all_work(group: Group, folder: Path) -> None:
    """All of `WORK`, the results of each rank in a file of its own."""
    own = small_numbers(group.rank, group.size)
    added = {"sums": group.sum_small(own), "largest": group.largest(own.float())}
    torch.save({"small numbers": added, **{name: work(group) for name, work in WORK.items()}}, folder / f"{group.rank}.pt")
