"""The only file that touches ComfyUI's internals: gradients, progress, cancelling, warnings, devices, folders.

ComfyUI runs every prompt inside `torch.inference_mode()`. Tensors made there can never be saved for backward, not even
after the mode is left; so `run` leaves it for the stage, and hands the stage copies of what was made inside.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import logging
import reprlib
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import torch
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.utils import get_executing_context
from torch import Tensor, nn

from ..dragvideo_core.parts.drawing import to_pil
from ..dragvideo_core.parts.lora_file import LoraStore
from ..dragvideo_core.parts.unfinished import Unfinished
from ..dragvideo_core.types import DragModel, OnProgress, UserError
from . import memory

PREVIEW_SECONDS = 1.0  # previews at most this often
PREVIEW_SIDE = 512  # px
SAM_FOLDER = "sams"
TENSORS_ENDING = ".safetensors"
EDITS_FOLDER, UNFINISHED_FOLDER = "drag_a_video", "unfinished"  # in the output folder; the second in the first
MOST_NAME = 200  # bytes of a file's name
SAM_ENDINGS = (".pth", ".pt", ".safetensors")
# What a text that is no file name raises: too long, characters that no name has, links in a circle, no text at all.
_NO_NAME = (OSError, ValueError, RuntimeError, TypeError, AttributeError)


# ----------------------------------------------------------------------------------------------------- running a stage


def run(stage: Callable[..., Any], *inputs: Any, **more: Any) -> Any:
    """Call a stage where gradients are possible. Whatever the call raises, torch's modes are as before afterwards.

    A model among the inputs is brought to the device first; what the stage needs of a large one is written on the node.
    """
    with torch.inference_mode(False), torch.enable_grad():
        needed = memory.make_room(stage, inputs)
        if needed:
            logging.info("Drag-A-Video: %s %s", stage.__name__, needed)
            context = get_executing_context()
            _write_on_node(needed, context.node_id if context is not None else None)
        return stage(*map(normal, inputs), **{name: normal(value) for name, value in more.items()})


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


def progress(frames: Tensor | None = None) -> OnProgress:
    """An `on_progress` for the node that runs now: its bar, a preview about once a second, and the cancel button.

    `frames` (N, 3, H, W): shown one after the other where the stage itself has no picture to show.
    """
    bar = comfy.utils.ProgressBar(1)
    shown = -PREVIEW_SECONDS

    def on_progress(done: int, total: int, picture: Callable[[], Tensor] | None) -> None:
        nonlocal shown
        comfy.model_management.throw_exception_if_processing_interrupted()
        preview = None
        if time.monotonic() - shown >= PREVIEW_SECONDS and (picture is not None or frames is not None):
            image = picture() if picture is not None else frames[min(done * len(frames) // total, len(frames) - 1)]
            preview = ("JPEG", to_pil(image), PREVIEW_SIDE)
            shown = time.monotonic()
        bar.update_absolute(done, total, preview)

    return on_progress


@contextmanager
def warnings_on_node(node_id: str | None):
    """Inside, every `UserWarning` is written on the node at once; the list that is yielded collects their texts."""
    texts: list[str] = []

    def show(message, category, filename, lineno, file=None, line=None):
        if not issubclass(category, UserWarning):
            logging.debug("%s", message)
            return
        texts.append(str(message))
        logging.warning("Drag-A-Video: %s", message)
        _write_on_node("Warning: " + "\n".join(texts), node_id)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield texts


def show_on_node(ui: dict, node_id: str | None) -> None:
    """Hand the page what a node would show after running, from a node that will not get to its end."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    context = get_executing_context()
    if server is not None and context is not None:
        told = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": context.prompt_id}
        server.send_sync("executed", told, server.client_id)


def save_for_page(frames: Tensor) -> list[dict[str, str]]:
    """Write frames (N, 3, H, W) into ComfyUI's temp folder for the page to fetch: how it names them, one per frame."""
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(
        f"drag_a_video_{uuid.uuid4().hex[:8]}", folder_paths.get_temp_directory()
    )
    saved = []
    for i, frame in enumerate(frames):
        name = f"{stem}_{counter + i:05}_.jpg"
        to_pil(frame).save(Path(folder) / name, quality=92)
        saved.append({"filename": name, "subfolder": subfolder, "type": "temp"})
    return saved


def left_out() -> Any:
    """In the place of an output that a node cannot make this time: what hangs on it does not run."""
    return ExecutionBlocker(None)


def _write_on_node(text: str, node_id: str | None) -> None:
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if node_id is not None and hasattr(server, "send_progress_text"):
        server.send_progress_text(text, node_id)


# ------------------------------------------------------------------------------------------------- devices and memory


def compute_device() -> torch.device:
    """Where ComfyUI wants models to run."""
    return comfy.model_management.get_torch_device()


def on_compute_device(model: DragModel) -> DragModel:
    """The model on ComfyUI's device."""
    device = compute_device()
    return dataclasses.replace(
        model,
        denoiser=model.denoiser.to(device),
        vae=model.vae.to(device),
        context=model.context.to(device),
        empty_context=model.empty_context.to(device),
    )


def handed_on(tensor: Tensor) -> Tensor:
    """A tensor where ComfyUI expects what nodes hand on."""
    return tensor.to(comfy.model_management.intermediate_device())


def free_ram() -> int:
    """Bytes of main memory that are free."""
    return int(comfy.model_management.get_free_memory(torch.device("cpu")))


# -------------------------------------------------------------------------------------------------- files and folders


def register_folders() -> None:
    """Tell ComfyUI about `models/sams`, which is not one of its own folders."""
    folder_paths.add_model_folder_path(SAM_FOLDER, str(Path(folder_paths.models_dir) / SAM_FOLDER))


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
        raise UserError(
            f"'save_as' must be a file name inside models/loras: got {_shown(name)}. Example: swan, or "
            "clips/swan."
        )
    return LoraStore(file=path, unfinished=unfinished())


def unfinished() -> Unfinished:
    """Where work that was broken off is kept: not in the temp folder, which ComfyUI empties when it starts."""
    return Unfinished(_edits_folder() / UNFINISHED_FOLDER)


def edit_names() -> list[str]:
    """The saved edits, as ComfyUI names files: those in output/drag_a_video, the newest first, then the input folder's."""
    output, kept = Path(folder_paths.get_output_directory()), _edits_folder()
    found = [path for path in kept.rglob("*" + TENSORS_ENDING) if path.is_file()]
    saved = [path for path in found if path.relative_to(kept).parts[0] != UNFINISHED_FOLDER]
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
    """A file for a new edit in output/drag_a_video: the name with the next free number.

    UserError for names that no file can have or that lead out of the folder.
    """
    name = save_as.strip().removesuffix(TENSORS_ENDING)
    numbered = (_new_file(_edits_folder(), f"{name}_{number:05}{TENSORS_ENDING}") for number in itertools.count(1))
    path = next(path for path in numbered if path is None or not path.exists()) if name else None
    if path is None or path.is_relative_to(unfinished().folder.resolve()):
        raise UserError(
            f"'save_as' must be a file name inside output/{EDITS_FOLDER}: got {_shown(name)}. Example: swan, or clips/swan."
        )
    return path


def output_name(path: Path) -> str:
    """How ComfyUI names a file of its output folder."""
    return f"{path.relative_to(Path(folder_paths.get_output_directory()).resolve()).as_posix()} [output]"


def _edits_folder() -> Path:
    return Path(folder_paths.get_output_directory()) / EDITS_FOLDER


def _named_file(name: str) -> Path | None:
    """The file that ComfyUI means by a name; None where there is none inside its input, output and temp folder."""
    folders = (
        folder_paths.get_input_directory(),
        folder_paths.get_output_directory(),
        folder_paths.get_temp_directory(),
    )
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


def _shown(name: Any) -> str:
    """A name in an error's text."""
    return reprlib.repr(name)


def file_fingerprint(path: Path) -> str:
    """Changes when the file does."""
    state = path.stat()
    return f"{state.st_mtime_ns} {state.st_size}"
