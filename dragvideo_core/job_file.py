"""A job as a file: an edit written down as JSON (docs/headless.md); `job.py` makes it.

    {"drag_a_video_job": 1,
     "film": "swan.mp4", "output": "swan-dragged.mp4",
     "points": {"version": 2, "size": [1280, 720], "frame": 0, "pairs": [{"handle": [640, 200], "target": [700, 180]}]},
     "model": {"kind": "none"}, "sam": "sam_vit_b_01ec64.pth",
     "settings": {"displace": {"stiffness": 0.5}, "film": {"codec": "hevc"}}}

`points` is the JSON of Pick Points. `model`, `sam` and `settings` may be left out; without a model there may be `mask`, `front` and
`corrections`. Names of files are looked up from the job's folder, and the output must lie in it: a job may come from a stranger.
Everything is checked as it is read.
"""

from __future__ import annotations

import json
import math
import reprlib
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from .diffusion.added_lora import Lora
from .embedded.drawn_world import KINDS
from .film_edit import FilmSettings
from .media.encoding import CONTAINERS
from .pipeline import Settings
from .stages.load import LoadSettings
from .types import UserError

MARK, VERSION = "drag_a_video_job", 1
MOST_BYTES = 4_000_000  # of a job file
LARGEST = 1e12  # of any number in the settings
MOST_LORAS, MOST_STRENGTH = 20, 100.0
BOUNDS = {  # of numbers that no stage checks
    ("film", "window"): (1, 10_000),
    ("film", "beside"): (0, 1000),
    ("film", "margin"): (0, 10_000),
    ("propagate", "set_side"): (1, 9),
    ("propagate", "ensemble"): (1, 64),
    ("tune", "rank"): (1, 1024),
    ("tune", "batch"): (1, 10_000),
    ("drag", "patch_radius"): (0, 8),
    ("evaluate", "ensemble"): (1, 64),
}
WITHOUT_MODEL = ("mask", "front", "corrections")
KEYS = {MARK, "film", "points", "output", "model", "sam", "settings", *WITHOUT_MODEL}
NEEDED = (MARK, "film", "points", "output")


def _for_drawings() -> Settings:
    """What the embedded model is made for: 128 x 128 drawings."""
    return Settings(load=LoadSettings(width=128, height=128, select_every_nth=1))


@dataclass(frozen=True)
class Checkpoint:
    """A Stable Diffusion 1.x or 2.x checkpoint."""

    file: Path
    prompt: str = ""  # what the film shows
    tokenizer: Path | None = None  # the folder of CLIP's; None: ComfyUI's, where this pack lies in its custom_nodes
    loras: tuple[Lora, ...] = ()


@dataclass(frozen=True)
class Job:
    """One edit. With neither of the two models the whole film is displaced."""

    film: Path
    points: str  # the JSON of Pick Points
    output: Path
    subject: str | None = None  # the embedded model's prompt
    checkpoint: Checkpoint | None = None
    sam: Path | None = None
    film_settings: FilmSettings = field(default_factory=FilmSettings)  # without a model
    settings: Settings = field(default_factory=_for_drawings)  # with one
    # Without a model: files of masks (`files/mask_file.py`) of the thing, which wins over a SAM, and of things in front of it, both
    # in the picked frame; the JSON of Propagate Points' corrections.
    mask: Path | None = None
    front: Path | None = None
    corrections: str = ""

    @property
    def has_model(self) -> bool:
        """Whether a model makes the edit; else the whole film is displaced."""
        return self.subject is not None or self.checkpoint is not None


def read_job(path: str | Path) -> Job:
    """Read and check a job file. UserError, naming the file and the fault, for anything that is no job."""
    path = Path(path)
    try:
        data = _read(path)
        unknown = sorted(data.keys() - KEYS)
        missing = [name for name in NEEDED if name not in data]
        if missing or unknown:
            raise _Fault(
                f"{NEEDED} and perhaps {', '.join(sorted(KEYS - {*NEEDED}))}", f"missing {missing}, unknown {reprlib.repr(unknown)}"
            )
        if type(data[MARK]) is not int or data[MARK] != VERSION:
            raise _Fault(f"version {VERSION} in '{MARK}'", reprlib.repr(data[MARK]))
        folder = path.resolve().parent
        subject, checkpoint = _model(data.get("model", {"kind": "none"}), folder)
        if not isinstance(data["points"], (dict, list)):
            raise _Fault("the JSON of Pick Points in 'points'", reprlib.repr(data["points"]))
        extra = [name for name in WITHOUT_MODEL if name in data]
        if extra and (subject, checkpoint) != (None, None):
            raise _Fault("no mask, front or corrections in a job with a model", ", ".join(extra))
        if not isinstance(data.get("corrections", {}), dict):
            raise _Fault("the JSON of Propagate Points in 'corrections'", reprlib.repr(data["corrections"]))
        job = Job(
            film=folder / _name(data, "film"),
            points=json.dumps(data["points"]),
            output=_inside(folder, _name(data, "output")),
            subject=subject,
            checkpoint=checkpoint,
            settings=_for_drawings() if checkpoint is None else Settings(),
            sam=folder / _name(data, "sam") if "sam" in data else None,
            mask=folder / _name(data, "mask") if "mask" in data else None,
            front=folder / _name(data, "front") if "front" in data else None,
            corrections=json.dumps(data["corrections"]) if "corrections" in data else "",
        )
        return _with_settings(job, data.get("settings", {}))
    except _Fault as fault:
        raise UserError(
            f"the job '{path.name}' cannot be used: expected {fault.args[0]}, got {fault.args[1]}. Mend the file."
        ) from None


def write_job(path: str | Path, job: Job) -> None:
    """Write a job file: what `read_job` reads again. Settings that are the default are left out. UserError where it cannot be."""
    path, folder = Path(path), Path(path).resolve().parent
    data: dict[str, Any] = {
        MARK: VERSION,
        "film": _relative(job.film, folder),
        "points": _json("points", job.points),
        "output": _relative(job.output, folder),
        "model": {"kind": "none"},
    }
    if job.subject is not None:
        data["model"] = {"kind": "embedded", "subject": job.subject}
    elif job.checkpoint is not None:
        chosen = job.checkpoint
        data["model"] = {"kind": "checkpoint", "file": _relative(chosen.file, folder), "prompt": chosen.prompt}
        if chosen.tokenizer is not None:
            data["model"]["tokenizer"] = _relative(chosen.tokenizer, folder)
        if chosen.loras:
            data["model"]["loras"] = [{"file": _relative(one.file, folder), "strength": one.strength} for one in chosen.loras]
    for name, file in (("sam", job.sam), ("mask", job.mask), ("front", job.front)):
        if file is not None:
            data[name] = _relative(file, folder)
    if job.corrections:
        data["corrections"] = _json("corrections", job.corrections)
    usual = _for_drawings() if job.checkpoint is None else Settings()
    defaults = Job(job.film, job.points, job.output, job.subject, job.checkpoint, settings=usual)
    settings = {name: _differing(value, _sections(defaults)[name]) for name, value in _sections(job).items()}
    data["settings"] = {name: values for name, values in settings.items() if values != {}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"the job could not be written to '{path}': {error}. Choose a folder that may be written to.") from error


def _json(what: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        got = f"{reprlib.repr(text)} ({error})"
        raise UserError(
            f"the {what} must be JSON as Drag-A-Video's nodes write it: got {got}. Copy it from the node again."
        ) from error


# ------------------------------------------------------------------------------------------------------------ checks


class _Fault(Exception):
    """What was expected, and what came."""


def _read(path: Path) -> dict[str, Any]:
    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number")

    def number(text: str) -> float:
        return float(text) if math.isfinite(float(text)) else refuse(text)

    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _Fault(f"at most {MOST_BYTES} bytes", "more")
        data = json.loads(content.decode(), parse_constant=refuse, parse_float=number)
    except OSError as error:
        raise UserError(f"the job '{path}' cannot be read: {error.strerror or error}. Check its name.") from error
    except (ValueError, RecursionError) as error:
        raise _Fault("JSON", reprlib.repr(str(error))) from error
    if not isinstance(data, dict):
        raise _Fault("a JSON object", f"a {type(data).__name__}")
    return data


def _name(data: dict[str, Any], key: str) -> str:
    """The name of a file."""
    value = data[key]
    if not isinstance(value, str) or not value or len(value) > 1000 or not value.isprintable():
        raise _Fault(f"the name of a file in '{key}'", reprlib.repr(value))
    return value


def _inside(folder: Path, name: str) -> Path:
    """The file of this name, which lies in the folder whatever links say."""
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle
        path = folder
    if path == folder or not path.is_relative_to(folder):
        raise _Fault("an 'output' in the job's own folder", reprlib.repr(name))
    if path.suffix.lower() not in CONTAINERS:
        raise _Fault(f"an 'output' that ends in {', '.join(CONTAINERS)}", reprlib.repr(name))
    return path


def _model(model: Any, folder: Path) -> tuple[str | None, Checkpoint | None]:
    """The embedded model's prompt, or a checkpoint; None and None: no model."""
    kind, keys = (model.get("kind"), set(model)) if isinstance(model, dict) else (None, set())
    if model == {"kind": "none"}:
        return None, None
    if kind == "embedded" and keys <= {"kind", "subject"}:
        subject = model.get("subject", "")
        if isinstance(subject, str) and subject in ("", *KINDS):
            return subject, None
    if kind == "checkpoint" and {"kind", "file"} <= keys <= {"kind", "file", "prompt", "tokenizer", "loras"}:
        prompt = model.get("prompt", "")
        if isinstance(prompt, str) and len(prompt) <= 1000:
            tokenizer = folder / _name(model, "tokenizer") if "tokenizer" in model else None
            return None, Checkpoint(folder / _name(model, "file"), prompt, tokenizer, _loras(model.get("loras", []), folder))
    wanted = (
        f'{{"kind": "none"}}, {{"kind": "embedded", "subject": one of {", ".join(KINDS)}, or ""}}, or '
        '{"kind": "checkpoint", "file": ..., "prompt": ...} as \'model\''
    )
    raise _Fault(wanted, reprlib.repr(model))


def _loras(given: Any, folder: Path) -> tuple[Lora, ...]:
    wanted = f'at most {MOST_LORAS} of {{"file": ..., "strength": from {-MOST_STRENGTH:g} to {MOST_STRENGTH:g}}} in \'loras\''
    if not isinstance(given, list) or len(given) > MOST_LORAS:
        raise _Fault(wanted, reprlib.repr(given))
    loras = []
    for one in given:
        if not isinstance(one, dict) or not {"file"} <= one.keys() <= {"file", "strength"}:
            raise _Fault(wanted, reprlib.repr(one))
        strength = one.get("strength", 1.0)
        if type(strength) not in (int, float) or not abs(strength) <= MOST_STRENGTH:
            raise _Fault(wanted, reprlib.repr(one))
        loras.append(Lora(folder / _name(one, "file"), float(strength)))
    return tuple(loras)


def _sections(job: Job) -> dict[str, Any]:
    """The settings of a job, by the names that they have in the file."""
    if not job.has_model:
        film = job.film_settings
        return {"film": film, "displace": film.displace, "propagate": film.propagate}
    return {part.name: getattr(job.settings, part.name) for part in fields(job.settings)}


def _with_settings(job: Job, given: Any) -> Job:
    sections = _sections(job)
    if not isinstance(given, dict) or given.keys() - sections.keys():
        raise _Fault(f"'settings' of {', '.join(sections)}", reprlib.repr(given))
    changed: dict[str, Any] = {
        name: None if values is None and name == "displace" and job.has_model else _changed(name, sections[name], values)
        for name, values in given.items()
    }
    if job.has_model:
        return replace(job, settings=replace(job.settings, **changed))
    film = changed.pop("film", job.film_settings)
    return replace(job, film_settings=replace(film, **changed))


def _changed(section: str, settings: Any, values: Any) -> Any:
    """Settings with some of them changed, each checked against its kind."""
    hints = get_type_hints(type(settings))
    known = [part.name for part in fields(settings) if not is_dataclass(getattr(settings, part.name))]
    if not isinstance(values, dict) or values.keys() - set(known):
        raise _Fault(f"settings of '{section}' among {', '.join(known)}", reprlib.repr(values))
    return replace(settings, **{name: _value(section, name, hints[name], value) for name, value in values.items()})


def _value(section: str, name: str, hint: Any, value: Any) -> Any:
    if get_origin(hint) is Literal:
        if isinstance(value, str) and value in get_args(hint):
            return value
        raise _Fault(f"'{section}.{name}' to be one of {', '.join(get_args(hint))}", reprlib.repr(value))
    if get_origin(hint) is tuple:
        if isinstance(value, list) and 1 <= len(value) <= 50 and all(type(one) is int for one in value):
            return tuple(value)
        raise _Fault(f"'{section}.{name}' to be a list of whole numbers", reprlib.repr(value))
    if hint is str or hint is bool:
        if type(value) is hint:
            return value
        raise _Fault(f"'{section}.{name}' to be {'true or false' if hint is bool else 'a text'}", reprlib.repr(value))
    kinds = get_args(hint) or (hint,)
    if value is None and type(None) in kinds:
        return None
    least, most = BOUNDS.get((section, name), (0, LARGEST))
    is_kind = type(value) in kinds or (float in kinds and type(value) is int)
    if not is_kind or not least <= value <= most:  # false for NaN too
        kind = "a number" if float in kinds else "a whole number"
        raise _Fault(f"'{section}.{name}' to be {kind} from {least:g} to {most:g}", reprlib.repr(value))
    return float(value) if float in kinds else value


def _differing(settings: Any, default: Any) -> Any:
    """The values that are not the default's, as JSON has them; None: the stage is left out."""
    if settings is None:
        return None
    values = {part.name: getattr(settings, part.name) for part in fields(settings)}
    usual = {} if default is None else asdict(default)
    values = {name: value for name, value in values.items() if not is_dataclass(value)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value != usual.get(name)}


def _relative(path: Path, folder: Path) -> str:
    """How a job in this folder names a file."""
    path = path.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
