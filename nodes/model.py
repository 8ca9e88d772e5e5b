"""Where the diffusion model comes from."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from ..dragvideo_core import embedded
from ..dragvideo_core.embedded.drawn_world import KINDS
from ..dragvideo_core.embedded.model import WEIGHTS
from . import sockets
from .comfy import folders, memory, messages, sd_model
from .comfy.run import run

ANYTHING = "anything"
PRECISIONS = ["auto", *sd_model.DTYPES]
THIS_ONE, ALL = "this one", "all"


def devices_input() -> io.Input:
    """Which devices the stages with this model run on."""
    widget = io.Combo.Input(
        "devices",
        options=[THIS_ONE, ALL],
        default=THIS_ONE,
        optional=True,
        tooltip="all: every card of this machine takes part in Tune LoRA, DDIM Invert, Drag, Decode Edit, and Propagate Points "
        "with 'dift', each with some of the frames. With one card it is the same as 'this one'.",
    )
    widget.extra_dict = {"advanced": True}
    return widget


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
                devices_input(),
            ],
            outputs=[sockets.Model.Output("drag_model", display_name="model", tooltip="For every node that asks for a model.")],
        )

    @classmethod
    def fingerprint_inputs(cls, subject: str, devices: str = THIS_ONE) -> str:
        return folders.file_fingerprint(WEIGHTS) if WEIGHTS.is_file() else ""

    @classmethod
    def execute(cls, subject: str, devices: str = THIS_ONE) -> io.NodeOutput:
        model = run(embedded.drag_model, "" if subject == ANYTHING else subject)
        return io.NodeOutput(replace(run(memory.on_compute_device, model), on_all_devices=devices == ALL))


class Model(io.ComfyNode):
    """Any Stable Diffusion 1.x or 2.x checkpoint for the edit of filmed video: SD1.5, its fine-tunes, and LoRA loaders in
    between. The weights are copied with all patches applied; the MODEL itself is not changed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        precision = io.Combo.Input(
            "precision",
            options=PRECISIONS,
            default="auto",
            optional=True,
            tooltip="Precision of the copied weights. 'auto' is what ComfyUI chooses for this machine.",
        )
        precision.extra_dict = {"advanced": True}
        return sockets.schema(
            cls,
            node_id="DragAVideo_Model",
            display_name="Stable Diffusion Model",
            search_aliases=["sd15", "checkpoint", "drag model"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The MODEL of a Stable Diffusion 1.x or 2.x checkpoint. LoRAs loaded before it are kept."
                ),
                io.Vae.Input("vae", tooltip="The checkpoint's VAE, or another one of the same family."),
                io.Conditioning.Input("positive", tooltip="What the video shows, from CLIP Text Encode."),
                io.Conditioning.Input(
                    "empty",
                    optional=True,
                    tooltip="An empty text, from CLIP Text Encode: points are found a little better with it.",
                ),
                precision,
                devices_input(),
            ],
            outputs=[sockets.Model.Output("drag_model", display_name="model", tooltip="For every node that asks for a model.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, model, vae, positive, empty=None, precision: str = "auto", devices: str = THIS_ONE) -> io.NodeOutput:
        with messages.warnings_on_node(cls.hidden.unique_id):
            made = run(sd_model.drag_model, model, vae, positive, empty, precision)
        return io.NodeOutput(replace(made, on_all_devices=devices == ALL))
