"""Save Job: an edit as a file, to be made without ComfyUI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..dragvideo_core.embedded.drawn_world import KINDS
from ..dragvideo_core.exchange.corrections import check_corrections, read_corrections
from ..dragvideo_core.files.mask_file import write_mask
from ..dragvideo_core.film_edit import FilmSettings
from ..dragvideo_core.job_file import Job, write_job
from ..dragvideo_core.media.film import open_film
from ..dragvideo_core.stages.displace import DisplaceSettings
from ..dragvideo_core.stages.pick import pick
from ..dragvideo_core.types import Segmenter, UserError
from . import sockets
from .comfy import folders, values
from .comfy.run import run
from .film import ENDINGS, codec_input, margin_input
from .model import ANYTHING

NONE, EMBEDDED = "none", "embedded"


class SaveJob(io.ComfyNode):
    """Writes an edit to ComfyUI's output folder as a job: a JSON file with the film, the points and the settings. It is made
    later, or on another machine, without ComfyUI: python -m dragvideo_core run JOB.json."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_SaveJob",
            display_name="Save Job",
            is_output_node=True,
            search_aliases=["headless", "batch", "render farm", "export job"],
            inputs=[
                io.Video.Input("video", tooltip="The film, from Load Video. The job names its file."),
                io.String.Input("points", tooltip="The points as JSON: Pick Points' output 'points'.", force_input=True),
                io.Combo.Input(
                    "model",
                    options=[NONE, EMBEDDED],
                    default=NONE,
                    tooltip="none: the whole film, as Drag a Film makes it. embedded: all stages, for 128 x 128 drawings.",
                ),
                io.Combo.Input(
                    "subject",
                    options=[ANYTHING, *KINDS],
                    default=ANYTHING,
                    tooltip="What the drawing shows. For the embedded model.",
                ),
                sockets.setting(
                    DisplaceSettings, "stiffness", "How the part bends. 0: like rubber. 1: like a board.", 0.0, 1.0, 0.05
                ),
                codec_input(),
                sockets.setting(FilmSettings, "quality", "0 loses nothing, 51 is worst. For h264 and hevc.", 0, 51),
                io.String.Input(
                    "save_as",
                    default="job",
                    tooltip=f"A file output/{folders.EDITS_FOLDER}/<this>_00001.json; the number goes up, nothing is overwritten.",
                ),
                sockets.Segmenter.Input(
                    "segmenter",
                    optional=True,
                    tooltip="From SAM Segment: its masks are written beside the job, its checkpoint is named in it. For model "
                    "'none'.",
                ),
                io.String.Input(
                    "corrections",
                    optional=True,
                    force_input=True,
                    tooltip="Propagate Points' output 'corrections', of the same film. For model 'none'.",
                ),
                margin_input(),
            ],
            outputs=[io.String.Output("file", display_name="file", tooltip="The job's file.")],
        )

    @classmethod
    def validate_inputs(cls, save_as: str) -> bool | str:
        try:
            return save_as is None or bool(folders.new_job_path(save_as))
        except UserError as error:
            return str(error)

    @classmethod
    def execute(
        cls,
        video: Any,
        points: str,
        model: str,
        subject: str,
        stiffness: float,
        codec: str,
        quality: int,
        save_as: str,
        segmenter: Segmenter | None = None,
        corrections: str = "",
        margin: int = FilmSettings.margin,
    ) -> io.NodeOutput:
        source = values.source_of(video)
        if not isinstance(source, str):
            raise UserError("a job names the film's file: expected a VIDEO that comes from one. Wire in Load Video's output.")
        film = run(open_film, source)
        picks = run(pick, points, film.size, len(film.times))  # says what is wrong with them
        run(check_corrections, run(read_corrections, corrections, film.size), picks, len(film.times))
        path, displace = folders.new_job_path(save_as), DisplaceSettings(stiffness)
        has_model = model == EMBEDDED
        if has_model and (segmenter is not None or corrections.strip()):
            raise UserError("a job with a model takes no segmenter and no corrections. Unwire them, or choose model 'none'.")
        files = run(_files_of, path, segmenter)
        job = Job(
            film=Path(source),
            points=points,
            output=path.with_suffix(".mp4" if has_model else ENDINGS[codec]),
            subject=("" if subject == ANYTHING else subject) if has_model else None,
            film_settings=FilmSettings(displace, margin=margin, codec=codec, quality=quality),
            corrections=corrections.strip(),
            **files,
        )
        if has_model:
            job = replace(job, settings=replace(job.settings, displace=displace))
        run(write_job, path, job)
        return io.NodeOutput(str(path), ui={"text": [f'{folders.output_name(path)}\npython -m dragvideo_core run "{path}"']})


def _files_of(path: Path, segmenter: Segmenter | None) -> dict[str, Path]:
    """The segmenter's SAM checkpoint, and its masks as files beside the job, by the job's names for them. UserError for a SAM that
    was not loaded by us: its file is not known."""
    if segmenter is None:
        return {}
    files = {}
    if segmenter.asks_points:
        file = getattr(segmenter, "file", None)
        if file is None:
            raise UserError(
                "a job names the file of a SAM checkpoint, and a SAM_MODEL of another pack does not know its own: expected SAM "
                "Segment with a 'checkpoint' or a MASK. Choose one there, and unwire 'sam_model'."
            )
        files["sam"] = file
    segmenter.check(1)
    for name, mask in (("mask", segmenter.masks), ("front", segmenter.front)):
        if mask is not None:
            files[name] = path.with_suffix(f".{name}.safetensors")
            write_mask(files[name], mask.clamp(0, 1))
    return files
