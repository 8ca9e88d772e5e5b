"""Trains the embedded model from nothing: `python -m dragvideo_core.embedded.train --work DIR` (CPU or GPU).

Three steps, each resumable from DIR: draw pictures of all kinds (other seeds than every test and benchmark) and, with
`--photographs`, cut others from a folder of photographs and films; train the autoencoder on them; train the denoiser on their
latents. `--decoder-steps` afterwards sharpens the decoder alone; the latents do not move, so the denoiser stays right. The last
line writes `embedded_model.safetensors`. With `--adapt-steps` the autoencoder of the file `--start` learns the photographs instead
(`adapt.py`); with `--tune-steps` its denoiser learns latents of as many photographs as drawings, and to fill holes in them
(`filling.py`). docs/model.md says how the shipped weights were made, and names the pictures.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..diffusion.ddim import stable_diffusion_alphas
from ..points.sampling import mask_to_cells
from ..types import size_of
from .adapt import adapt
from .drawn_clips import draw
from .drawn_world import KINDS, SIZE, Pose, Scene, random_pose, random_scene
from .filling import filled, filling_loss, freed_by_drag
from .model import WEIGHTS, EmbeddedModel, PatchAutoencoder, deepened, load, save, word_ids
from .photographs import photographs, random_crop

TRAINING_SEED = 1_000_000_000  # pictures have seeds from here on; tests and benchmarks stay far below
BATCH = 16
SPAWN = get_context("spawn")  # a fork of a process whose threads work on pictures may wait for them for ever
TUNE_RATE = 3e-4  # learning rate of a denoiser that learns photographs and filling


def main() -> None:
    options = _options()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    drawn = options.pictures if options.photographs is None else options.pictures // 4
    pictures = _pictures(work / "pictures.npy", drawn, options.pictures - drawn, options.photographs)
    words = torch.where(torch.arange(len(pictures)) < drawn, torch.arange(len(pictures)) % len(KINDS) + 1, 0)

    if options.adapt_steps or options.tune_steps:
        model = deepened(load(options.start), options.layers).to(device)
        if options.adapt_steps:
            adapt(model.vae, pictures, drawn, options.adapt_steps, work / "adapted.pt")
        if options.tune_steps:
            fills, holes = _fills(work, pictures, drawn)
            clean, fill = (
                _latents(model.vae, some, work / f"tuning_{name}.pt", (False,))
                for name, some in (("clean", pictures[: 2 * drawn]), ("fill", fills))
            )
            _tune_denoiser(model, clean, fill, holes, words, options.tune_steps, work / "tuned.pt")
        _write(model, options)
        return
    model = EmbeddedModel().to(device)
    vae = model.vae
    _train_autoencoder(vae, pictures, options.vae_steps, work / "vae.pt")
    latents = _latents(vae, pictures, work / "latents.pt")
    _train_denoiser(model, latents, words, options.steps, options.rate, work / "denoiser.pt")
    _sharpen_decoder(vae, pictures, options.decoder_steps, work / "decoder.pt")
    _write(model, options)


def _write(model: EmbeddedModel, options: argparse.Namespace) -> None:
    told = (
        ("layers", "adapt_steps", "tune_steps")
        if options.adapt_steps or options.tune_steps
        else ("vae_steps", "steps", "decoder_steps")
    )
    said = {name: getattr(options, name) for name in ("pictures", *told, "seed")} | {"batch": BATCH}
    save(model, options.out, metadata={"training": json.dumps(said)})
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.2f} MB)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures and checkpoints")
    parser.add_argument("--photographs", type=Path, help="folder of pictures and films that three in four pictures are cut from")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--pictures", type=int, default=24_000)
    parser.add_argument("--vae-steps", type=int, default=2_700)
    parser.add_argument("--steps", type=int, default=6_800, help="of the denoiser")
    parser.add_argument("--decoder-steps", type=int, default=400)
    parser.add_argument("--adapt-steps", type=int, default=0, help="of the autoencoder of --start on photographs")
    parser.add_argument("--start", type=Path, default=WEIGHTS, help="weights that --adapt-steps and --tune-steps begin with")
    parser.add_argument("--tune-steps", type=int, default=0, help="of the denoiser afterwards, on photographs and holes")
    parser.add_argument(
        "--layers", type=int, default=3, help="residual blocks of the autoencoder, with --adapt-steps: no fewer than it has"
    )
    parser.add_argument("--rate", type=float, default=6e-4, help="learning rate of the denoiser")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (options.adapt_steps or options.tune_steps) and options.photographs is None:
        parser.error("--adapt-steps and --tune-steps want --photographs: docs/model.md names pictures that may be used")
    return options


def _draw_one(index: int) -> np.ndarray:
    scene, pose, _ = _drawing(index)
    return draw(scene, pose)


def _drawing(index: int) -> tuple[Scene, Pose, np.random.Generator]:
    """What is drawn, and the generator for what else has to do with it."""
    rng = np.random.default_rng(TRAINING_SEED + index)
    scene = random_scene(KINDS[index % len(KINDS)], rng)
    return scene, random_pose(scene, rng, occluded=rng.uniform() < 0.15), rng


def _fill_two(path: Path, drawn: int, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A hole (128, 128) bool, and with it filled the drawing of this index and the photograph of the same place among its like."""
    pictures = np.load(path, mmap_mode="r")
    hole, hidden = freed_by_drag(*_drawing(index))
    return hole, filled(pictures[index], hole, hidden), filled(pictures[drawn + index], hole, np.zeros_like(hole))


def _fills(work: Path, pictures: np.ndarray, drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawings and as many photographs, filled, (2 * drawn, 128, 128, 3) uint8, and the holes that both have, (drawn, 128, 128)."""
    files = work / "fills.npy", work / "holes.npy"
    if not files[1].exists():
        fills = np.lib.format.open_memmap(files[0], "w+", np.uint8, (2 * drawn, *pictures.shape[1:]))
        holes = np.zeros((drawn, *pictures.shape[1:3]), bool)
        with SPAWN.Pool() as pool:
            made = pool.imap(partial(_fill_two, work / "pictures.npy", drawn), range(drawn), chunksize=64)
            for index, (hole, drawing, photograph) in enumerate(made):
                holes[index], fills[index], fills[drawn + index] = hole, drawing, photograph
        np.save(files[1], holes)
    return np.load(files[0], mmap_mode="r"), np.load(files[1])


def _pictures(path: Path, drawn: int, filmed: int, folder: Path | None) -> np.ndarray:
    """Drawings, then crops of photographs: (drawn + filmed, 128, 128, 3) uint8."""
    if not path.exists():
        pictures = np.lib.format.open_memmap(path.with_suffix(".part"), "w+", np.uint8, (drawn + filmed, SIZE, SIZE, 3))
        with SPAWN.Pool() as pool:
            for index, picture in enumerate(pool.imap(_draw_one, range(drawn), chunksize=64)):
                pictures[index] = picture
        if folder is not None:
            sources = photographs(folder)
            for index in range(drawn, drawn + filmed):
                pictures[index] = random_crop(sources, np.random.default_rng(TRAINING_SEED + index))
        path.with_suffix(".part").replace(path)
    return np.load(path, mmap_mode="r")


def _batch(pictures: np.ndarray, device: torch.device, size: int = BATCH) -> Tensor:
    chosen = np.sort(torch.randint(len(pictures), (size,)).numpy())
    frames = torch.from_numpy(pictures[chosen]).to(device).permute(0, 3, 1, 2).float() / 255
    return frames.flip(-1) if torch.rand(()) < 0.5 else frames


def _rate(step: int, steps: int) -> float:
    """Warm-up, plateau, and a straight line to zero over the last quarter: a run can be prolonged at its plateau."""
    return min(1.0, (step + 1) / 200, max(0.0, (steps - step) / (0.25 * steps)))


def _train_autoencoder(vae: PatchAutoencoder, pictures: np.ndarray, steps: int, path: Path) -> None:
    """L1, squared error and gradient error, a light KL, and noise on the latents that the decoder must bear."""
    device = next(vae.parameters()).device

    def loss(frames: Tensor) -> Tensor:
        posterior = vae.distribution(frames)
        raw = posterior.sample()
        raw = raw + 0.03 * torch.randn_like(raw)
        return _picture_loss(vae.pixels(raw), frames) + 1e-5 * posterior.kl().mean() / (4 * 32 * 32)

    _optimise("autoencoder", vae, 2e-3, steps, path, lambda: loss(_batch(pictures, device)))
    with torch.no_grad():
        frames = torch.from_numpy(pictures[:512]).to(device).permute(0, 3, 1, 2).float() / 255
        raw = torch.cat([vae.distribution(part).mode() for part in frames.split(64)])
        vae.latent_mean.copy_(raw.mean((0, 2, 3)))
        vae.latent_std.copy_(raw.std((0, 2, 3)))


def _sharpen_decoder(vae: PatchAutoencoder, pictures: np.ndarray, steps: int, path: Path) -> None:
    if steps == 0:
        return
    device = next(vae.parameters()).device
    vae.kl.encoder.requires_grad_(False)
    vae.kl.quant_conv.requires_grad_(False)

    def loss() -> Tensor:
        frames = _batch(pictures, device)
        with torch.no_grad():
            raw = vae.distribution(frames).mode()
            raw = raw + 0.06 * torch.rand(len(raw), 1, 1, 1, device=device) * vae.latent_std[:, None, None] * torch.randn_like(raw)
        return _picture_loss(vae.pixels(raw), frames)

    _optimise("decoder", vae, 1e-3, steps, path, loss)


def _picture_loss(made: Tensor, frames: Tensor) -> Tensor:
    edges = sum(functional.l1_loss(made.diff(dim=d), frames.diff(dim=d)) for d in (-1, -2))
    return functional.l1_loss(made, frames) + 2 * functional.mse_loss(made, frames) + edges


@torch.no_grad()
def _latents(vae: PatchAutoencoder, pictures: np.ndarray, path: Path, sides: Sequence[bool] = (False, True)) -> Tensor:
    """Latents of every picture, then of its mirror image, (2 * pictures, 4, 32, 32) float16; sides: which of the two are wanted."""
    if not path.exists():
        device, rows = next(vae.parameters()).device, []
        for mirrored in sides:
            for start in range(0, len(pictures), 64):
                frames = torch.tensor(pictures[start : start + 64], device=device).permute(0, 3, 1, 2).float() / 255
                rows.append(vae.encode(frames.flip(-1) if mirrored else frames).half().cpu())
        torch.save(torch.cat(rows), path)
    return torch.load(path, weights_only=True)


def _train_denoiser(model: EmbeddedModel, latents: Tensor, word_of: Tensor, steps: int, rate: float, path: Path) -> None:
    """Ends with the averaged weights."""
    device = model.words.weight.device

    def loss() -> Tensor:
        chosen = torch.randint(len(latents), (BATCH,))
        return _noise_loss(model, latents[chosen].float().to(device), word_of[chosen % len(word_of)])

    _optimise("denoiser", _denoising(model), rate, steps, path, loss)


def _tune_denoiser(
    model: EmbeddedModel, clean: Tensor, fill: Tensor, holes: np.ndarray, word_of: Tensor, steps: int, path: Path
) -> None:
    """Half of each batch are whole pictures, half are to be filled. clean, fill: (2 * D, 4, 32, 32); holes (D, 128, 128) bool."""
    device = model.words.weight.device
    alphas, cells = stable_diffusion_alphas().to(device), mask_to_cells(torch.from_numpy(holes)[:, None], size_of(clean)) > 0

    def loss() -> Tensor:
        whole, holed = torch.randint(len(clean), (2, BATCH // 2))
        true, filled_in = (latents[holed].float().to(device) for latents in (clean, fill))
        of_whole = _noise_loss(model, clean[whole].float().to(device), word_of[whole])
        hole, context = cells[holed % len(cells)].to(device), _context(model, word_of[holed])
        return of_whole + filling_loss(partial(_noise, model), true, filled_in, hole, context, alphas)

    _optimise("denoiser", _denoising(model), TUNE_RATE, steps, path, loss)


def _denoising(model: EmbeddedModel) -> torch.nn.Module:
    return torch.nn.ModuleDict({"denoiser": model.denoiser, "words": model.words})


def _noise_loss(model: EmbeddedModel, clean: Tensor, word_of: Tensor) -> Tensor:
    """Epsilon loss of latents (B, 4, 32, 32), weighted by min(SNR, 5) / SNR; word_of (B,): the kind that each shows, 0 for none."""
    alphas = stable_diffusion_alphas().to(clean.device)
    noise, timestep = torch.randn_like(clean), torch.randint(900, (len(clean),), device=clean.device)
    alpha = alphas[timestep, None, None, None]
    made = _noise(model, alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, timestep, _context(model, word_of))
    weight = (5 * (1 - alpha) / alpha).clamp(max=1)
    return (weight * (made - noise).square()).mean()


def _noise(model: EmbeddedModel, noisy: Tensor, timestep: Tensor, context: Tensor) -> Tensor:
    return model.denoiser(noisy, timestep, context).sample.float()


def _context(model: EmbeddedModel, word_of: Tensor) -> Tensor:
    """The prompts of pictures of these kinds (B,), (B, 4, 64); one in five is empty."""
    device = model.words.weight.device
    kind = torch.where(torch.rand(len(word_of)) < 0.2, 0, word_of)
    return model.words(word_ids([""] + list(KINDS), device)[kind.to(device)])


def _optimise(name: str, module: torch.nn.Module, rate: float, steps: int, path: Path, loss_of_step: Callable[[], Tensor]) -> None:
    """AdamW with a moving average of the weights; resumes from `path`; leaves the averaged weights in the module."""
    module.train()
    weights = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=1e-3, betas=(0.9, 0.99))
    average, first = copy.deepcopy(module.state_dict()), 0
    if path.exists():
        held = torch.load(path, map_location=weights[0].device, weights_only=True)
        module.load_state_dict(held["weights"])
        optimiser.load_state_dict(held["optimiser"])
        average, first = held["average"], held["step"]
    began, mean = time.time(), None
    for step in range(first, steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * _rate(step, steps)
        loss = loss_of_step()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        keep = min(0.998, (step + 1) / (step + 10))
        for key, value in module.state_dict().items():
            average[key].lerp_(value, 1 - keep) if value.is_floating_point() else average[key].copy_(value)
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if (step + 1) % 100 == 0 or step + 1 == steps:
            print(
                f"{name} {step + 1}/{steps} loss {mean:.4f} {(time.time() - began) / (step + 1 - first):.2f} s a step", flush=True
            )
        if (step + 1) % 200 == 0 or step + 1 == steps:
            held = {"weights": module.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": step + 1}
            torch.save(held, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
    module.load_state_dict(average)
    module.eval()


if __name__ == "__main__":
    main()
