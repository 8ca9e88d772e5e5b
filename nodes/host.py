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
from comfy_execution.utils import get_executing_context
from torch import Tensor, nn

from ..dragvideo_core.parts.drawing import to_pil
from ..dragvideo_core.parts.lora_file import LoraStore
from ..dragvideo_core.types import DragModel, OnProgress, UserError
from . import memory

PREVIEW_SECONDS = 1.0  # previews at most this often
PREVIEW_SIDE = 512  # px
SAM_FOLDER = "sams"
LORA_ENDING = ".safetensors"
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
    folders = (
        folder_paths.get_input_directory(),
        folder_paths.get_output_directory(),
        folder_paths.get_temp_directory(),
    )
    try:
        path = Path(folder_paths.get_annotated_filepath(name)).resolve()
        inside = any(path.is_relative_to(Path(folder).resolve()) for folder in folders)
        found = inside and path.is_file()
    except _NO_NAME:
        found = False
    if not found:
        raise UserError(
            f"the video {_shown(name)} was not found in ComfyUI's input folder (nor, with '[output]' or '[temp]' after its "
            "name, in those). Choose a file from the list, or upload one with the button on the node."
        )
    return path


def lora_store(save_as: str) -> LoraStore:
    """Where a training is kept: under a name in models/loras if there is one; broken off, in the temp folder.

    UserError for names that no file can have or that lead out of the folder.
    """
    unfinished = Path(folder_paths.get_temp_directory()) / "drag_a_video" / "unfinished_tuning.pt"
    name = save_as.strip().removesuffix(LORA_ENDING)
    if not name:
        return LoraStore(unfinished=unfinished)
    folder = Path(folder_paths.get_folder_paths("loras")[0]).resolve()
    try:
        path = (folder / (name + LORA_ENDING)).resolve()
        path.exists()
        inside = len(name.encode()) <= MOST_NAME and path.is_relative_to(folder)
    except _NO_NAME:
        inside = False
    if not inside:
        raise UserError(
            f"'save_as' must be a file name inside models/loras: got {_shown(name)}. Example: swan, or "
            "clips/swan."
        )
    return LoraStore(file=path, unfinished=unfinished)


def _shown(name: Any) -> str:
    """A name in an error's text."""
    return reprlib.repr(name)


def file_fingerprint(path: Path) -> str:
    """Changes when the file does."""
    state = path.stat()
    return f"{state.st_mtime_ns} {state.st_size}"
