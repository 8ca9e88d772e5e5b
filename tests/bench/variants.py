"""Edits with a model, as rows of `make bench-quality`: ours, the per-frame loop, and ours with one thing changed at a time."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional

from dragvideo_core import embedded
from dragvideo_core.pipeline import Settings
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.displace import DisplaceSettings, displace
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import DragModel, DragResult, Inversion, PointTracks, VideoClip

from . import checkpoint
from .baseline import drag_per_frame
from .cases import Case
from .without_model import PROPAGATE, LayerSource, tracks_of

LARGER, PROMPT = 4, "a simple drawing"  # for a Stable Diffusion checkpoint: times as many pixels a side, and its prompt

# The settings of the demo workflow, chosen on seeds 100 to 109.
TUNE = TuneSettings(passes=60)
DRAG = DragSettings(steps=(35,), iterations=40, learning_rate=0.04, arrive=0.5, moving_average=False)
INVERT, DECODE = InvertSettings(), DecodeSettings()
PAPER_STEPS = DragSettings().steps

BASELINE = "per-frame baseline"


@dataclass(frozen=True)
class Prepared:
    """Everything that the variants of one clip share."""

    case: Case  # its pictures enlarged by `times`
    times: int
    model: DragModel
    tuned: DragModel
    tracks: Mapping[LayerSource, PointTracks]
    single: PointTracks  # with one point in the place of each set, and no layer
    inversion: Inversion  # by the tuned model, to step 42


@dataclass(frozen=True)
class Variant:
    """One way to edit a clip with a model."""

    edit: Callable[[Prepared], tuple[VideoClip, DragResult]]
    layer: LayerSource
    settings: dict[str, Any]  # for the record


@functools.lru_cache(maxsize=1)
def _from_file(path: Path) -> DragModel:
    return checkpoint.load(path, PROMPT)


def prepare(case: Case, layers: set[LayerSource], file: Path | None = None) -> Prepared:
    """layers: which of the tracks are wanted. file: a Stable Diffusion checkpoint in the place of the embedded model."""
    model = _from_file(file) if file else embedded.drag_model(case.kind)
    times = LARGER if file else 1
    larger = enlarged(case, times)
    tracks = {layer: tracks_of(larger, layer, PROPAGATE, model) for layer in {"none", *layers}}
    single = tracks_of(larger, "none", replace(PROPAGATE, set_side=1), model)
    tuned = tune(larger.clip, model, TUNE)
    return Prepared(larger, times, model, tuned, tracks, single, invert(larger.clip, tuned, INVERT))


def enlarged(case: Case, times: int) -> Case:
    """The case with `times` as many pixels a side; its picks are in px of the picture that they name, and stay."""
    if times == 1:
        return case
    layer, front = (None if matte is None else _larger(matte, times) for matte in (case.layer, case.front))
    return replace(case, clip=checkpoint.enlarged(case.clip, times), layer=layer, front=front)


def _larger(matte: Tensor, times: int) -> Tensor:
    return functional.interpolate(matte, scale_factor=times, mode="bilinear", align_corners=False)


def ours(
    settings: DragSettings = DRAG,
    decode_settings: DecodeSettings = DECODE,
    layer: LayerSource = "none",
    sets: bool = True,
    lora: bool = True,
    invert_settings: InvertSettings = INVERT,
) -> Variant:
    """This pack's edit. With a layer it starts from the layered displacement."""

    def edit(prepared: Prepared) -> tuple[VideoClip, DragResult]:
        clip, tracks = prepared.case.clip, prepared.tracks[layer] if sets else prepared.single
        model = prepared.tuned if lora else prepared.model
        is_shared = lora and invert_settings == INVERT
        inversion = prepared.inversion if is_shared else invert(clip, model, invert_settings)
        displaced = None if layer == "none" else displace(clip, tracks)
        result = drag(inversion, tracks, model, settings, displaced=displaced)
        return decode(clip, inversion, result, tracks, model, decode_settings, displaced=displaced)[0], result

    stages = {"invert": invert_settings, "drag": settings, "decode": decode_settings, **({"tune": TUNE} if lora else {})}
    if layer != "none":
        stages["displace"] = DisplaceSettings()
    said = {name: dataclasses.asdict(one) for name, one in stages.items()}
    return Variant(edit, layer, {**said, "propagate": dataclasses.asdict(PROPAGATE) | ({} if sets else {"set_side": 1})})


def in_full(settings: DragSettings) -> Variant:
    """Every frame in every iteration, and a denoiser call for every step of inversion and decoding."""
    return ours(replace(settings, turns=1), replace(DECODE, stride=1), invert_settings=replace(INVERT, stride=1))


def _per_frame(prepared: Prepared) -> tuple[VideoClip, DragResult]:
    """DragDiffusion's loop frame by frame, with the same LoRA, mask, iterations and decoding, over every step."""
    clip, tracks, model = prepared.case.clip, prepared.single, prepared.tuned
    inversion = invert(clip, model, replace(INVERT, stride=1))
    result = drag_per_frame(inversion, tracks, model, DRAG.iterations, DRAG.learning_rate, DRAG.arrive)
    return decode(clip, inversion, result, tracks, model, replace(DECODE, stride=1))[0], result


def the_paper() -> Variant:
    """The paper's own settings in every stage (`Settings.paper()`), but for the size of the mask's squares, which the case sets."""
    paper = Settings.paper()
    followed = replace(paper.propagate, mask_radius=PROPAGATE.mask_radius)

    def edit(prepared: Prepared) -> tuple[VideoClip, DragResult]:
        case, clip = prepared.case, prepared.case.clip
        tracks = tracks_of(case, "none", followed, prepared.model)
        model = tune(clip, prepared.model, paper.tune)
        inversion = invert(clip, model, paper.invert)
        result = drag(inversion, tracks, model, paper.drag)
        return decode(clip, inversion, result, tracks, model, paper.decode)[0], result

    stages = {"propagate": followed, "tune": paper.tune, "invert": paper.invert, "drag": paper.drag, "decode": paper.decode}
    return Variant(edit, "none", {name: dataclasses.asdict(one) for name, one in stages.items()})


def _said_of_baseline() -> dict[str, Any]:
    return {"iterations": DRAG.iterations, "learning_rate": DRAG.learning_rate, "arrive": DRAG.arrive, "stride": 1}


MAIN: dict[str, Variant] = {
    "ours": ours(),
    "ours, layer given": ours(layer="given"),
    "ours, layer found": ours(layer="found"),
    BASELINE: Variant(_per_frame, "none", _said_of_baseline()),
}
FOUR = replace(DRAG, steps=PAPER_STEPS, learning_rate=0.01)
PAPER = DragSettings(iterations=DRAG.iterations, reach=0.0)
ABLATIONS: dict[str, Variant] = {
    "the paper": the_paper(),
    "no warm start": ours(replace(DRAG, warm_start=False)),
    "the paper's settings": in_full(PAPER),
    "the paper's, no warm start": in_full(replace(PAPER, warm_start=False)),
    "the paper's, independent offsets": in_full(replace(PAPER, warm_start=False, chained=False)),
    "warm start alone": ours(replace(DRAG, iterations=0)),
    "each frame for itself": ours(replace(DRAG, reach=0.0)),
    "in full": in_full(DRAG),
    "four turns": ours(replace(DRAG, turns=4)),
    "every 2nd frame": ours(replace(DRAG, turns=1, key_every=2)),
    "every 3rd frame": ours(replace(DRAG, turns=1, key_every=3)),
    "single point": ours(sets=False),
    "four steps": ours(FOUR),
    "four steps, in full": in_full(FOUR),
    "four steps, every 2nd frame": ours(replace(FOUR, turns=1, key_every=2)),
    "moving average": ours(replace(DRAG, moving_average=True)),
    "no cross-branch attention": ours(decode_settings=replace(DECODE, cross_branch="off")),
    "no LoRA": ours(lora=False),
    "no mask lock": ours(replace(DRAG, lock=False), replace(DECODE, lock=False)),
}
