"""Drag: the latents are optimised until the handles are at their targets."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragvideo_core.dragging.verdict import verdict
from ..dragvideo_core.stages.drag import DragSettings, drag, seconds_of
from ..dragvideo_core.types import Displacement, DragModel, DragResult, Inversion, PointTracks, UserError
from . import sockets
from .comfy import folders, messages
from .comfy.run import progress, run

MOST_TEXT = 1000  # characters of 'steps'
MOST_SHOWN = 60  # of them in an error


class Drag(io.ComfyNode):
    """The heart of it (Sec. 3.3 and 3.4 of the paper): changes the latents of all frames together until the handles sit
    at their targets. The preview shows the first frame as it is now, with its points. Cancelled or crashed, it goes on
    where it was when you run it again; with an edit put in, it is another round on top of that."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        def setting(*row, **more):
            return sockets.setting(DragSettings, *row, **more)

        cells = "in cells of half the picture's resolution"
        steps = io.String.Input(
            "steps",
            default=write_steps(DragSettings().steps),
            tooltip="At which of 50 denoising steps the latents change. Higher: larger moves, lower: finer detail. "
            "One step is faster than four.",
        )
        return sockets.schema(
            cls,
            node_id="DragAVideo_Drag",
            display_name="Drag",
            search_aliases=["drag diffusion", "draggan", "motion supervision"],
            inputs=[
                sockets.Inversion.Input("inversion", tooltip="From DDIM Invert."),
                sockets.Tracks.Input("tracks", tooltip="From Propagate Points or Use Tracks."),
                sockets.model(),
                setting("iterations", "At most this many. It stops earlier when all handles have arrived.", 0, 1000),
                steps,
                setting("learning_rate", "How much an iteration changes. Too high breaks the picture.", 1e-4, 1.0, 1e-3),
                setting("max_move", f"How far a handle moves in one iteration at most, {cells} (l of Eq. 6).", 0.5, 16.0, 0.5),
                setting("lock", "Keep what is outside the mask exactly as it is."),
                setting(
                    "mask_weight",
                    "How strongly the loss of Eq. 5 holds what is outside the mask; 1: as in the paper. With 'lock' on nothing "
                    "changes there, and this does nothing.",
                    0.0,
                    100.0,
                    0.05,
                    True,
                ),
                setting("patch_radius", f"Radius of the patch around each point that is pulled, {cells}.", 0, 8, None, True),
                setting("arrive", f"A handle has arrived when less than this is left, {cells}.", 0.25, 16.0, 0.25, True),
                setting("chained", "On: the changes at the steps build on one another. Off: each on its own.", advanced=True),
                setting(
                    "moving_average",
                    "The look by which a handle is found again follows its changes slowly (footnote 2 of the paper). Off: it stays "
                    "as it was at first.",
                    advanced=True,
                ),
                setting("chunk", sockets.CHUNK_TOOLTIP, 0, 256, advanced=True),
                setting(
                    "warm_start",
                    "On: begin with the parts displaced to their targets and let the iterations put them right: nearer to "
                    "the target in fewer iterations. Off: pull them there step by step, as in the paper.",
                    advanced=True,  # so optional: a workflow saved before it was there lines up
                ),
                setting(
                    "reach",
                    "How far, in frames, a frame's change also serves its neighbours, moved along with the points: less "
                    "flicker. 0: every frame for itself, as in the paper.",
                    0.0,
                    8.0,
                    0.5,
                    True,
                ),
                setting(
                    "key_every",
                    "Change only one frame in n, more of them where the points move more; the frames between get its change: n "
                    "times faster. For clips of a high frame rate. 1: every frame.",
                    1,
                    16,
                    advanced=True,
                ),
                setting(
                    "turns",
                    "Each iteration works on every n-th frame, on different ones each time: 2 halves the time. 1: on all of "
                    "them, as in the paper.",
                    1,
                    16,
                    advanced=True,
                ),
                sockets.Edit.Input(
                    "earlier_edit",
                    optional=True,
                    tooltip="Another round: start from this edit of the same clip, from Drag, Load Edit or Combine Edits. "
                    "Its handles go on from where they are.",
                ),
                setting(
                    "refine",
                    "With a displacement: at most this many iterations, instead of 'iterations'. The parts are at their "
                    "targets already.",
                    0,
                    1000,
                    advanced=True,
                ),
                sockets.Displacement.Input(
                    "displacement",
                    optional=True,
                    tooltip="From Displace, made with the same tracks: the drag starts with its frames, and 'refine' says "
                    "how long it goes on. Without it 'warm_start' displaces the parts by itself, without a layer.",
                ),
            ],
            outputs=[sockets.Edit.Output("edit", display_name="edit", tooltip="The edit, for Decode Edit.")],
            hidden=[io.Hidden.unique_id],
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
        steps: str,
        earlier_edit: DragResult | None = None,
        displacement: Displacement | None = None,
        **settings,
    ) -> io.NodeOutput:
        settings, unfinished = DragSettings(steps=read_steps(steps), **settings), folders.unfinished()
        on_progress = progress()
        with messages.warnings_on_node(cls.hidden.unique_id):
            most = run(seconds_of, inversion, model, settings, earlier_edit, displacement)
            on_progress.expect(most, may_end_early=True)  # when all have arrived
            edit = run(drag, inversion, tracks, model, settings, on_progress, earlier_edit, unfinished, displacement)
            messages.say_on_node(verdict(edit), cls.hidden.unique_id)
        return io.NodeOutput(edit)


def read_steps(text: str) -> tuple[int, ...]:
    """ "42, 41, 35" to (42, 41, 35); UserError for anything but whole numbers with commas between."""
    try:
        steps = tuple(int(part) for part in text.replace(",", " ").split()) if len(text) <= MOST_TEXT else ()
    except ValueError:
        steps = ()
    if not steps:
        usual = write_steps(DragSettings().steps)
        got = repr(text[:MOST_SHOWN])
        raise UserError(f"'steps' must be whole numbers with commas between, like {usual}: got {got}. Correct them.")
    return steps


def write_steps(steps: tuple[int, ...]) -> str:
    """The text that `read_steps` reads."""
    return ", ".join(map(str, steps))
