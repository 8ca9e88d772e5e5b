"""ComfyUI's folders: which file a name means, and where new files go. No name leads out of them."""

from __future__ import annotations

import itertools
import logging
import os
import reprlib
from pathlib import Path
from typing import Any

import folder_paths

from ...dragvideo_core.embedded.demo_film import FILE_NAME, demo_film
from ...dragvideo_core.files.lora_file import LoraStore
from ...dragvideo_core.files.unfinished import Unfinished
from ...dragvideo_core.media.video_file import write_video
from ...dragvideo_core.types import UserError

SAM_FOLDER = "sams"
TENSORS_ENDING = ".safetensors"
EDITS_FOLDER, UNFINISHED_FOLDER = "drag_a_video", "unfinished"  # in the output folder; the second in the first
MOST_NAME = 200  # bytes of a file's name
SAM_ENDINGS = (".pth", ".pt", ".safetensors")
# What a text that is no file name raises: too long, characters that no name has, links in a circle, no text at all.
_NO_NAME = (OSError, ValueError, RuntimeError, TypeError, AttributeError)


def register_folders() -> None:
    """Tell ComfyUI about `models/sams`, which is not one of its own folders."""
    folder_paths.add_model_folder_path(SAM_FOLDER, str(Path(folder_paths.models_dir) / SAM_FOLDER))


def offer_demo_film() -> None:
    """The film that the bundled workflows open with lies in the input folder, drawn there when ComfyUI first starts."""
    path = Path(folder_paths.get_input_directory()) / FILE_NAME
    unfinished_file = path.with_name(f".{FILE_NAME}.{os.getpid()}.part")
    try:
        if not path.exists():
            write_video(unfinished_file, demo_film())
            unfinished_file.replace(path)  # whole or not at all
    except OSError as error:
        logging.warning("Drag-A-Video: the film of the bundled workflows could not be written: %s", error)
        unfinished_file.unlink(missing_ok=True)


def sam_names() -> list[str]:
    """The checkpoints in `models/sams`."""
    return [name for name in folder_paths.get_filename_list(SAM_FOLDER) if name.lower().endswith(SAM_ENDINGS)]


def sam_path(name: str) -> Path:
    """The file of a checkpoint in `models/sams`; UserError where there is none."""
    path = folder_paths.get_full_path(SAM_FOLDER, name) if name in sam_names() else None
    if path is None:
        raise UserError(
            f"the SAM checkpoint {_shown(name)} was not found in ComfyUI's folder models/{SAM_FOLDER}. Put it there "
            "(sam_vit_b_01ec64.pth, sam_vit_l_0b3195.pth or sam_vit_h_4b8939.pth, from the segment-anything "
            "project's page) and reload the page; or choose 'none' and wire a MASK."
        )
    return Path(path)


def video_names() -> list[str]:
    """The videos in ComfyUI's input folder."""
    folder = Path(folder_paths.get_input_directory())
    names = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    videos = set(folder_paths.filter_files_content_types(names, ["video"]))
    return [name for name in names if name in videos or name.lower().endswith(".gif")]


def video_path(name: str) -> Path:
    """A file in ComfyUI's input, output or temp folder, named as ComfyUI names it ("clip.mp4", "clip.mp4 [output]").

    UserError where there is none, and for every name that leads out of these folders.
    """
    path = _named_file(name)
    if path is None:
        raise UserError(
            f"the video {_shown(name)} was not found in ComfyUI's input folder (nor, with '[output]' or '[temp]' after its "
            "name, in those). Choose a file from the list, or upload one with the button on the node."
        )
    return path


def lora_store(save_as: str) -> LoraStore:
    """Where a training is kept: under a name in models/loras if there is one, else with the unfinished work.

    UserError for names that no file can have or that lead out of the folder.
    """
    name = save_as.strip().removesuffix(TENSORS_ENDING)
    if not name:
        return LoraStore(unfinished=unfinished())
    path = _new_file(Path(folder_paths.get_folder_paths("loras")[0]), name + TENSORS_ENDING)
    if path is None:
        raise UserError(f"'save_as' must be a file name inside models/loras: got {_shown(name)}. Example: swan, or clips/swan.")
    return LoraStore(file=path, unfinished=unfinished())


def unfinished() -> Unfinished:
    """Where work that was broken off is kept: not in the temp folder, which ComfyUI empties when it starts."""
    return Unfinished(_edits_folder() / UNFINISHED_FOLDER)


def edit_names() -> list[str]:
    """The saved edits, as ComfyUI names files: those in output/drag_a_video, the newest first, then the input folder's."""
    output, kept = Path(folder_paths.get_output_directory()), _edits_folder()
    edits = [path for path in kept.rglob("*" + TENSORS_ENDING) if path.is_file()]
    saved = [path for path in edits if path.relative_to(kept).parts[0] != UNFINISHED_FOLDER]
    saved.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    given = [path.name for path in Path(folder_paths.get_input_directory()).glob("*" + TENSORS_ENDING) if path.is_file()]
    return [f"{path.relative_to(output).as_posix()} [output]" for path in saved] + sorted(given)


def edit_path(name: str) -> Path:
    """The file of a saved edit. UserError where there is none, and for names that lead out of ComfyUI's folders."""
    path = _named_file(name)
    if path is None:
        raise UserError(
            f"the edit {_shown(name)} was not found in ComfyUI's folders output/{EDITS_FOLDER} and input. Choose a file "
            "from the list, after reloading the page if it is new."
        )
    return path


def new_edit_path(save_as: str) -> Path:
    """A file for a new edit in output/drag_a_video: the name with the next free number. UserError as `_numbered_file`."""
    return _numbered_file(_edits_folder(), save_as, TENSORS_ENDING, f"output/{EDITS_FOLDER}", "swan, or clips/swan")


def new_job_path(save_as: str) -> Path:
    """A file for a new job in output/drag_a_video: the name with the next free number. UserError as `_numbered_file`."""
    return _numbered_file(_edits_folder(), save_as, ".json", f"output/{EDITS_FOLDER}", "swan, or jobs/swan")


def new_film_path(save_as: str, ending: str) -> Path:
    """A file for a new film in the output folder: the name with the next free number, its folder made. UserError as
    `_numbered_file`."""
    folder = Path(folder_paths.get_output_directory())
    path = _numbered_file(folder, save_as, ending, "the output folder", "drag-a-video/film")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def output_name(path: Path) -> str:
    """How ComfyUI names a file of its output folder."""
    return f"{path.relative_to(Path(folder_paths.get_output_directory()).resolve()).as_posix()} [output]"


def _edits_folder() -> Path:
    return Path(folder_paths.get_output_directory()) / EDITS_FOLDER


def _named_file(name: str) -> Path | None:
    """The file that ComfyUI means by a name; None where there is none inside its input, output and temp folder."""
    folders = (folder_paths.get_input_directory(), folder_paths.get_output_directory(), folder_paths.get_temp_directory())
    try:
        path = Path(folder_paths.get_annotated_filepath(name)).resolve()
        inside = any(path.is_relative_to(Path(folder).resolve()) for folder in folders)
        return path if inside and path.is_file() else None
    except _NO_NAME:
        return None


def _new_file(folder: Path, name: str) -> Path | None:
    """The file of this name in the folder, there or not; None for names that no file has or that lead out of it."""
    folder = folder.resolve()
    try:
        path = (folder / name).resolve()
        path.exists()
        return path if len(name.encode()) <= MOST_NAME and path.is_relative_to(folder) else None
    except _NO_NAME:
        return None


def _numbered_file(folder: Path, save_as: str, ending: str, place: str, example: str) -> Path:
    """The file of a name, with the next free number, in a folder, which people know as `place`.

    UserError for names that no file can have, that lead out of the folder, or that are of unfinished work.
    """
    name = save_as.strip().removesuffix(ending)
    numbered = (_new_file(folder, f"{name}_{number:05}{ending}") for number in itertools.count(1))
    path = next(path for path in numbered if path is None or not path.exists()) if name else None
    if path is None or path.is_relative_to(unfinished().folder.resolve()):
        raise UserError(f"'save_as' must be a file name inside {place}: got {_shown(save_as)}. Example: {example}.")
    return path


def _shown(name: Any) -> str:
    """A name in an error's text."""
    return reprlib.repr(name)


def file_fingerprint(path: Path) -> str:
    """Changes when the file does."""
    state = path.stat()
    return f"{state.st_mtime_ns} {state.st_size}"
