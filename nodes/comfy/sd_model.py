"""A ComfyUI MODEL, VAE and CONDITIONING of the Stable Diffusion 1.x / 2.x family as the core's `DragModel`.

The drag needs features and gradients from inside the denoiser, so it works on a copy of the weights in diffusers'
`UNet2DConditionModel`, with every weight patch (LoRA and the like) added in. The shared MODEL is only read. The VAE
goes on being ComfyUI's, with its tiling and offloading, and the text embedding is the CONDITIONING.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import comfy.lora
import comfy.model_management
import comfy.model_sampling
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from torch import Tensor

from ...dragvideo_core.diffusion import single_file
from ...dragvideo_core.types import DragModel, UserError
from ...dragvideo_core.warning import warn
from . import memory

Precision = Literal["auto", "fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SUPPORTED = "Stable Diffusion 1.x or 2.x (SD1.5 and its fine-tunes and LoRAs, SD2.0, SD2.1; epsilon or v-prediction)"
CONTEXT_WIDTHS = {768: "1.x", 1024: "2.x"}
TIMESTEPS = 1000
PREFIX = "diffusion_model."


def drag_model(model: Any, vae: Any, prompt: list, empty_prompt: list | None = None, precision: Precision = "auto") -> DragModel:
    """The core's model, its denoiser on ComfyUI's offload device.

    Args:
        model, vae: ComfyUI's MODEL (a `ModelPatcher`) and VAE.
        prompt: CONDITIONING of what the video shows.
        empty_prompt: CONDITIONING of the empty text, for finding points again; None takes `prompt` for that too.
        precision: of the copy; "auto" is what ComfyUI would choose for this device.

    UserError, before any long work, for other model families, other latents and texts of another width. A warning when the
    MODEL carries patches that are not patches of its weights: these cannot be brought along.
    """
    unet = _unet_config(model)
    prediction, alphas_cumprod = _noise_schedule(model)
    codec = ComfyCodec(vae, model.model.latent_format)
    context = _context(prompt, unet["context_dim"])
    empty_context = context if empty_prompt is None else _context(empty_prompt, unet["context_dim"])
    left_out = _left_out(model)
    if left_out:
        warn(
            f"the MODEL carries patches that act only inside ComfyUI's own sampler ({', '.join(left_out)}): they are "
            "left out. "
            "Patches of weights, such as LoRAs, are applied.",
        )
    return DragModel(
        denoiser=denoiser(model, unet, dtype_of(precision)),
        vae=codec,
        context=context,
        empty_context=empty_context,
        alphas_cumprod=alphas_cumprod,
        prediction=prediction,
        pixels_per_cell=8,
        name=_family(model),
    )


def denoiser(model: Any, unet: dict[str, Any], dtype: torch.dtype) -> UNet2DConditionModel:
    """The MODEL's denoiser with all weight patches applied, as diffusers' class: frozen, on the offload device."""
    home = comfy.model_management.unet_offload_device()
    with torch.no_grad():
        weights = {f"model.{key}": _patched(key, patches).to(home, dtype) for key, patches in model.get_key_patches(PREFIX).items()}
    config = diffusers_config(unet)
    with torch.device("meta"):
        converted = UNet2DConditionModel(**config)
    try:
        converted.load_state_dict(convert_ldm_unet_checkpoint(weights, config), assign=True)
    except RuntimeError as error:
        raise UserError(
            f"expected a {SUPPORTED} MODEL: got one of the family '{_family(model)}' whose layers differ ({str(error)[:200]}). "
            "Load a checkpoint of the standard layout."
        ) from None
    return converted.eval().requires_grad_(False)


def diffusers_config(unet: dict[str, Any]) -> dict[str, Any]:
    """ComfyUI's description of a denoiser in diffusers' words (`UNet2DConditionModel`'s arguments)."""
    channels = [unet["model_channels"] * mult for mult in unet["channel_mult"]]
    layers = unet["num_res_blocks"][0]
    has_attention = [unet["transformer_depth"][level * layers] > 0 for level in range(len(channels))]
    width = unet.get("num_head_channels", -1)
    heads = unet["num_heads"] if width == -1 else [count // width for count in channels]  # diffusers calls it head_dim
    return {
        "sample_size": 64,
        "in_channels": unet["in_channels"],
        "out_channels": unet["out_channels"],
        "block_out_channels": tuple(channels),
        "layers_per_block": layers,
        "cross_attention_dim": unet["context_dim"],
        "attention_head_dim": heads,
        "use_linear_projection": unet["use_linear_in_transformer"],
        "down_block_types": tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in has_attention),
        "up_block_types": tuple("CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(has_attention)),
    }


def dtype_of(precision: Precision) -> torch.dtype:
    """The copy's dtype; for "auto" ComfyUI's choice for its device, which heeds its command line."""
    if precision in DTYPES:
        return DTYPES[precision]
    chosen = comfy.model_management.unet_dtype(comfy.model_management.get_torch_device(), supported_dtypes=list(DTYPES.values()))
    return chosen if chosen in DTYPES.values() else torch.float16  # a float8 for storing: nothing can be computed in it


class ComfyCodec:
    """ComfyUI's VAE as the core's `LatentCodec`. It looks after its own device, batches and tiling."""

    def __init__(self, vae: Any, latent_format: Any):
        """UserError unless it is a VAE of 4 channels at an eighth of the picture's side."""
        if vae is None or getattr(vae, "first_stage_model", None) is None:
            raise UserError("expected a VAE: got none. This checkpoint holds no VAE; load one with Load VAE.")
        shape = (vae.latent_channels, vae.downscale_ratio, vae.latent_dim)
        if shape != (4, 8, 2):
            raise UserError(
                "expected a Stable Diffusion 1.x or 2.x VAE with 4 latent channels at 1/8 of the picture: "
                f"got {shape[0]} channels at 1/{shape[1]}. Wire the VAE of the same checkpoint as the MODEL."
            )
        self._vae, self.scaling_factor = vae, float(latent_format.scale_factor)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [0, 1] to latents (N, 4, H / 8, W / 8) as the denoiser sees them."""
        return self._called(self._vae.encode, frames.movedim(1, -1)) * self.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, 4, h, w) as the denoiser sees them to frames (N, 3, 8 h, 8 w) in [0, 1]."""
        return self._called(self._vae.decode, latents / self.scaling_factor).movedim(-1, 1)

    def portable(self) -> single_file.Codec:
        """The same autoencoder as diffusers' class, on the CPU, for a process without ComfyUI. UserError for other layers."""
        weights = {f"{single_file.VAE}{name}": weight.detach().clone() for name, weight in self._vae.get_sd().items()}
        try:
            return single_file.Codec(single_file.autoencoder(weights).to("cpu", self._vae.vae_dtype))
        except (RuntimeError, KeyError) as error:
            raise UserError(
                "this VAE cannot be handed to other devices: expected Stable Diffusion's own, got other layers "
                f"({str(error)[:200]}). Load the checkpoint's VAE, or choose 'this one' as 'devices'."
            ) from None

    def _called(self, call: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        """What the VAE makes. ComfyUI moves the denoiser out where there is no room for both: a stage finds it there again."""
        try:
            with torch.inference_mode():
                made = call(values)
            return made.clone()
        finally:
            memory.bring_back()


def _family(model: Any) -> str:
    """What ComfyUI calls the MODEL's family."""
    config = getattr(getattr(model, "model", None), "model_config", None)
    return type(config).__name__ if config is not None else type(model).__name__


def _unet_config(model: Any) -> dict[str, Any]:
    """ComfyUI's description of the denoiser; UserError unless it is one of the supported families."""
    unet = getattr(getattr(getattr(model, "model", None), "model_config", None), "unet_config", {})
    depths = unet.get("transformer_depth") or []
    ours = (
        unet.get("context_dim") in CONTEXT_WIDTHS
        and unet.get("adm_in_channels") is None
        and len(unet.get("channel_mult", ())) == 4
        and not unet.get("use_temporal_attention")
        and max(depths, default=0) == 1
        and unet.get("transformer_depth_middle") == 1
        and len(set(unet["num_res_blocks"])) == 1
    )
    if not ours:
        raise UserError(f"expected a {SUPPORTED} MODEL: got one of the family '{_family(model)}'. Load such a checkpoint.")
    channels = unet["in_channels"], unet["out_channels"]
    if channels != (4, 4):
        raise UserError(
            f"expected a text-to-image {SUPPORTED} MODEL with 4 channels in and out: got {channels[0]} in, {channels[1]} out, as "
            "inpainting and image-conditioned checkpoints have. Load the base checkpoint."
        )
    return unet


def _noise_schedule(model: Any) -> tuple[str, Tensor]:
    """What the denoiser predicts, and alphas_cumprod (1000,) float32; heeds a patched ModelSampling.

    UserError for predictions and schedules that are neither epsilon nor v over 1000 discrete steps.
    """
    sampling = model.get_model_object("model_sampling")
    kinds = {
        comfy.model_sampling.EPS.calculate_denoised: "epsilon",
        comfy.model_sampling.V_PREDICTION.calculate_denoised: "v_prediction",
    }
    prediction = kinds.get(getattr(type(sampling), "calculate_denoised", None))
    sigmas = getattr(sampling, "sigmas", torch.zeros(0))
    discrete = isinstance(sampling, comfy.model_sampling.ModelSamplingDiscrete)
    if prediction is None or len(sigmas) != TIMESTEPS or not discrete:
        kind = type(sampling).__mro__[1].__name__
        raise UserError(
            f"expected epsilon or v-prediction over {TIMESTEPS} steps: got a MODEL with another sampling ({kind}, "
            f"{len(sigmas)} steps). Take out the ModelSampling node, and load no LCM or distilled checkpoint."
        )
    return prediction, (1 / (1 + sigmas.detach().cpu().double() ** 2)).float().clone()


def _context(conditioning: list, width: int) -> Tensor:
    """The text embedding (1, L, D) of a CONDITIONING, float32 on the CPU.

    UserError unless it is one text of this width.
    """
    if len(conditioning) != 1 or conditioning[0][0].shape[0] != 1:
        raise UserError(
            f"expected a CONDITIONING of one text: got {len(conditioning)} parts. Wire one CLIP Text Encode, without combining."
        )
    embedding, options = conditioning[0]
    if embedding.shape[-1] != width:
        raise UserError(
            f"expected a CONDITIONING of width {width} (Stable Diffusion {CONTEXT_WIDTHS[width]}): got "
            f"{embedding.shape[-1]}. Encode the text with the CLIP of the same checkpoint as the MODEL."
        )
    if not torch.isfinite(embedding).all():
        raise UserError("the CONDITIONING holds NaN or infinity: expected finite numbers. Check the CLIP that made it.")
    ignored = [name for name in ("control", "gligen", "hooks", "area", "mask") if options.get(name) is not None]
    if ignored:
        warn(f"the CONDITIONING carries more than text ({', '.join(ignored)}): only its text is used.")
    return embedding.detach().to("cpu", torch.float32, copy=True)


def _patched(key: str, patches: list) -> Tensor:
    """One weight, float32, with its patches added: what ComfyUI itself does when it loads the model."""
    (weight, convert), *more = patches
    device = comfy.model_management.get_torch_device() if more else weight.device
    value = convert(comfy.model_management.cast_to_device(weight, device, torch.float32, copy=True), inplace=True)
    return comfy.lora.calculate_weight(more, value, key) if more else value


def _left_out(model: Any) -> list[str]:
    """Names of what the MODEL carries besides weight patches and the noise schedule."""
    options = getattr(model, "model_options", {})
    transformer = options.get("transformer_options", {})
    patches = [
        name for kind in ("patches", "patches_replace", "wrappers") for name, held in transformer.get(kind, {}).items() if held
    ]
    patches += [name for name in ("model_function_wrapper",) if options.get(name) is not None]
    patches += [name for name in getattr(model, "object_patches", {}) if name != "model_sampling"]
    patches += [str(name) for kind in ("injections", "hook_patches", "weight_wrapper_patches") for name in getattr(model, kind, {})]
    return patches
