"""The per-frame baseline: DragDiffusion's loop, written plainly, one frame after the other.

No point sets, no features averaged over frames, no shared move: every frame has its own optimiser on one latent (step 35),
its own template (its first features), and its handles are looked for in a square around where they were. Handles reach the
later frames as single DIFT matches. As published, the denoiser runs whole for every gradient, the features are resized to
half the picture's resolution, and the mask holds the latent of the next step, so that the way back is whole as well. (As
published, the weights are not frozen either, and their gradients are worked out and thrown away: call this with a denoiser
that asks for gradients to have that too.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dragvideo_core.diffusion.ddim import Ddim
from dragvideo_core.dragging import supervision
from dragvideo_core.points.sampling import lookup, mask_to_cells
from dragvideo_core.types import DragModel, DragResult, Inversion, PointTracks

STEP = 35  # of 50
PATCH = 3  # r_p: half side of the tracking square, in cells of the grid at half resolution
MASK_WEIGHT = 0.1


def drag_per_frame(
    inversion: Inversion,
    tracks: PointTracks,
    model: DragModel,
    iterations: int,
    learning_rate: float = 0.01,
    arrive: float = 2.0,
    step: int = STEP,
) -> DragResult:
    """The edit of every frame on its own. `tracks` with one point per set (S = 1); its mask is used.

    step: which latent, of 50. arrive: in cells; 0: never.
    """
    offsets, paths, losses, arrived = [], [], [], []
    for i in range(len(tracks.handles)):
        offset, path, loss, there = _drag_frame(inversion, tracks, model, i, iterations, learning_rate, arrive, step)
        offsets.append(offset)
        paths.append(path)
        losses.append(loss)
        arrived.append(there)
    longest = max(len(path) for path in paths)
    padded = [torch.cat([path, path[-1:].expand(longest - len(path), -1, -1, -1)]) for path in paths]
    rows = torch.zeros(longest - 1, 2)
    for loss in losses:
        rows[: len(loss)] += loss
    return DragResult(
        offsets={step: torch.cat(offsets)}, handle_path=torch.stack(padded, 1), losses=rows, arrived=torch.stack(arrived).all(0)
    )


def _drag_frame(inversion, tracks, model, i, iterations, learning_rate, arrive, step):
    ddim, size = Ddim(model.alphas_cumprod, model.prediction), tuple(tracks.edit_mask.shape[-2:])
    z_t = inversion.latents[step][i : i + 1].to(model.device)
    cell_mask = mask_to_cells(tracks.edit_mask[i : i + 1], z_t.shape[-2:]).to(model.device)
    handles, targets = tracks.handles[i].to(model.device), tracks.targets[i].to(model.device)  # (J, 1, 2)
    patch = supervision.patch_offsets(1, model.device)
    x_t = z_t.clone().requires_grad_()
    optimiser = torch.optim.Adam([x_t], lr=learning_rate)
    with torch.no_grad():
        features, z_below = _features_and_below(model, z_t, ddim, step, size)
        template = lookup(features, handles[None], size)[0]  # (J, 1, C)
    path, losses = [handles.cpu()], []
    for k in range(iterations):
        features, x_below = _features_and_below(model, x_t, ddim, step, size)
        if k > 0:
            handles = _track(features.detach(), template, handles, size)
        left = (targets - handles).norm(dim=-1)
        if bool((left < arrive * supervision.GRID).all()):
            break
        there = supervision.directions(handles, targets) * supervision.GRID
        around = lookup(features, (handles[..., None, :] + patch)[None], size).detach()
        ahead = lookup(features, (handles + there)[..., None, :][None] + patch, size)
        pull = ((ahead - around).abs().mean(-1) * (left >= arrive * supervision.GRID)[None, ..., None]).sum()
        hold = supervision.mask_loss(x_below, z_below, cell_mask)
        optimiser.zero_grad()
        (pull + MASK_WEIGHT * hold).backward()
        optimiser.step()
        path.append(handles.cpu())
        losses.append(torch.stack([pull, hold]).detach().cpu())
    left = (targets - handles).norm(dim=-1).mean(-1)
    return (
        (x_t - z_t).detach().cpu(),
        torch.stack(path),
        torch.stack(losses) if losses else torch.zeros(0, 2),
        (left < arrive * supervision.GRID).cpu(),
    )


def _features_and_below(model: DragModel, x_t: Tensor, ddim: Ddim, step: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Up block 2 at half the resolution of a picture of `size`, and the latent one step below, with the graph of both."""
    caught = []
    hook = model.denoiser.up_blocks[2].register_forward_hook(lambda module, inputs, output: caught.append(output))
    try:
        context = model.context.to(model.device, model.dtype).expand(len(x_t), -1, -1)
        output = model.denoiser(x_t.to(model.dtype), ddim.timestep(step), context, return_dict=False)[0].float()
    finally:
        hook.remove()
    features = functional.interpolate(caught[0].float(), (size[0] // 2, size[1] // 2), mode="bilinear")
    return features, ddim.move(x_t, output, step, step - 1)


def _track(features: Tensor, template: Tensor, handles: Tensor, size: tuple[int, int]) -> Tensor:
    """Each handle to the place in its square whose features are nearest to the template, by L1."""
    steps = torch.arange(-PATCH, PATCH + 1, device=handles.device, dtype=torch.float32) * supervision.GRID
    square = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    places = handles[..., None, :] + square  # (J, 1, D, 2)
    gap = (lookup(features, places[None], size)[0] - template[..., None, :]).abs().sum(-1)
    best = gap.argmin(-1, keepdim=True)
    return places.gather(-2, best[..., None].expand(*best.shape, 2)).squeeze(-2)
