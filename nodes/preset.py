"""What sets up the subgraph "Drag a Video": one choice for the settings of every stage, and the switch at its end."""

from __future__ import annotations

import dataclasses
from typing import Any

from comfy_api.latest import io

from ..dragvideo_core.pipeline import Settings, as_needed
from ..dragvideo_core.stages.decode import DecodeSettings
from ..dragvideo_core.stages.drag import DragSettings
from ..dragvideo_core.stages.invert import InvertSettings
from ..dragvideo_core.stages.tune import TuneSettings
from ..dragvideo_core.types import Displacement, DragModel
from . import sockets
from .comfy import messages
from .drag import write_steps

QUICK, BEST, PAPER = "quick", "best", "paper"


@dataclasses.dataclass(frozen=True)
class Preset:
    """The settings that differ from preset to preset, for Tune LoRA, DDIM Invert, Drag and Decode Edit."""

    uses_model: bool = True
    uses_displacement: bool = True
    passes: int = TuneSettings().passes
    until: int = InvertSettings().until
    stride: int = 2
    iterations: int = DragSettings().iterations
    refine: int = DragSettings().refine
    steps: tuple[int, ...] = DragSettings().steps
    learning_rate: float = DragSettings().learning_rate
    lock: bool = True
    mask_weight: float = DragSettings().mask_weight
    warm_start: bool = True
    reach: float = DragSettings().reach
    turns: int = 2

    def as_needed(self, displacement: Displacement, model: DragModel) -> Preset:
        """The same without the model's steps that no frame would show, or without the model where it would change nothing."""
        if not (self.uses_model and self.uses_displacement):
            return self
        settings = Settings(
            invert=InvertSettings(until=self.until, stride=self.stride),
            drag=DragSettings(steps=self.steps, warm_start=self.warm_start, refine=self.refine),
            decode=DecodeSettings(lock=self.lock, stride=self.stride),
        )
        needed = as_needed(settings, displacement, model)
        if needed is None:
            return dataclasses.replace(self, uses_model=False)
        return dataclasses.replace(self, until=needed.invert.until, steps=needed.drag.steps)


NOTHING_LEFT = (
    "nothing is left for this model: what moved keeps its own pixels, and it paints freed ground no better than the fill. "
    "The video is that of 'quick'."
)
PRESETS = {
    QUICK: Preset(uses_model=False),
    BEST: Preset(),
    # Sec. 4.1: from zero offsets, every frame in every iteration, what is outside the mask held by Eq. 5 alone
    PAPER: Preset(
        uses_displacement=False,
        stride=1,
        iterations=60,
        steps=(42, 41, 35, 30),
        learning_rate=0.01,
        lock=False,
        mask_weight=1.0,
        warm_start=False,
        reach=0.0,
        turns=1,
    ),
}


class ChoosePreset(io.ComfyNode):
    """Sets every stage of the edit with one choice. quick: the parts are displaced, without a model. best: a model goes on
    from there. paper: the paper's method alone, without a displacement."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Preset",
            display_name="Drag Preset",
            search_aliases=["quick", "best", "paper", "drag settings"],
            inputs=[
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default=QUICK,
                    tooltip="quick: moves the parts, no model, seconds. best: a model also repaints what moving pixels cannot "
                    "show, minutes. paper: the paper's method alone, to compare. It is the slowest, and its handles often stop "
                    "short.",
                ),
                sockets.Displacement.Input("displacement", tooltip="From Displace. With 'paper' it is not used."),
                sockets.Model.Input(
                    "model",
                    optional=True,
                    tooltip="The model that Tune LoRA gets. With it 'best' leaves out what would change no frame: all of the "
                    "model's stages where the displacement leaves nothing to it. Leave it unwired if you changed Decode Edit's "
                    "settings.",
                ),
            ],
            outputs=[
                sockets.Displacement.Output("chosen", display_name="displacement", tooltip="For Drag and Decode Edit."),
                io.Boolean.Output("uses_model", display_name="uses model", tooltip="For Choose Edit."),
                io.Int.Output("passes", display_name="passes", tooltip="For Tune LoRA."),
                io.Int.Output("until", display_name="until", tooltip="For DDIM Invert."),
                io.Int.Output("stride", display_name="stride", tooltip="For DDIM Invert and Decode Edit."),
                io.Int.Output("iterations", display_name="iterations", tooltip="For Drag."),
                io.Int.Output("refine", display_name="refine", tooltip="For Drag."),
                io.String.Output("steps", display_name="steps", tooltip="For Drag."),
                io.Float.Output("learning_rate", display_name="learning_rate", tooltip="For Drag."),
                io.Boolean.Output("lock", display_name="lock", tooltip="For Drag and Decode Edit."),
                io.Float.Output("mask_weight", display_name="mask_weight", tooltip="For Drag."),
                io.Boolean.Output("warm_start", display_name="warm_start", tooltip="For Drag."),
                io.Float.Output("reach", display_name="reach", tooltip="For Drag."),
                io.Int.Output("turns", display_name="turns", tooltip="For Drag."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, preset: str, displacement: Displacement, model: DragModel | None = None) -> io.NodeOutput:
        made = PRESETS[preset]
        if model is not None:
            made = made.as_needed(displacement, model)
        if made.uses_model < PRESETS[preset].uses_model:
            messages.say_on_node(NOTHING_LEFT, cls.hidden.unique_id)
        chosen = dataclasses.asdict(made) | {"steps": write_steps(made.steps)}
        return io.NodeOutput(displacement if chosen.pop("uses_displacement") else None, *chosen.values())


class ChooseEdit(io.ComfyNode):
    """Hands on the displaced video, or the one that the model has edited. What is not chosen does not run."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_ChooseEdit",
            display_name="Choose Edit",
            search_aliases=["switch", "lazy"],
            inputs=[
                io.Boolean.Input(
                    "uses_model", default=False, tooltip="On: the model's edit. Off: the displaced video. From Drag Preset."
                ),
                io.Video.Input("displaced", tooltip="The video of Displace."),
                io.Video.Input("edited", optional=True, lazy=True, tooltip="The video of Decode Edit: made only if it is chosen."),
            ],
            outputs=[io.Video.Output("video", display_name="video", tooltip="The one that was chosen.")],
        )

    @classmethod
    def check_lazy_status(cls, uses_model: bool, displaced: Any = None, edited: Any = None) -> list[str]:
        return ["edited"] if uses_model and edited is None else []

    @classmethod
    def execute(cls, uses_model: bool, displaced: Any, edited: Any = None) -> io.NodeOutput:
        return io.NodeOutput(edited if uses_model and edited is not None else displaced)
