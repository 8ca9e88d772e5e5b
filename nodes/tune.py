"""Tune: a LoRA teaches the model the clip."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.stages.tune import TuneSettings, tune
from ..dragvideo_core.types import DragModel
from . import convert, host, sockets


class Tune(io.ComfyNode):
    """Trains a small LoRA on the clip's frames, so that the model keeps the looks of what is dragged. The model that
    goes in is not changed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(TuneSettings, *row, **more)

        return sockets.schema(
            cls,
            node_id="DragAVideo_Tune",
            display_name="Tune LoRA",
            search_aliases=["train lora", "fine-tune", "finetune"],
            inputs=[
                sockets.video(),
                sockets.model(),
                setting(
                    "passes", "How often each frame is seen. More keeps the looks better. 0: no tuning.", 0, 10_000
                ),
                setting("rank", "Size of the LoRA. The usual 16 is enough.", 1, 256),
                setting("learning_rate", "How fast it learns. Too high breaks the picture.", 1e-5, 0.1, 1e-5),
                setting("batch", "Frames per training step. Lower needs less memory.", 1, 64, advanced=True),
                setting("seed", "Same seed, same device: same result.", 0, 999_999_999, advanced=True),
            ],
            outputs=[
                sockets.Model.Output("tuned", display_name="model", tooltip="The model that knows the clip."),
            ],
        )

    @classmethod
    def execute(cls, video, model: DragModel, **settings) -> io.NodeOutput:
        clip = convert.to_clip(video)
        return io.NodeOutput(host.run(tune, clip, model, TuneSettings(**settings), host.progress(clip.frames)))
