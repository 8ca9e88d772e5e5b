"""Tune: a LoRA teaches the model the clip."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.stages.tune import TuneSettings, tune
from ..dragvideo_core.types import DragModel
from . import convert, host, sockets

DEFAULTS = TuneSettings()


class Tune(io.ComfyNode):
    """Trains a small LoRA on the clip's frames, so that the model keeps the looks of what is dragged. The model that
    goes in is not changed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Tune",
            display_name="Tune LoRA",
            search_aliases=["train lora", "fine-tune", "finetune"],
            inputs=[
                sockets.video(),
                sockets.model(),
                io.Int.Input(
                    "passes",
                    default=DEFAULTS.passes,
                    min=0,
                    max=10_000,
                    tooltip="How often each frame is seen. More keeps the looks better and takes longer. 0: no tuning.",
                ),
                io.Int.Input(
                    "rank", default=DEFAULTS.rank, min=1, max=256, tooltip="Size of the LoRA. The usual 16 is enough."
                ),
                io.Float.Input(
                    "learning_rate",
                    default=DEFAULTS.learning_rate,
                    min=1e-6,
                    max=0.1,
                    step=1e-5,
                    round=1e-6,
                    tooltip="How fast it learns. Too high breaks the picture.",
                ),
                sockets.advanced(
                    io.Int.Input(
                        "batch",
                        default=DEFAULTS.batch,
                        min=1,
                        max=64,
                        tooltip="Frames per training step. Lower needs less memory.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "seed",
                        default=DEFAULTS.seed,
                        min=0,
                        max=999_999_999,
                        control_after_generate=False,
                        tooltip="Same seed, same device: same result.",
                    )
                ),
            ],
            outputs=[sockets.Model.Output("tuned", display_name="model", tooltip="The model that knows the clip.")],
        )

    @classmethod
    def execute(
        cls, video, model: DragModel, passes: int, rank: int, learning_rate: float, batch: int, seed: int
    ) -> io.NodeOutput:
        clip = convert.to_clip(video)
        settings = TuneSettings(passes=passes, rank=rank, learning_rate=learning_rate, batch=batch, seed=seed)
        return io.NodeOutput(host.run(tune, clip, model, settings, host.progress(clip.frames)))
