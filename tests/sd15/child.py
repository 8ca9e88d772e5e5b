"""What the tests of full-size models run in a process of its own, so that its memory is free again afterwards.

    python -m sd15.child <task> <folder>

ComfyUI is imported as it is, the pack's modules under a name of their own; the answer is one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import types
from pathlib import Path

import torch
from host import source
from sd15 import checkpoints

from dragvideo_core.diffusion.ddim import stable_diffusion_alphas

TIMESTEPS = (1, 401, 981)
CELLS = 16  # side of the latents: of a picture of 128 x 128


def start(cpu: bool = True) -> tuple[types.ModuleType, types.ModuleType]:
    """ComfyUI's `comfy.sd` and the pack's `nodes.comfy.sd_model`, ready to use on the CPU, or where ComfyUI would work."""
    sys.path.insert(0, str(source.get()))
    sys.argv = sys.argv[:1]
    from comfy.cli_args import args

    if "comfy.model_management" not in sys.modules:  # which has chosen its device for good
        args.cpu = cpu
    for name, folder in (("pack", source.ROOT), ("pack.nodes", source.ROOT / "nodes")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return importlib.import_module("comfy.sd"), importlib.import_module("pack.nodes.comfy.sd_model")


def equality(folder: Path, layout: checkpoints.Layout, whole: bool, with_lora: bool) -> dict:
    """How far the converted denoiser is from ComfyUI's `apply_model`, relative, at three timesteps; then with a LoRA."""
    path = checkpoints.write_checkpoint(folder / "model.safetensors", layout, whole)
    comfy_sd, conversion = start()
    management = importlib.import_module("comfy.model_management")
    with torch.inference_mode():
        model, *_ = comfy_sd.load_checkpoint_guess_config(str(path), output_vae=False, output_clip=False)
        path.unlink()
        before = sums(model.model)
        unet = conversion._unet_config(model)
        prediction, alphas = conversion._noise_schedule(model)
        answer = {
            "family": type(model.model.model_config).__name__,
            "prediction": prediction,
            "schedule_error": float((alphas - stable_diffusion_alphas()).abs().max()),
        }
        with torch.inference_mode(False):
            ours = conversion.denoiser(model, unet, torch.float32)
        answer["errors"] = errors_of(ours, model, prediction)
        answer["is_usable"] = not any(p.requires_grad or p.is_inference() for p in ours.parameters())
        if layout == checkpoints.SMALL:
            with torch.inference_mode(False):
                half = conversion.denoiser(model, unet, torch.bfloat16)
            answer["half"] = str(half.dtype), max(errors_of(half, model, prediction))
        if with_lora:
            patched, _ = comfy_sd.load_lora_for_models(model, None, random_lora(model), 0.8, 0.0)
            del ours
            with torch.inference_mode(False):
                ours = conversion.denoiser(patched, unet, torch.float32)
            answer["errors_of_the_unpatched"] = errors_of(ours, model, prediction)
            answer["untouched"] = sums(model.model) == before
            management.load_models_gpu([patched])
            answer["errors_with_lora"] = errors_of(ours, patched, prediction)
            first = sums(ours)
            del ours
            with torch.inference_mode(False):  # what is loaded and patched in place gives the same copy
                answer["same_when_loaded"] = sums(conversion.denoiser(patched, unet, torch.float32)) == first
    return answer | {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def sums(module: torch.nn.Module) -> dict[str, float]:
    return {name: float(weight.sum()) for name, weight in module.state_dict().items()}


def errors_of(ours, model, prediction: str) -> list[float]:
    """The relative difference of what the copy and ComfyUI's model say about random latents."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 4, CELLS, CELLS, generator=generator)
    context = torch.randn(1, 77, ours.config.cross_attention_dim, generator=generator)
    sampling, errors = model.get_model_object("model_sampling"), []
    for timestep in TIMESTEPS:
        sigma = sampling.sigmas[timestep : timestep + 1]
        noisy = x * (1 + sigma**2).sqrt()
        theirs = model.model.apply_model(noisy, sigma, c_crossattn=context)
        made = ours(x.to(ours.dtype), timestep, context.to(ours.dtype), return_dict=False)[0].float()
        if prediction == "epsilon":
            theirs = (noisy - theirs) / sigma
        else:  # ComfyUI: clean = noisy / (1 + sigma^2) - v sigma / sqrt(1 + sigma^2)
            theirs = (noisy / (1 + sigma**2) - theirs) * (1 + sigma**2).sqrt() / sigma
        errors.append(float((made - theirs).norm() / theirs.norm()))
    return errors


def random_lora(model) -> dict[str, torch.Tensor]:
    """A LoRA of rank 4 in the common key format, on every attention and one convolution of the denoiser."""
    generator = torch.Generator().manual_seed(2)
    lora = {}
    for name, weight in model.model.state_dict().items():
        inner = name.removeprefix("diffusion_model.").removesuffix(".weight")
        if not name.endswith(".weight") or ("attn" not in name and inner != "input_blocks.1.0.in_layers.2"):
            continue
        rows, columns = weight.shape[0], weight[0].numel()
        sides = weight.shape[2:]
        down = torch.randn(4, columns, generator=generator) / columns**0.5
        key = "lora_unet_" + inner.replace(".", "_")
        lora[f"{key}.lora_up.weight"] = torch.randn(rows, 4, *[1] * len(sides), generator=generator) / 2
        lora[f"{key}.lora_down.weight"] = down.reshape(4, *weight.shape[1:])
        lora[f"{key}.alpha"] = torch.tensor(2.0)
    return lora


TASKS = {
    "small": lambda folder: equality(folder, checkpoints.SMALL, whole=False, with_lora=True),
    "sd15": lambda folder: equality(folder, checkpoints.SD15, whole=True, with_lora=True),
    "sd21": lambda folder: equality(folder, checkpoints.SD21, whole=False, with_lora=False),
}

if __name__ == "__main__":
    task, folder = sys.argv[1:]
    print(json.dumps(TASKS[task](Path(folder))))
