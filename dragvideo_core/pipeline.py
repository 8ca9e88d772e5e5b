"""The whole paper as nine calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .layers.sam import load_sam
from .stages.decode import DecodeSettings, decode
from .stages.drag import DragSettings, drag
from .stages.evaluate import EvaluateSettings, evaluate
from .stages.invert import InvertSettings, invert
from .stages.load import LoadSettings, load
from .stages.pick import pick
from .stages.propagate import PropagateSettings, propagate
from .stages.segment import segment
from .stages.tune import TuneSettings, tune
from .types import DragModel, OnProgress, Scores, VideoClip, ignore_progress


@dataclass(frozen=True)
class Settings:
    """The settings of all stages; the defaults are the paper's where it says one, and ours (marked) beside them."""

    load: LoadSettings = field(default_factory=LoadSettings)
    propagate: PropagateSettings = field(default_factory=PropagateSettings)
    tune: TuneSettings = field(default_factory=TuneSettings)
    invert: InvertSettings = field(default_factory=InvertSettings)
    drag: DragSettings = field(default_factory=DragSettings)
    decode: DecodeSettings = field(default_factory=DecodeSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)


def drag_a_video(
    video: str | Path,
    points: str,
    model: DragModel,
    sam_checkpoint: str | Path | None = None,
    settings: Settings = Settings(),
    on_progress: OnProgress = ignore_progress,
) -> tuple[VideoClip, Scores]:
    """Edit a video file: the edited clip and its scores. `points` is the Pick Points node's JSON."""
    clip = load(video, settings.load)
    picks = pick(points, clip.size, len(clip))
    segmenter = segment(sam=load_sam(sam_checkpoint, model.device) if sam_checkpoint else None)
    tracks = propagate(clip, picks, segmenter, model, settings.propagate, on_progress)
    tuned = tune(clip, model, settings.tune, on_progress)
    inversion = invert(clip, tuned, settings.invert, on_progress)
    edit = drag(inversion, tracks, tuned, settings.drag, on_progress)
    edited, _ = decode(clip, inversion, edit, tracks, tuned, settings.decode, on_progress)
    return edited, evaluate(clip, edited, tracks, model, settings.evaluate, on_progress)
