"""Every value that crosses a stage border.

Axis letters: N frames, K iterations, T denoising steps, J handle/target pairs, S points in a point set (9 for 3 x 3),
Q mask points, H x W pixels, h x w latent cells, C feature channels. Points are float (x, y), pixel centres at integers,
in pixels of the clip. All dataclasses are frozen and their tensors are never changed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

Size = tuple[int, int]  # (H, W)
HALVED = 8  # cells of a latent make one of a denoiser's smallest: it halves them three times


def size_of(pictures: Tensor) -> Size:
    """(H, W) of pictures (..., H, W)."""
    return pictures.shape[-2], pictures.shape[-1]


@dataclass(frozen=True)
class Box:
    """A part of a picture: rows and columns, in its pixels."""

    rows: slice
    columns: slice

    @property
    def size(self) -> Size:
        """(H, W)"""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def times(self, factor: int) -> Box:
        """The same part of a picture that is `factor` times as large."""
        return Box(*(slice(part.start * factor, part.stop * factor) for part in (self.rows, self.columns)))

    def widened(self, margin: int, size: Size) -> Box:
        """The box with `margin` px at least on each side of it, from a multiple of that to a multiple of it, as far as a picture of
        `size` (H, W) goes."""
        parts = zip((self.rows, self.columns), size, strict=True)
        return Box(
            *(
                slice(max(0, (part.start // margin - 1) * margin), min(side, (-(-part.stop // margin) + 1) * margin))
                for part, side in parts
            )
        )

    def within(self, other: Box) -> Box:
        """The box in the pixels of another one, which it lies in."""
        return Box(
            *(
                slice(own.start - of.start, own.stop - of.start)
                for own, of in ((self.rows, other.rows), (self.columns, other.columns))
            )
        )

    def over(self, pixels: int) -> Box:
        """The same part of a latent whose cells are so many pixels wide; the box has to be of whole cells."""
        return Box(*(slice(part.start // pixels, part.stop // pixels) for part in (self.rows, self.columns)))

    def as_tensor(self) -> Tensor:
        """What goes into a file: (4,) int64, the first row and the one behind the last, and the columns likewise."""
        return torch.tensor([self.rows.start, self.rows.stop, self.columns.start, self.columns.stop])

    @staticmethod
    def read_from(numbers: Tensor, size: Size) -> Box | None:
        """The box of a picture of `size` (H, W) that `as_tensor` made these numbers of; None where they are none."""
        if numbers.dtype != torch.int64 or numbers.shape != (4,):
            return None
        top, bottom, left, right = numbers.tolist()
        is_inside = 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]
        return Box(slice(top, bottom), slice(left, right)) if is_inside else None

    def cut(self, pictures: Tensor) -> Tensor:
        """That part of pictures (..., H, W)."""
        return pictures[..., self.rows, self.columns]

    def placed(self, part: Tensor, whole: Tensor) -> Tensor:
        """A copy of pictures (..., H, W) in which that part is another."""
        copy = whole.clone()
        self.cut(copy).copy_(part)
        return copy


class UserError(ValueError):
    """Something the user can put right: the text says what was expected, what came, and what to do."""


# Called by every long stage after each piece of work with (done, total, picture). `picture()` draws the state of the
# work as (3, H, W) float RGB in [0, 1]; it costs time, so call it only when somebody looks; it is None where there is
# nothing to show. To cancel, raise: nothing is left behind.
OnProgress = Callable[[int, int, Callable[[], Tensor] | None], None]


def showing(picture: Tensor) -> Callable[[], Tensor]:
    """`picture()` of a picture (3, H, W) that is there already."""
    return lambda: picture


def ignore_progress(done: int, total: int, picture: Callable[[], Tensor] | None) -> None:
    """The default `on_progress`."""


LEAST_SIDE = 16  # px of a frame


@dataclass(frozen=True)
class VideoClip:
    """Frames to edit."""

    frames: Tensor  # (N, 3, H, W) float32 RGB in [0, 1], on the CPU; of any size; models ask for multiples of 64
    source_index: Tensor  # (N,) int64: which frame of the file each one is
    fps: float  # of the clip as it is here: after skipping frames

    def __post_init__(self) -> None:
        shape = tuple(self.frames.shape)
        if len(shape) != 4 or shape[1] != 3 or shape[0] == 0:
            raise UserError(
                f"a clip needs frames of shape (N, 3, H, W) with N >= 1: got {shape}. Check what is wired in as the video."
            )
        if min(shape[2:]) < LEAST_SIDE:
            raise UserError(
                f"a clip needs frames of at least {LEAST_SIDE} x {LEAST_SIDE} px: got {shape[3]} x {shape[2]}. "
                "Wire in larger frames."
            )
        values = self.frames if self.frames.is_contiguous() else self.frames.movedim(1, -1)  # in memory's order: far faster
        if values.is_floating_point() and not torch.stack(torch.aminmax(values)).isfinite().all():
            raise UserError("the frames contain NaN or infinity: expected finite values in [0, 1]. Check the node that made them.")

    @property
    def size(self) -> Size:
        """(H, W)"""
        return size_of(self.frames)

    def __len__(self) -> int:
        return self.frames.shape[0]


@dataclass(frozen=True)
class Stroke:
    """A stroke of a brush: roughly over the thing that is dragged, or over the ground around it."""

    kind: str  # "thing" or "ground"
    radius: float  # px
    points: Tensor  # (P, 2), P >= 1: the brush's way


@dataclass(frozen=True)
class TargetKey:
    """Where a target is to be in a frame other than the one the points were picked on."""

    frame: int
    pair: int
    move: Tensor  # (2,) px: from the handle, wherever it is in that frame


@dataclass(frozen=True)
class PointPicks:
    """What the user clicked on one frame."""

    handles: Tensor  # (J, 2)
    targets: Tensor  # (J, 2)
    mask_points: Tensor  # (Q, 2), Q may be 0: then what lies near the drags may change, and the layer near the handles
    frame: int  # index into the clip: 0 unless the points sit on a later key frame
    size: Size  # that the coordinates refer to
    strokes: tuple[Stroke, ...] = ()  # on the same frame
    keys: tuple[TargetKey, ...] = ()  # none: the targets keep their way from the handles in all frames (Eq. 2)
    strength: tuple[tuple[int, float], ...] = ()  # (frame, 0 to 1) that all ways are multiplied with; none: 1


@dataclass(frozen=True)
class Correction:
    """Where a handle really is in a frame, set by hand after propagation."""

    frame: int
    pair: int
    handle: Tensor  # (2,)


class Segmenter(Protocol):
    """Says which pixels belong to the things that were clicked."""

    @property
    def masks(self) -> Tensor | None:
        """The thing as somebody gave it: (N, H, W) float32 in [0, 1], or (1, H, W) of the frame that the points were picked
        on; of any size. None: nobody did."""

    @property
    def front(self) -> Tensor | None:
        """Things that stay in front of it: (N, H, W), or (1, H, W) of every frame, as `masks`. None: there are none."""

    @property
    def asks_points(self) -> bool:
        """Does `foreground` depend on its prompts? If not and there are no masks, it knows nothing of the thing."""

    def check(self, frames: int) -> None:
        """UserError if it cannot answer for a clip of so many frames. Asked before any work."""

    def foreground(self, index: int, frame: Tensor, prompts: Tensor, ground: Tensor | None = None) -> Tensor:
        """Frame number `index`, its picture (3, H, W), prompts (P, 2) on ONE thing, ground (G, 2) off it: (H, W) bool."""

    def free(self) -> None:
        """Give back the memory that it holds. It can be asked again, which costs some of the work once more."""


@dataclass(frozen=True)
class PointTracks:
    """The point sets in every frame (Sec. 3.2)."""

    handles: Tensor  # (N, J, S, 2)
    targets: Tensor  # (N, J, S, 2)
    is_foreground: Tensor  # (N, J, S) bool
    visible: Tensor  # (N, J, S) bool: False where the point is hidden in that frame
    edit_mask: Tensor  # (N, 1, H, W) bool, True = may change
    mask_points: Tensor  # (N, Q, 2), Q may be 0
    layer: Tensor | None = None  # (N, 1, H, W) float32 in [0, 1]: how much of each pixel the thing covers; None: not known
    front: Tensor | None = None  # the same of things that stay in front of it; None: there are none

    def of_frames(self, frames: slice) -> PointTracks:
        """The tracks of some frames alone."""
        return self.each(lambda values: values[frames])

    def each(self, change: Callable[[Tensor], Tensor]) -> PointTracks:
        """The tracks with every tensor changed in the same way; what is not known stays so."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return PointTracks(**{name: change(value) for name, value in values.items() if value is not None})


@dataclass(frozen=True)
class Displacement:
    """The clip with the dragged part moved as a piece, and nothing made up but what fills the freed ground."""

    frames: Tensor  # (N, 3, H, W) float32 RGB in [0, 1]: the displaced layer over the ground
    backward: Tensor  # (N, H, W, 2) float32 px, (x, y): where in the same frame each pixel comes from; itself where nothing moved
    matte: Tensor  # (N, 1, H, W) float32 in [0, 1]: how much of each pixel the displaced layer covers
    freed: Tensor  # (N, 1, H, W) bool: ground that the layer covered and covers no more
    shown_elsewhere: Tensor  # (N, 1, H, W) bool: freed ground that another frame shows; the rest of it is made up
    stretch: (
        Tensor  # (N, 1, H, W) float32: how many times as long the layer is there, along its most stretched direction; 1 = as it was
    )

    def of_frames(self, frames: slice) -> Displacement:
        """The displacement of some frames alone."""
        return self.each(lambda values: values[frames])

    def each(self, change: Callable[[Tensor], Tensor]) -> Displacement:
        """The displacement with every tensor changed in the same way."""
        return Displacement(**{field.name: change(getattr(self, field.name)) for field in fields(self)})


class LatentCodec(Protocol):
    """A latent diffusion model's autoencoder. Latents are those that the denoiser sees (scaling factor applied)."""

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [0, 1] to latents (N, 4, h, w)."""

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, 4, h, w) to frames (N, 3, H, W) in [0, 1]."""


@dataclass(frozen=True)
class DragModel:
    """A Stable-Diffusion-shaped model: what the stages need of it and nothing more."""

    denoiser: torch.nn.Module  # diffusers UNet2DConditionModel; its parameters' device and dtype are used
    vae: LatentCodec
    context: Tensor  # (1, L, D) embedding of the prompt
    empty_context: Tensor  # (1, L, D) embedding of the empty prompt, for DIFT
    alphas_cumprod: Tensor  # (1000,) float32 noise schedule
    prediction: str = "epsilon"  # or "v_prediction"
    pixels_per_cell: int = 8  # H / h
    name: str = "model"
    lora: dict[str, Tensor] | None = None  # weights that `tune` trained and fused, in peft's names
    lora_losses: tuple[float, ...] = ()  # of the training's steps
    most_noise_error: float | None = None  # `familiar.noise_error` on pictures that it was made for, at most; None: for any
    paint_from: int = 10  # step of 50 from which it paints freed ground over the fill; 0: it does that no better
    on_all_devices: bool = False  # whether the stages that work with it are to be shared by all devices of the machine

    @property
    def device(self) -> torch.device:
        """Where the denoiser's weights are."""
        return next(self.denoiser.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the denoiser's weights."""
        return next(self.denoiser.parameters()).dtype


@dataclass(frozen=True)
class Inversion:
    """The clip's latents along DDIM inversion."""

    latents: Tensor  # (T + 1, N, 4, h, w) float32 on the CPU; index = step, 0 = clean
    timesteps: Tensor  # (T + 1,) int64: the timestep of each step
    frames: Tensor | None = None  # (N, 3, H, W) as in the clip: what step 0 was encoded from; None: it was made elsewhere
    box: Box | None = None  # of the clip: the part that was inverted, beside it is plain noise; None: all of it


@dataclass(frozen=True)
class Round:
    """One call of `drag`, for the record."""

    settings: str  # DragSettings as JSON
    iterations: int  # that it made
    left_before: float  # px from the handles to their targets, mean over frames and points
    left_after: float
    strength: float = 1.0  # that its offsets were multiplied with afterwards


@dataclass(frozen=True)
class DragResult:
    """The edit: what has to be added to the latents, and how it was found. K counts the iterations of all rounds."""

    offsets: dict[int, Tensor]  # step -> (N, 4, h, w) float32 on the CPU
    handle_path: Tensor  # (K + 1, N, J, S, 2) px: the handles before and after each iteration
    losses: Tensor  # (K, 2): drag loss, mask loss
    arrived: Tensor  # (J,) bool: did the pair reach its target before the iterations ran out
    rounds: tuple[Round, ...] = ()  # how it was made, the newest last


@dataclass(frozen=True)
class Score:
    """One measured number."""

    value: float
    unit: str
    better: str  # "lower" or "higher"
    meaning: str
    per_frame: tuple[float, ...] = ()  # the same of each frame, NaN where it cannot be measured; empty where it has none


Scores = dict[str, Score]
