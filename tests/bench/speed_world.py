"""What the speed benchmark measures: a case, and the model, clip, tracks and inversion that it works on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from sd15.checkpoints import RandomWeights
from torch import Tensor

from dragvideo_core import embedded
from dragvideo_core.diffusion.ddim import Ddim, stable_diffusion_alphas
from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.points.sets import square_set
from dragvideo_core.stages.drag import DragSettings
from dragvideo_core.stages.invert import InvertSettings
from dragvideo_core.types import DragModel, Inversion, PointTracks, VideoClip

OURS, PUBLISHED, FROZEN = "ours", "published", "frozen"


@dataclass(frozen=True)
class Case:
    """What is measured."""

    name: str
    who: str = OURS  # PUBLISHED: the per-frame baseline; FROZEN: the same without gradients of weights
    model: str = "embedded"  # or "sd15"
    frames: int = 8
    side: int = 128  # px
    steps: tuple[int, ...] = (35,)
    iterations: int = 4
    is_whole: bool = False  # with inversion and decoding; False: the drag alone, on random latents, without warm start
    turns: int = DragSettings().turns  # ours: an iteration works on every n-th frame, on others each time
    key_every: int = 1  # ours: every n-th frame is optimised, the others are served by these
    stride: int = InvertSettings().stride  # ours: steps of inversion and decoding that one denoiser call serves
    chunk: int = 0
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True)
class World:
    """A model, a clip and what the stages before the drag made of it."""

    model: DragModel
    clip: VideoClip
    tracks: PointTracks
    inversion: Inversion

    def first(self, count: int) -> World:
        """Its first frames."""
        clip = VideoClip(self.clip.frames[:count], self.clip.source_index[:count], self.clip.fps)
        inversion = replace(self.inversion, latents=self.inversion.latents[:, :count])
        return World(self.model, clip, self.tracks.of_frames(slice(count)), inversion)


def build(case: Case, model: DragModel) -> World:
    """A clip with one pair that goes a seventh of the picture to the right; the inversion is random numbers."""
    side, cells = case.side, case.side // model.pixels_per_cell
    if side == 128:
        clip = demo_clip("flower", 101, case.frames).clip
    else:
        frames = torch.rand(case.frames, 3, side, side, generator=torch.Generator().manual_seed(0))
        clip = VideoClip(frames, torch.arange(case.frames), 8.0)
    ddim, top = Ddim(model.alphas_cumprod, model.prediction), max(case.steps)
    latents = torch.randn(top + 1, case.frames, 4, cells, cells, generator=torch.Generator().manual_seed(1))
    timesteps = torch.tensor([ddim.timestep(step) for step in range(top + 1)])
    return World(model, clip, straight_tracks(case.frames, side), Inversion(latents, timesteps))


def straight_tracks(frames: int, side: int) -> PointTracks:
    """One set of 3 x 3 points that stands still in every frame, and a mask over half the picture's side."""
    handles = square_set(torch.tensor([[0.4 * side, 0.5 * side]]), 3, 8 * side / 512).expand(frames, -1, -1, -1)
    seen = torch.ones(handles.shape[:3], dtype=torch.bool)
    mask = torch.zeros(frames, 1, side, side, dtype=torch.bool)
    mask[..., side // 4 : -side // 4, side // 4 : -side // 4] = True
    return PointTracks(
        handles=handles,
        targets=handles + torch.tensor([side / 7, 0.0]),
        is_foreground=seen,
        visible=seen,
        edit_mask=mask,
        mask_points=torch.zeros(frames, 0, 2),
    )


def load(case: Case) -> DragModel:
    """The embedded model, or one of Stable Diffusion 1.5's size."""
    if case.model == "embedded":
        return embedded.drag_model("flower")
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        denoiser = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    dtype, device = getattr(torch, case.dtype), case.device
    fill(denoiser, dtype, device)
    context = torch.randn(1, 77, 768, generator=torch.Generator().manual_seed(2))
    return DragModel(
        denoiser=denoiser,
        vae=_Autoencoder(dtype, device) if case.is_whole else None,
        context=context,
        empty_context=context,
        alphas_cumprod=stable_diffusion_alphas(),
        name="random weights of SD 1.5's size",
    )


def fill(module: torch.nn.Module, dtype: torch.dtype, device: str) -> None:
    """Random weights for a module without any; they ask for no gradients."""
    weights, shapes = RandomWeights(0), {name: tuple(value.shape) for name, value in module.state_dict().items()}
    made = {name: weights.draw(name, shape).to(device, dtype) for name, shape in shapes.items()}
    module.load_state_dict(made, assign=True)
    module.eval().requires_grad_(False)


class _Autoencoder:
    """Of Stable Diffusion's size, random weights."""

    SCALE = 0.18215

    def __init__(self, dtype: torch.dtype, device: str):
        from diffusers import AutoencoderKL

        widths = (128, 256, 512, 512)
        with torch.device("meta"):
            self.kl = AutoencoderKL(
                latent_channels=4,
                block_out_channels=widths,
                layers_per_block=2,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
            )
        fill(self.kl, dtype, device)
        self.dtype = dtype

    def encode(self, frames: Tensor) -> Tensor:
        return self.kl.encode((frames * 2 - 1).to(self.dtype)).latent_dist.mode().float() * self.SCALE

    def decode(self, latents: Tensor) -> Tensor:
        return (self.kl.decode((latents / self.SCALE).to(self.dtype)).sample.float() / 2 + 0.5).clamp(0, 1)
