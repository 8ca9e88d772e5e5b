"""Tune: a LoRA teaches the model the clip."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.files.lora_file import common_names
from ..dragvideo_core.stages.tune import TuneSettings, seconds_of, tune
from ..dragvideo_core.types import DragModel, PointTracks, UserError
from . import sockets
from .comfy import folders, messages, values
from .comfy.run import progress, run


class Tune(io.ComfyNode):
    """Trains a small LoRA on the clip's frames, so that the model keeps the looks of what is dragged. The model that
    goes in is not changed. Cancelled, it goes on where it was when you run it again; the preview shows the loss."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(TuneSettings, *row, **more)

        save_as = io.String.Input(
            "save_as",
            default="",
            optional=True,
            tooltip="Keep the LoRA as models/loras/<this>.safetensors, which Load LoRA reads. It is then trained "
            "only once for "
            "the same clip, model and settings. Empty: kept for a while only, with the unfinished work.",
        )
        save_as.extra_dict = {"advanced": True}
        return sockets.schema(
            cls,
            node_id="DragAVideo_Tune",
            display_name="Tune LoRA",
            search_aliases=["train lora", "fine-tune", "finetune"],
            inputs=[
                sockets.video(),
                sockets.model(),
                setting("passes", "How many times each frame is seen. More keeps the looks better. 0: no tuning.", 0, 10_000),
                setting("rank", "Size of the LoRA. The usual 16 is enough.", 1, 256),
                setting("learning_rate", "How fast it learns. Too high breaks the picture.", 1e-5, 0.1, 1e-5),
                setting("batch", "Frames per training step. Lower needs less memory.", 1, 64, advanced=True),
                setting("seed", "Same seed, same device: same result.", 0, 999_999_999, advanced=True),
                save_as,
                sockets.only_mask(),
            ],
            outputs=[
                sockets.Model.Output("tuned", display_name="model", tooltip="The model that knows the clip."),
                sockets.LoraModel.Output(
                    "lora", display_name="lora", tooltip="The LoRA alone, for the core nodes Load LoRA Model and Save LoRA."
                ),
                sockets.LossMap.Output("losses", display_name="losses", tooltip="For the core node Plot Loss Graph."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, save_as: str | None = "") -> bool | str:
        try:
            folders.lora_store(save_as or "").check()
        except UserError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, video, model: DragModel, save_as: str = "", tracks: PointTracks | None = None, **settings) -> io.NodeOutput:
        store = folders.lora_store(save_as)
        clip, settings, on_progress = values.to_clip(video), TuneSettings(**settings), progress()
        with messages.warnings_on_node(cls.hidden.unique_id):
            on_progress.expect(run(seconds_of, clip, model, settings, tracks))
            tuned = run(tune, clip, model, settings, on_progress, store, tracks=tracks)
        return io.NodeOutput(tuned, common_names(tuned.lora or {}), {"loss": list(tuned.lora_losses)})
