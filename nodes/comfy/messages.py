"""What a node shows besides its outputs: warnings and other text, pictures for the page, outputs that it leaves out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import folder_paths
import torch
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.utils import get_executing_context
from torch import Tensor
from torch.nn import functional

from ...dragvideo_core.media.drawing import to_pil
from ...dragvideo_core.types import Box
from ...dragvideo_core.warning import warnings_go_to

MOST_SIDE = 1024  # px, of what the page is sent
KEPT_PICTURES = 3  # of those shown one after the other: the page may still be fetching the last one

_warned: ContextVar[list[str] | None] = ContextVar("drag_a_video_warned", default=None)  # of the stage that runs


@contextmanager
def warnings_on_node(node_id: str | None) -> Iterator[list[str]]:
    """Inside, every warning of the stage that runs is written on the node at once; the list that is yielded collects them."""
    texts: list[str] = []

    def show(text: str) -> None:
        texts.append(text)
        _log(text)
        write_below_warnings("", node_id)

    token = _warned.set(texts)
    try:
        with warnings_go_to(show):
            yield texts
    finally:
        _warned.reset(token)


@contextmanager
def warnings_in_log() -> Iterator[None]:
    """Inside, every warning goes into ComfyUI's log: while a VIDEO is read, before there is anything to say on a node."""
    with warnings_go_to(_log):
        yield


def _log(text: str) -> None:
    logging.warning("Drag-A-Video: %s", text)


def write_below_warnings(text: str, node_id: str | None) -> None:
    """Write a text on the node, below the warnings of its stage so far, which would else be replaced."""
    warned = _warned.get() or []
    write_on_node("\n".join([*(["Warning: " + "\n".join(warned)] if warned else []), *([text] if text else [])]), node_id)


def say_on_node(text: str, node_id: str | None) -> None:
    """Write how a stage went on its node and into the log."""
    logging.info("Drag-A-Video: %s", text)
    write_below_warnings(text, node_id)


def show_on_node(ui: dict, node_id: str | None) -> None:
    """Show on a node that is going to fail what it would show after a run."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    context = get_executing_context()
    if server is not None and context is not None:
        message = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": context.prompt_id}
        server.send_sync("executed", message, server.client_id)


class PictureOnNode:
    """Shows a picture as what a node has put out so far, each in the place of the last one.

    For nodes that show a video in the end: a preview would stay there beside it, and Nodes 2.0 takes it for the video.
    """

    def __init__(self, node_id: str | None) -> None:
        self.node_id = node_id
        self.shown: list[Path] = []

    def __call__(self, picture: Tensor) -> None:
        """Show a picture (3, H, W)."""
        saved = save_for_page(_small(picture[None]))
        show_on_node({"images": saved}, self.node_id)
        self.shown.append(Path(folder_paths.get_temp_directory(), saved[0]["subfolder"], saved[0]["filename"]))
        if len(self.shown) > KEPT_PICTURES:
            self.shown.pop(0).unlink(missing_ok=True)


def save_for_page(frames: Iterable[Tensor]) -> list[dict[str, str]]:
    """Write frames, each (3, H, W), into ComfyUI's temp folder for the page to fetch: how it names them, one per frame."""
    folder, stem, counter, subfolder, _ = folder_paths.get_save_image_path(
        f"drag_a_video_{uuid.uuid4().hex[:8]}", folder_paths.get_temp_directory()
    )
    saved = []
    for i, frame in enumerate(frames):
        name = f"{stem}_{counter + i:05}_.jpg"
        to_pil(frame).save(Path(folder) / name, quality=92)
        saved.append({"filename": name, "subfolder": subfolder, "type": "temp"})
    return saved


def for_player(before: Tensor, after: Tensor, fps: float) -> dict[str, list]:
    """What the player of before and after is sent: as many frames (N, 3, H, W) of each, no larger than the page needs."""
    return {
        "drag_a_video_original": save_for_page(_small(before)),
        "drag_a_video_edited": save_for_page(_small(after)),
        "drag_a_video_fps": [fps],
        "drag_a_video_size": [[before.shape[3], before.shape[2]]],
    }


def _small(frames: Tensor) -> Tensor:
    scale = MOST_SIDE / max(frames.shape[-2:])
    if scale >= 1:
        return frames
    size = [max(1, round(side * scale)) for side in frames.shape[-2:]]
    return torch.cat([functional.interpolate(frame[None], size, mode="area") for frame in frames])


def film_on_node(path: Path) -> dict:
    """The entry that makes the page show a film of the output folder on its node, as core's Save Video does."""
    inside = path.relative_to(Path(folder_paths.get_output_directory()).resolve())
    saved = {"filename": inside.name, "subfolder": inside.parent.as_posix() if inside.parent.parts else "", "type": "output"}
    return {"images": [saved], "animated": (True,)}


def layer_for_page(layer: Tensor | None, frame: int) -> dict[str, list]:
    """What Pick Points shows of the thing that was found on the frame that was drawn on: its layer (h, w); {} for None."""
    if layer is None:
        return {}
    return {"drag_a_video_layer": save_for_page([layer.expand(3, -1, -1)]), "drag_a_video_layer_frame": [frame]}


def box_for_page(box: Box | None, frame: int) -> dict[str, list]:
    """What Pick Points shows of the box that a film's edit works in: the frame that was drawn on, and x, y, width and height in the
    film's px; {} for None."""
    if box is None:
        return {}
    height, width = box.size
    return {"drag_a_video_box": [[frame, box.columns.start, box.rows.start, width, height]]}


def left_out() -> Any:
    """Stands for an output that a node cannot make this time: the nodes that need it do not run."""
    return ExecutionBlocker(None)


def write_on_node(text: str, node_id: str | None) -> None:
    """Write a text on the node, in the place of what stood there. Without a page, or a node, nothing happens."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if node_id is not None and hasattr(server, "send_progress_text"):
        server.send_progress_text(text, node_id)
