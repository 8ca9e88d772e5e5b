"""A job, made without ComfyUI: a whole film without a model, or all stages with one. `job_file.py` says what a job is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from . import embedded
from .diffusion import single_file
from .files.mask_file import read_mask
from .files.unfinished import Unfinished
from .film_drawing import Drawers, draw_for_the_first
from .film_edit import drag_a_film
from .group import ALONE, Group
from .job_file import Job
from .layers.sam import load_sam
from .media.encoding import container_for
from .media.video_file import read_audio, write_video
from .pipeline import drag_a_video
from .stages.segment import segment
from .types import DragModel, OnProgress, Scores, UserError, VideoClip, ignore_progress
from .warning import warn

COMFYUIS_TOKENIZER = Path(__file__).resolve().parents[3] / "comfy" / "sd1_tokenizer"

OnStage = Callable[[str], None]  # called with the stage's name before it begins


@dataclass(frozen=True)
class Report:
    """What a job made."""

    path: Path
    frames: int
    scores: Scores | None  # with a model


def run_job(
    job: Job,
    overwrite: bool = False,
    on_stage: OnStage = lambda name: None,
    on_progress: OnProgress = ignore_progress,
    group: Group = ALONE,
) -> Report | None:
    """Make the edit. Broken off, it leaves no film; with a model it goes on where it was when it is run again.

    A `group` makes it together: the first rank writes the film, and the others get None.

    UserError where the output is there already, and for all that the stages refuse.
    """
    if job.output.exists() and not overwrite:
        raise UserError(f"'{job.output}' is there already: expected a new file. Move it away, name another, or allow overwriting.")
    container_for(job.output, "h264" if job.has_model else job.film_settings.codec, job.film_settings.quality)
    if not job.has_model:
        if not group.is_first:
            draw_for_the_first(group)
            return None
        on_stage("film")
        with Drawers(group) as drawers:
            mask, front = (None if file is None else read_mask(file) for file in (job.mask, job.front))
            sam = load_sam(job.sam) if job.sam and mask is None else None
            segmenter = segment(mask, sam, front)
            made = drag_a_film(
                job.film, job.points, job.output, job.film_settings, segmenter, on_progress, True, job.corrections, drawers=drawers
            )
        return Report(made.path, made.frames, None)
    if job.output.suffix.lower() != ".mp4":
        raise UserError(f"with a model the output must end in .mp4: got '{job.output.name}'. Rename it.")
    unfinished = job.output.with_name(f".{job.output.name}.unfinished")
    model, kept = _loaded(job), Unfinished(unfinished)
    clip, scores = drag_a_video(job.film, job.points, model, job.sam, job.settings, on_progress, kept, on_stage, group)
    if not group.is_first:
        return None
    part = job.output.with_name(f".{job.output.name}.part.mp4")
    try:
        write_video(part, clip, sound=_sound(job.film, clip))
        os.replace(part, job.output)
    except OSError as error:
        raise UserError(f"'{job.output}' could not be written: {error}. Free some space, and run the job again.") from error
    finally:
        part.unlink(missing_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)
    return Report(job.output, len(clip), scores)


def _sound(film: Path, clip: VideoClip) -> tuple[Tensor, int] | None:
    """The film's, while the clip's frames are shown. A warning where it cannot be read: the pictures are made by now."""
    try:
        return read_audio(film, clip)
    except UserError as error:
        warn(f"the film is written without sound: {error}")
        return None


def _loaded(job: Job) -> DragModel:
    chosen = job.checkpoint
    if chosen is None:
        return embedded.drag_model(job.subject or "")
    return single_file.load(chosen.file, chosen.prompt, chosen.tokenizer or COMFYUIS_TOKENIZER, loras=chosen.loras)
