"""Drag: the latents are optimised until the handles are at their targets."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.stages.drag import DragSettings, drag
from ..dragvideo_core.types import DragModel, Inversion, PointTracks, UserError
from . import host, sockets

DEFAULTS = DragSettings()


class Drag(io.ComfyNode):
    """The heart of it (Sec. 3.3 and 3.4 of the paper): changes the latents of all frames together until the handles
    sit at their targets. The preview shows the first frame as it is now, with its points; cancelling leaves nothing
    behind."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return sockets.schema(
            cls,
            node_id="DragAVideo_Drag",
            display_name="Drag",
            search_aliases=["drag diffusion", "draggan", "motion supervision"],
            inputs=[
                sockets.Inversion.Input("inversion", tooltip="From DDIM Invert."),
                sockets.Tracks.Input("tracks", tooltip="From Propagate Points."),
                sockets.model(),
                io.Int.Input(
                    "iterations",
                    default=DEFAULTS.iterations,
                    min=0,
                    max=1000,
                    tooltip="At most this many. It stops earlier when every handle is at its target.",
                ),
                io.String.Input(
                    "steps",
                    default=write_steps(DEFAULTS.steps),
                    tooltip="At which of 50 denoising steps the latents are changed. Higher: larger moves; lower: "
                    "finer detail. One step is faster than four.",
                ),
                io.Float.Input(
                    "learning_rate",
                    default=DEFAULTS.learning_rate,
                    min=1e-4,
                    max=1.0,
                    step=1e-3,
                    round=1e-4,
                    tooltip="How far each iteration changes the latents. Higher is faster and breaks the picture "
                    "sooner.",
                ),
                io.Float.Input(
                    "max_move",
                    default=DEFAULTS.max_move,
                    min=0.5,
                    max=16.0,
                    step=0.5,
                    tooltip="How far a handle can move in one iteration, in cells of half the picture's resolution (l"
                    " of Eq. 6).",
                ),
                io.Boolean.Input(
                    "lock",
                    default=DEFAULTS.lock,
                    tooltip="Keep what is outside the mask exactly as it is.",
                ),
                sockets.advanced(
                    io.Float.Input(
                        "mask_weight",
                        default=DEFAULTS.mask_weight,
                        min=0.0,
                        max=100.0,
                        step=0.05,
                        tooltip="How strongly the loss of Eq. 5 holds what is outside the mask.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "patch_radius",
                        default=DEFAULTS.patch_radius,
                        min=0,
                        max=8,
                        tooltip="Size of the patch around each point that is pulled, in cells of half the picture's "
                        "resolution.",
                    )
                ),
                sockets.advanced(
                    io.Float.Input(
                        "arrive",
                        default=DEFAULTS.arrive,
                        min=0.25,
                        max=16.0,
                        step=0.25,
                        tooltip="A handle is there when less than this is left, in cells of half the picture's "
                        "resolution.",
                    )
                ),
                sockets.advanced(
                    io.Boolean.Input(
                        "chained",
                        default=DEFAULTS.chained,
                        tooltip="On: the changes at the steps build on one another. Off: each acts on its own.",
                    )
                ),
                sockets.advanced(
                    io.Boolean.Input(
                        "moving_average",
                        default=DEFAULTS.moving_average,
                        tooltip="Let the look of the handle follow slowly (footnote 2). Off: the look it had at first"
                        " stays.",
                    )
                ),
                sockets.advanced(
                    io.Int.Input(
                        "chunk",
                        default=DEFAULTS.chunk,
                        min=1,
                        max=256,
                        tooltip="Frames at a time. Lower needs less memory; the result is the same.",
                    )
                ),
            ],
            outputs=[sockets.Edit.Output("edit", display_name="edit", tooltip="The edit, for Decode.")],
        )

    @classmethod
    def validate_inputs(cls, steps: str) -> bool | str:
        try:
            return steps is None or bool(read_steps(steps))
        except UserError as error:
            return str(error)

    @classmethod
    def execute(
        cls,
        inversion: Inversion,
        tracks: PointTracks,
        model: DragModel,
        iterations: int,
        steps: str,
        learning_rate: float,
        max_move: float,
        lock: bool,
        mask_weight: float,
        patch_radius: int,
        arrive: float,
        chained: bool,
        moving_average: bool,
        chunk: int,
    ) -> io.NodeOutput:
        settings = DragSettings(
            steps=read_steps(steps),
            learning_rate=learning_rate,
            iterations=iterations,
            max_move=max_move,
            mask_weight=mask_weight,
            patch_radius=patch_radius,
            arrive=arrive,
            lock=lock,
            chained=chained,
            moving_average=moving_average,
            chunk=chunk,
        )
        return io.NodeOutput(host.run(drag, inversion, tracks, model, settings, host.progress()))


def read_steps(text: str) -> tuple[int, ...]:
    """ "42, 41, 35" to (42, 41, 35); UserError for anything but whole numbers with commas between."""
    try:
        return tuple(int(part) for part in text.replace(",", " ").split()) or _refuse(text)
    except ValueError:
        return _refuse(text)


def write_steps(steps: tuple[int, ...]) -> str:
    """The text that `read_steps` reads."""
    return ", ".join(map(str, steps))


def _refuse(text: str) -> tuple[int, ...]:
    raise UserError(
        f"'steps' must be whole numbers with commas between, like {write_steps(DEFAULTS.steps)}: got {text!r}."
    )
