"""The whole paper as nine calls, and one of ours: `displace`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from .files.lora_file import LoraStore
from .files.unfinished import NOT_KEPT, Unfinished
from .group import ALONE, Group
from .layers.sam import load_sam
from .stages.decode import DecodeSettings, decode, needed_up_to
from .stages.displace import DisplaceSettings, displace
from .stages.drag import DragSettings, drag
from .stages.evaluate import EvaluateSettings, evaluate
from .stages.invert import InvertSettings, invert
from .stages.load import LoadSettings, load
from .stages.pick import pick
from .stages.propagate import PropagateSettings, propagate
from .stages.segment import segment
from .stages.tune import TuneSettings, tune
from .types import Displacement, DragModel, OnProgress, PointTracks, Scores, VideoClip, ignore_progress


@dataclass(frozen=True)
class Settings:
    """The settings of all stages. The defaults are ours; `Settings.paper()` is the paper, without anything of ours."""

    load: LoadSettings = field(default_factory=LoadSettings)
    propagate: PropagateSettings = field(default_factory=PropagateSettings)
    displace: DisplaceSettings | None = field(default_factory=DisplaceSettings)  # ours; None: the drag starts without it
    tune: TuneSettings = field(default_factory=TuneSettings)
    invert: InvertSettings = field(default_factory=InvertSettings)
    drag: DragSettings = field(default_factory=DragSettings)
    decode: DecodeSettings = field(default_factory=DecodeSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)

    @classmethod
    def paper(cls) -> Settings:
        """The method as Sec. 3 and 4 print it; docs/paper.md says where the text leaves a choice, and which one this is.

        One frame in three at 512 x 512, points by DIFT, 60 iterations at four steps on every frame, from zero offsets. No lock:
        what is outside the mask is held by Eq. 5 alone, added as a plain sum. A denoiser call for every step of inversion and
        decoding. The optional smoothing is off.
        """
        return cls(
            load=LoadSettings(width=512, height=512, select_every_nth=3),  # Sec. 4.2
            propagate=PropagateSettings(set_side=3, tracker="dift", fit_mask=False, guess_layer=False),  # Sec. 3.2 and 4.4
            displace=None,
            tune=TuneSettings(),  # Sec. 4.1: a LoRA on the attention, as in DragDiffusion
            invert=InvertSettings(until=42, stride=1),
            drag=DragSettings(
                steps=(42, 41, 35, 30),
                learning_rate=0.01,
                iterations=60,
                max_move=3.0,
                mask_weight=1.0,
                lock=False,
                chained=True,
                moving_average=True,
                warm_start=False,
                reach=0.0,
                key_every=1,
                turns=1,
            ),
            decode=DecodeSettings(cross_branch="same_frame", lock=False, smoothing=False, stride=1),
        )


def drag_a_video(
    video: str | Path,
    points: str,
    model: DragModel,
    sam_checkpoint: str | Path | None = None,
    settings: Settings = Settings(),
    on_progress: OnProgress = ignore_progress,
    unfinished: Unfinished = NOT_KEPT,
    on_stage: Callable[[str], None] = lambda name: None,
    group: Group = ALONE,
) -> tuple[VideoClip, Scores]:
    """Edit a video file: the edited clip and its scores. `points` is the Pick Points node's JSON.

    With `unfinished`, work that was broken off goes on where it was. on_stage is called with each stage's name before it begins.
    With a `group` all ranks get the clip, and the first one its scores.
    """
    on_stage("load")
    clip = load(video, settings.load, on_progress)
    picks = pick(points, clip.size, len(clip))
    segmenter = segment(sam=load_sam(sam_checkpoint, model.device) if sam_checkpoint else None)
    on_stage("propagate")
    tracks = propagate(clip, picks, segmenter, model, settings.propagate, on_progress, group=group)
    displaced = None
    if settings.displace:
        on_stage("displace")
        displaced = displace(clip, tracks, settings.displace, on_progress).each(group.from_first)
    edited = edit_with_model(clip, tracks, model, displaced, settings, on_progress, unfinished, on_stage, group)
    if not group.is_first:
        return edited, {}
    on_stage("evaluate")
    return edited, evaluate(clip, edited, tracks, model, settings.evaluate, on_progress)


def as_needed(settings: Settings, displaced: Displacement | None, model: DragModel) -> Settings | None:
    """The settings without the work that no frame would show. None: nothing is left for the model, the displacement is the edit.
    Where the model only paints over the fill, no step above the one where it begins is inverted."""
    if displaced is None or not settings.drag.warm_start or settings.drag.refine > 0:
        return settings
    top = needed_up_to(displaced, model, settings.decode, settings.drag.steps)
    if top == 0:
        return None
    if top >= min(settings.drag.steps):
        return settings
    return replace(settings, invert=replace(settings.invert, until=top), drag=replace(settings.drag, steps=(top,)))


def edit_with_model(
    clip: VideoClip,
    tracks: PointTracks,
    model: DragModel,
    displaced: Displacement | None,
    settings: Settings,
    on_progress: OnProgress = ignore_progress,
    unfinished: Unfinished = NOT_KEPT,
    on_stage: Callable[[str], None] = lambda name: None,
    group: Group = ALONE,
) -> VideoClip:
    """Tune, invert, drag and decode, without the work that no frame would show (`as_needed`)."""
    needed = as_needed(settings, displaced, model)
    if needed is None:
        assert displaced is not None
        return replace(clip, frames=displaced.frames)
    settings = needed
    on_stage("tune")
    tuned = tune(clip, model, settings.tune, on_progress, LoraStore(unfinished=unfinished), group)
    on_stage("invert")
    inversion = invert(clip, tuned, settings.invert, on_progress, unfinished=unfinished, group=group)
    on_stage("drag")
    edit = drag(inversion, tracks, tuned, settings.drag, on_progress, None, unfinished, displaced, group)
    on_stage("decode")
    return decode(clip, inversion, edit, tracks, tuned, settings.decode, on_progress, displaced, group)[0]
