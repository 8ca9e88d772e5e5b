"""Where the diffusion model comes from."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core import embedded
from ..dragvideo_core.embedded.drawn_clips import KINDS
from ..dragvideo_core.embedded.model import WEIGHTS
from . import host, sockets

ANYTHING = "anything"


class EmbeddedModel(io.ComfyNode):
    """The small diffusion model that comes with Drag-A-Video. It knows 128 x 128 drawings (see Drawn Demo Clip), needs
    no download and no GPU, and shows in minutes what the pipeline does. For filmed video use a Stable Diffusion
    model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_EmbeddedModel",
            display_name="Embedded Model",
            search_aliases=["drag a video model", "toy model", "demo model"],
            inputs=[
                io.Combo.Input(
                    "subject",
                    options=[ANYTHING, *KINDS],
                    default=ANYTHING,
                    tooltip="What the drawing shows: the model's text prompt. 'anything' is the empty prompt.",
                ),
            ],
            outputs=[
                sockets.Model.Output(
                    "drag_model", display_name="model", tooltip="For every node that asks for a model."
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, subject: str) -> str:
        return host.file_fingerprint(WEIGHTS) if WEIGHTS.is_file() else ""

    @classmethod
    def execute(cls, subject: str) -> io.NodeOutput:
        model = host.run(embedded.drag_model, "" if subject == ANYTHING else subject)
        return io.NodeOutput(host.run(host.on_compute_device, model))
